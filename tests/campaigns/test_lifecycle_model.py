"""The buttons of a campaign, the planner, the dispatchers and the sweep, pressed by several at once in any order.

Real connections, a channel that takes, refuses, postpones and breaks. Whatever happened: everybody of the audience has
one row, nobody was handed over twice without a person's word, and what is written agrees with what the provider saw.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connections

from campaigns.channels.base import Channel, Envelope, Receipt, Session, Status
from campaigns.models import Campaign, CampaignCount, ChannelAccount, Message
from campaigns.services.deciding import planning
from campaigns.services.running import counts, lifecycle, standing
from campaigns.services.sending import accounts, dispatch, limits, recovery
from tests.campaigns.making import NOW, make_campaign, make_patients, policy

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]
PEOPLE, ACTORS, PRESSES = 60, 4, 12
FATES = (Status.ACCEPTED,) * 12 + (Status.REFUSED, Status.POSTPONED, Status.UNKNOWN)


class Provider(Channel):
    """Notes every message it takes; its mood comes from the seed."""

    code: ClassVar[str] = "email"

    def __init__(self, seed: int) -> None:
        self._chance, self._lock = random.Random(seed), threading.Lock()
        self.taken: Counter[int] = Counter()

    @classmethod
    def from_settings(
        cls, params: Mapping[str, Any], sender: str, reply_to: str, environ: Mapping[str, str]
    ) -> "Provider":
        raise NotImplementedError

    def check(self) -> str:
        return ""

    @contextmanager
    def open(self) -> Iterator[Session]:
        yield _Session(self)

    def fate(self, envelope: Envelope) -> Receipt:
        with self._lock:
            status = self._chance.choice(FATES)
            if status in (Status.ACCEPTED, Status.UNKNOWN):
                self.taken[envelope.message_id] += 1
        return Receipt(envelope.message_id, status)


class _Session(Session):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def send(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        for envelope in envelopes:
            yield self._provider.fate(envelope)


def pressed(campaign_id: int, seed: int, standing_one: bool, stops: bool, problems: list[str]) -> None:
    """One person, or one worker, in an order of its own."""
    chance = random.Random(seed)
    now = NOW
    buttons: list[tuple[int, Callable[[], object]]] = [
        (3, lambda: planning.plan(campaign_id, now)),
        (2, lambda: lifecycle.pause(campaign_id, None, now)),
        (4, lambda: lifecycle.resume(campaign_id, None, now)),
        (2, lambda: lifecycle.retry_failed(campaign_id, None, now)),
        (2, lambda: counts.refresh(campaign_id, now)),
        (2, lambda: recovery.sweep(now)),
        (2, lambda: standing.take(now - timedelta(days=chance.randint(-1, 1))) if standing_one else None),
        (int(stops), lambda: lifecycle.stop(campaign_id, None, now)),
        (8, lambda: dispatch.run("email", lambda: now, limit=chance.choice([1, 5, 40]))),
    ]
    try:
        for _press in range(PRESSES):
            act = chance.choices([button for _weight, button in buttons], [weight for weight, _button in buttons])[0]
            with suppress(lifecycle.NotAllowed):
                act()
            now += timedelta(minutes=chance.choice([0, 0, 2]))
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        connections.close_all()


@pytest.mark.parametrize("seed", range(6))
def test_pressed_in_any_order_nothing_is_lost_and_nothing_goes_twice(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = seed % 3 == 2
    limits.works_again("email")
    policy(cap_messages=100)
    provider = Provider(seed)
    monkeypatch.setattr(accounts, "channel", lambda code: provider)
    ChannelAccount.objects.create(channel="email", sender="news@clinic.example", per_second=100_000.0)
    make_patients(PEOPLE)
    campaign = make_campaign(holdout_percent=10, standing=bool(seed % 2), skip_booked=False)
    lifecycle.launch(campaign.pk, None, NOW)
    problems: list[str] = []
    actors = [
        threading.Thread(target=pressed, args=(campaign.pk, seed * 100 + number, bool(seed % 2), stops, problems))
        for number in range(ACTORS)
    ]
    for actor in actors:
        actor.start()
    for actor in actors:
        actor.join()
    assert not problems
    planning.plan(campaign.pk, NOW)
    with suppress(lifecycle.NotAllowed):  # stopped
        lifecycle.resume(campaign.pk, None, NOW)
    later = NOW
    for _hour in range(12):  # until nothing waits any more
        later += timedelta(minutes=20)
        limits.works_again("email")
        dispatch.run("email", lambda: later)  # noqa: B023
    counts.refresh(campaign.pk, later)

    rows = list(Message.objects.filter(campaign=campaign))
    campaign.refresh_from_db()
    stopped = campaign.state == Campaign.State.STOPPED
    # Stopped before it was planned, it has no ledger.
    assert len(rows) == len({row.patient_id for row in rows}) == (0 if stopped and not rows else PEOPLE)
    states = Counter(row.state for row in rows)
    assert set(states) <= {"sent", "failed", "unknown", "holdout", *(["cancelled"] if stopped else [])}, states
    assert max(provider.taken.values(), default=1) == 1, "somebody was written to twice"
    assert {row.pk for row in rows if row.state in ("sent", "unknown")} == set(provider.taken)
    counted = CampaignCount.objects.filter(campaign=campaign).values_list("state", "messages")
    told: Counter[str] = Counter()
    for state, messages in counted:
        told[state] += messages
    assert told == states
    if not stopped:
        assert campaign.state == (Campaign.State.RUNNING if campaign.standing else Campaign.State.FINISHED)
