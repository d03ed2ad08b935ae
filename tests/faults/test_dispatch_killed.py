"""Processes that send are killed with -9 at random moments: nobody is written to twice, every row says what is so."""

import os
import random
import time
from pathlib import Path

import pytest

from campaigns.models import Dispatcher, Suppression
from campaigns.services.sending import recovery
from campaigns.services.sending.coordinating import SENDERS
from campaigns.services.sending.limits import LOT
from tests.faults import dispatching
from tests.faults.dispatching import NOW, alive, dispatchers, email_account, explained, kill, plan, running_campaign
from tests.faults.smtp_server import does_not_exist, smtp_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
MESSAGES = int(os.environ.get("FAULTS_MESSAGES", "20000"))
KILLS = 20


def finish() -> None:
    """What the next worker does, once the database has noticed the deaths."""
    dispatching.wait_until(lambda: not dispatching.locks_held())
    report = dispatching.send()
    assert not report.note
    recovery.sweep(NOW)


def test_killed_twenty_times_while_twenty_thousand_messages_go(tmp_path: Path) -> None:
    chance = random.Random(20)
    with smtp_server(tmp_path / "accepted") as peer, dispatchers() as start:
        email_account(peer)
        campaign = running_campaign()
        plan(campaign, MESSAGES)
        for number in range(KILLS):
            process, before = start(), peer.count()
            if number % 5:  # while mail goes out
                more = chance.randrange(1, MESSAGES // 30)
                dispatching.wait_until(lambda enough=before + more: peer.count() >= enough)
            time.sleep(chance.uniform(0, 0.1))
            assert alive(process), "it ended by itself"
            kill(process)
        finish()
        states = explained(campaign, MESSAGES, peer)
    assert set(states) <= {"sent", "unknown"}
    # A crash leaves in doubt what was in the senders' hands, not what was merely claimed.
    assert 0 < states["unknown"] <= KILLS * LOT * (SENDERS + 1)


def test_killed_while_the_server_refuses_one_in_ten(tmp_path: Path) -> None:
    chance = random.Random(10)
    with smtp_server(tmp_path / "accepted", "--refuse", 10) as peer, dispatchers() as start:
        email_account(peer)
        campaign = running_campaign()
        messages = plan(campaign, 1500)
        for number in range(1, 4):
            process = start()
            dispatching.wait_until(lambda enough=300 * number: peer.count() >= enough)
            time.sleep(chance.uniform(0, 0.1))
            kill(process)
        finish()
        states = explained(campaign, 1500, peer)
    refused = {message.pk for message in messages if does_not_exist(message.patient.email, 10)}
    failed = campaign.messages.filter(state="failed")
    assert set(failed.values_list("reason", flat=True)) == {"refused"}
    assert set(failed.values_list("pk", flat=True)) <= refused
    assert len(refused) == states["failed"] + campaign.messages.filter(pk__in=refused, state="unknown").count()
    # Nothing is sent to them any more, whatever the campaign.
    suppressed = set(Suppression.objects.filter(reason="bounce").values_list("address_key", flat=True))
    assert set(failed.values_list("address_key", flat=True)) == suppressed


def test_two_dispatchers_share_the_work_and_one_is_killed(tmp_path: Path) -> None:
    with smtp_server(tmp_path / "accepted") as peer, dispatchers() as start:
        email_account(peer)
        campaign = running_campaign()
        plan(campaign, 4000)
        first, second = start(), start()
        dispatching.wait_until(lambda: peer.count() > 500)
        kill(first)
        dispatching.wait_until(lambda: not alive(second))
        finish()
        states = explained(campaign, 4000, peer)
    assert set(states) <= {"sent", "unknown"}
    assert states["unknown"] <= LOT * (SENDERS + 1)
    workers = campaign.messages.filter(state="sent").values_list("dispatcher", flat=True).distinct()
    assert len(workers) >= 2
    assert not Dispatcher.objects.filter(ended_at=None).exists()
