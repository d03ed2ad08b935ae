"""From an audience to the ledger."""

import datetime

import pytest

from campaigns.models import Message
from campaigns.services import gate, planning
from tests.campaigns.making import NOW, launch, make_campaign, make_patients

pytestmark = pytest.mark.django_db


def test_everybody_in_the_audience_gets_one_row() -> None:
    make_patients(5)
    campaign = launch(make_campaign())
    assert Message.objects.filter(campaign=campaign, state="planned").count() == 5
    assert campaign.state == "running"
    ids = list(Message.objects.values_list("pk", flat=True))
    Message.objects.update(state="sending", claimed_at=NOW)
    assert gate.recheck(ids, NOW + datetime.timedelta(minutes=1)) == {}
