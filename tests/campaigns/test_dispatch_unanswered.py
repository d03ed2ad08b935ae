"""A server that answers nothing or nonsense: the campaign waits, and does not become `unknown` as a whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from campaigns.models import Campaign, Message
from campaigns.services.sending import limits
from campaigns.services.sending.sending import WITHOUT_ANSWER_IN_A_ROW
from tests.faults.dispatching import email_account, fill, running_campaign, send
from tests.faults.smtp_server import Peer, smtp_server

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    limits.works_again("email")
    with smtp_server(tmp_path / "accepted") as server:
        yield server
    limits.works_again("email")


def test_a_server_that_never_answers_stops_the_channel_and_not_the_campaign(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    fill(campaign, 300)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patients_patient SET email = 'silent' || id || '@example.org'")
    report = send()
    assert report.note, "nobody is told why"
    unknown = Message.objects.filter(campaign=campaign, state="unknown").count()
    # Those in the hands of the senders when it was noticed are lost with the others.
    assert WITHOUT_ANSWER_IN_A_ROW <= unknown <= WITHOUT_ANSWER_IN_A_ROW + 4
    assert Message.objects.filter(campaign=campaign, state="planned").count() == 300 - unknown
    assert Campaign.objects.get(pk=campaign.pk).state == "running"
    assert limits.paused("email") is not None


def test_a_slow_channel_claims_little_so_that_a_refusal_is_felt(peer: Peer) -> None:
    email_account(peer, per_second=2.0)
    fill(running_campaign(), 60)
    report = send(seconds=1.0)
    assert 0 < report.claimed <= 8
