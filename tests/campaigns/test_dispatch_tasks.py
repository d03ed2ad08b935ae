"""The tick, the workers it asks for, and the command."""

import datetime
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from campaigns import tasks
from campaigns.models import Campaign, ChannelAccount
from campaigns.services.sending import workers
from clinic_crm.celery import app
from clinic_crm.schedule import ensure_schedule
from tests.campaigns.making import policy
from tests.faults.dispatching import NOW, email_account, plan, running_campaign, states
from tests.faults.smtp_server import Peer, smtp_server

pytestmark = pytest.mark.stack
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with smtp_server(tmp_path / "accepted") as peer:
        yield peer


def queued() -> int:
    with app.connection_for_read() as connection:
        return int(connection.default_channel.client.llen(app.conf.task_default_queue))


def awake() -> None:
    """Quiet hours elsewhere: these tests run at any time of the day."""
    now = timezone.localtime()
    policy(
        quiet_from=(now + datetime.timedelta(hours=3)).time().replace(microsecond=0),
        quiet_until=(now + datetime.timedelta(hours=4)).time().replace(microsecond=0),
    )


@committed
def test_a_worker_sends_what_the_tick_found_and_the_campaign_finishes(peer: Peer, celery_worker_process: Any) -> None:
    from tests.conftest import eventually

    awake()
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 30, due_at=timezone.now())
    tasks.dispatch_due()
    eventually(lambda: peer.count() == 30, timeout=40)
    eventually(lambda: states(campaign) == {("sent", ""): 30})
    tasks.refresh_counts()
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.FINISHED
    assert campaign.counts.get().messages == 30


@committed
def test_a_tick_asks_for_as_many_workers_as_the_backlog_is_worth(django_assert_max_num_queries: Any) -> None:
    account = email_account(None)
    tasks.dispatch_due()
    assert queued() == 0, "nothing is due"
    campaign = running_campaign()
    plan(campaign, 5_000, due_at=timezone.now())
    assert workers.wanted(account, timezone.now()) == 3
    tasks.dispatch_due()
    assert queued() == 3
    with workers.a_place("email") as first, workers.a_place("email") as second:
        assert first and second
        assert workers.busy("email") == 2
        tasks.dispatch_due()
        assert queued() == 4, "two are at it already"
    ChannelAccount.objects.update(per_second=100)
    account.refresh_from_db()
    assert workers.wanted(account, timezone.now()) == 1, "more would only wait for each other"
    Campaign.objects.update(state="paused")
    with django_assert_max_num_queries(4):
        tasks.dispatch_due()


@committed
def test_no_place_no_work(peer: Peer, settings: Any) -> None:
    settings.DISPATCH_WORKERS = 1
    awake()
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 2, due_at=timezone.now())
    with workers.a_place("email") as mine:
        assert mine
        tasks.send_due("email")
        assert states(campaign) == {("planned", ""): 2}
    tasks.send_due("email")
    assert states(campaign) == {("sent", ""): 2}


@committed
def test_the_command_sends_tells_and_ends(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 5)
    told = StringIO()
    call_command("dispatch", now=NOW, channel=["email"], limit=2, stdout=told)
    assert told.getvalue() == "email: 2 sent\n"
    told = StringIO()
    call_command("dispatch", now=NOW, once=True, stdout=told)
    assert told.getvalue() == "email: 3 sent\nsms: nothing was due\ncall: nothing was due\n"
    plan(campaign_without_account(), 1)
    with pytest.raises(CommandError, match="email"):
        call_command("dispatch", now=NOW, stdout=StringIO())


def campaign_without_account() -> Campaign:
    ChannelAccount.objects.all().delete()
    return running_campaign()


@pytest.mark.django_db
def test_schedule_is_made_once_and_the_administrators_edits_hold() -> None:
    PeriodicTask.objects.filter(name="Dispatch").update(enabled=False)
    ensure_schedule()
    found = PeriodicTask.objects.get(name="Dispatch")
    assert not found.enabled
    assert (found.task, found.expire_seconds) == ("campaigns.tasks.dispatch_due", 5)
    for task in PeriodicTask.objects.filter(task__startswith="campaigns."):
        assert task.task in app.tasks
