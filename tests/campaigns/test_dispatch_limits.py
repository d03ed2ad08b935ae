"""How fast and how much: shared by all workers, safe when Valkey forgets, and nothing without it."""

import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.models import ChannelAccount, Message
from campaigns.services.sending import limits
from campaigns.services.sending.dispatch import NO_VALKEY
from tests.campaigns.making import NOW
from tests.faults.dispatching import email_account, plan, running_campaign, send, states
from tests.faults.smtp_server import smtp_server

pytestmark = pytest.mark.stack
DAY = datetime.timedelta(days=1)
MORNING = datetime.datetime(2026, 11, 24, 6, 0, tzinfo=datetime.UTC)  # nine in Moscow


@pytest.fixture(autouse=True)
def valkey() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()


def account(**fields: object) -> ChannelAccount:
    return ChannelAccount(channel="email", **{"per_second": 200.0, **fields})


def taken_within(seconds: float, whose: ChannelAccount) -> int:
    end, taken = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        grant = limits.take(whose, 32, NOW)
        taken += grant.messages
        time.sleep(min(grant.wait, 0.02))
    return taken


def test_the_bucket_starts_empty_and_fills_at_the_rate() -> None:
    assert limits.take(account(), 32, NOW).messages == 0
    began = time.monotonic()
    taken = taken_within(1.0, account())
    assert 140 <= taken <= 200 * (time.monotonic() - began) + 1


def test_workers_share_the_rate() -> None:
    taken: list[int] = []
    began = time.monotonic()
    threads = [threading.Thread(target=lambda: taken.append(taken_within(0.8, account()))) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 100 <= sum(taken) <= 200 * (time.monotonic() - began) + 1


def test_after_a_rest_no_more_than_half_a_second_is_given_at_once() -> None:
    limits.take(account(), 1, NOW)
    time.sleep(1.2)
    got = sum(limits.take(account(), 32, NOW).messages for _number in range(10))
    assert 60 <= got <= 110


def test_a_flush_gives_nothing_away(valkey: redis.Redis) -> None:
    began, taken = time.monotonic(), 0
    for _number in range(8):
        taken += taken_within(0.1, account())
        valkey.flushdb()
    assert taken <= 200 * (time.monotonic() - began) + 1


def test_a_slow_channel_gets_one_at_a_time() -> None:
    slow = account(per_second=4.0)
    first = limits.take(slow, 32, NOW)
    assert first.messages == 0 and first.wait == pytest.approx(0.25, abs=0.01)
    time.sleep(0.26)
    assert limits.take(slow, 32, NOW).messages == 1


@pytest.mark.django_db
def test_the_count_of_the_day_survives_a_flush(valkey: redis.Redis) -> None:
    campaign = running_campaign()
    messages = plan(campaign, 6)
    sent = [message.pk for message in messages[:3]]
    Message.objects.filter(pk__in=sent).update(state="sent", sent_at=NOW, claimed_at=NOW)
    Message.objects.filter(pk=messages[3].pk).update(state="sent", sent_at=NOW - DAY, claimed_at=NOW - DAY)
    limited = account(per_day=5, per_second=100_000.0)
    for _flush in range(2):
        limits.take(limited, 32, NOW)
        time.sleep(0.01)
        assert limits.take(limited, 32, NOW).messages == 2, "three of today's five are gone"
        assert limits.take(limited, 32, NOW).day_full
        valkey.flushdb()


@pytest.mark.django_db
def test_what_was_not_used_is_given_back() -> None:
    limited = account(per_day=3, per_second=100_000.0)
    limits.take(limited, 3, NOW)
    time.sleep(0.01)
    assert limits.take(limited, 3, NOW).messages == 3
    limits.give_back(limited, 2, NOW)
    time.sleep(0.01)
    assert limits.take(limited, 3, NOW).messages == 2


def test_warm_up_and_daily_limit_the_smaller_holds() -> None:
    young = account(per_day=1000, warm_up_from=datetime.date(2026, 11, 23), warm_up_start=500, warm_up_growth=1.5)
    days = [datetime.date(2026, 11, 23) + n * DAY for n in range(4)]
    assert [limits.allowance(young, day) for day in days] == [500, 750, 1000, 1000]
    assert limits.allowance(account(), days[0]) is None


@pytest.mark.django_db(transaction=True)
def test_over_the_limit_waits_for_the_mornings_as_many_a_day_as_it_allows(tmp_path: Path) -> None:
    with smtp_server(tmp_path / "accepted") as peer:
        email_account(peer, warm_up_from=datetime.date(2026, 11, 23), warm_up_start=10, warm_up_growth=2.0)
        campaign = running_campaign()
        plan(campaign, 100)
        report = send()
        assert (report.sent, report.note) == (10, "the daily limit is reached")
        assert peer.count() == 10
        assert states(campaign) == {("sent", ""): 10, ("deferred", "daily_limit"): 90}
        due = list(Message.objects.filter(state="deferred").order_by("due_at").values_list("due_at", flat=True))
        assert due == [MORNING] * 20 + [MORNING + DAY] * 40 + [MORNING + 2 * DAY] * 30
        assert set(Message.objects.values_list("attempts", flat=True)) == {0, 1}
        assert send(NOW).claimed == 0
        assert send(MORNING).sent == 20
        assert states(campaign)["sent", ""] == 30


@pytest.mark.django_db(transaction=True)
def test_without_valkey_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(port=1, decode_responses=True, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(limits, "_client", nobody)
    email_account(None)
    campaign = running_campaign()
    plan(campaign, 3)
    with pytest.raises(limits.Away):
        limits.take(account(), 1, NOW)
    assert send().note == NO_VALKEY
    assert states(campaign) == {("planned", ""): 3}


def test_pauses_grow_until_something_is_accepted() -> None:
    lengths = []
    for _number in range(3):
        lengths.append((limits.pause("sms", "login refused", NOW).until - NOW).total_seconds())
    assert lengths == [30, 60, 120]
    found = limits.paused("sms")
    assert found and found.why == "login refused"
    limits.works_again("sms")
    assert limits.paused("sms") is None
    assert (limits.pause("sms", "again", NOW).until - NOW).total_seconds() == 30
