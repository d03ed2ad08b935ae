"""manage.py plan: for installations without workers, and for a month lived through in a minute."""

import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Campaign
from campaigns.services.running import lifecycle
from tests.campaigns.making import NOW, launch, make_campaign, make_patients

pytestmark = pytest.mark.django_db


def plan(moment: datetime.datetime) -> str:
    out = StringIO()
    call_command("plan", "--now", moment.isoformat(), stdout=out)
    return out.getvalue().strip()


def test_launched_campaigns_are_planned_and_standing_ones_take_their_newcomers() -> None:
    standing = launch(make_campaign(standing=True))
    campaign = make_campaign()
    lifecycle.launch(campaign.pk, None, NOW)
    make_patients(2)
    assert plan(NOW) == "campaigns planned: 1; newcomers taken by standing ones: 2"
    assert plan(NOW) == "campaigns planned: 0; newcomers taken by standing ones: 0"
    assert (campaign.messages.count(), standing.messages.count()) == (2, 2)


def test_what_cannot_be_planned_is_told() -> None:
    Campaign.objects.filter(pk=make_campaign().pk).update(state="planning", audience={"where": {"attribute": "?"}})
    with pytest.raises(CommandError, match="Not planned: 1"):
        plan(NOW)
