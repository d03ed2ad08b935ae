"""Stored counts of rules against a plain recount of the rows, and what the pages make of them."""

import datetime as dt
import random
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Message, MessageEvent
from patients.models import Patient
from tests.campaigns.making import NOW, make_patients
from tests.triggers.making import fire, make_rule, make_step
from triggers.models import Firing, FiringStep, RuleCount, TriggerRule
from triggers.services import counting

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def ladder(
    rule: TriggerRule, patient: Patient, due: dt.datetime, state: str, fates: list[tuple[str, str, str]]
) -> None:
    """A firing with its steps; a fate is the state of the step, the state of its message ("": none), the reason."""
    firing = Firing.objects.create(
        rule=rule, patient=patient, occasion=f"{due.isoformat()}", state=state, anchor_at=due, since=due, first_due=due,
        found_at=due,
    )  # fmt: skip
    steps = zip(rule.steps.order_by("position"), fates, strict=True)
    for number, (step, (fate, of_message, reason)) in enumerate(steps):
        at, message = due + 3 * number * DAY, None
        if of_message:
            message = Message.objects.create(
                dedupe_key=f"t{firing.pk}:s{step.pk}", patient=patient, channel="email", purpose="marketing",
                state=of_message, reason=reason, planned_at=at, due_at=at, cost=2,
                sent_at=at if of_message == "sent" else None,
            )  # fmt: skip
        FiringStep.objects.create(
            firing=firing, step=step, due_at=at, useful_until=at + DAY, state=fate, message=message,
            reason="" if of_message else reason,
        )  # fmt: skip


def recounted(rule: TriggerRule) -> Counter[tuple[Any, ...]]:
    """The rows read one by one."""
    found: Counter[tuple[Any, ...]] = Counter()
    for firing in Firing.objects.filter(rule=rule):
        found[timezone.localdate(firing.first_due), None, "firing", firing.state, ""] += 1
    for step in FiringStep.objects.filter(firing__rule=rule).select_related("message"):
        day = timezone.localdate(step.due_at)
        planned = step.state == "planned" and step.message is not None
        state, reason = (
            (step.message.state, step.message.reason) if planned and step.message else (step.state, step.reason)
        )
        found[day, step.step_id, "step", state, reason] += 1
        for kind in {event.kind for event in step.message.events.all() if not event.machine} if step.message else ():
            found[day, step.step_id, "event", kind, ""] += 1
    return found


def stored(rule: TriggerRule) -> Counter[tuple[Any, ...]]:
    rows = RuleCount.objects.filter(rule=rule)
    return Counter({(row.day, row.step_id, row.kind, row.state, row.reason): row.number for row in rows})


@pytest.fixture
def busy() -> TriggerRule:
    """Two hundred ladders of forty days, with every kind of fate."""
    rule = make_rule("birthday", [make_step(-3), make_step(0)])
    luck = random.Random(5)
    fates = [
        ("planned", "sent", ""), ("planned", "suppressed", "no_consent"), ("waiting", "", ""), ("skipped", "", "late"),
        ("planned", "planned", ""), ("planned", "failed", "channel_failed"), ("held", "suppressed", "goal_met"),
    ]  # fmt: skip
    for patient in make_patients(200):
        state = luck.choice(["open", "done", "holdout", "cooldown"])
        ladder(rule, patient, NOW - luck.randrange(40) * DAY, state, [luck.choice(fates), luck.choice(fates)])
    FiringStep.objects.filter(state="held").update(reason="")
    for number, message in enumerate(Message.objects.filter(state="sent")):
        for kind in luck.sample(["delivered", "clicked", "complained", "unsubscribed"], 2):
            MessageEvent.objects.create(
                message=message, kind=kind, at=NOW, event_id=f"{kind}{number}", machine=luck.random() < 0.3
            )
    return rule


def test_the_night_counts_every_row_once(busy: TriggerRule) -> None:
    counting.refresh(NOW, everything=True)
    assert stored(busy) == recounted(busy)
    assert sum(row.cost for row in RuleCount.objects.all()) == 2 * Message.objects.count()


def test_counted_again_nothing_is_written(busy: TriggerRule) -> None:
    assert counting.refresh(NOW, everything=True) > 0
    assert counting.refresh(NOW, everything=True) == 0


def test_a_minute_counts_what_has_changed_and_leaves_older_days_alone(busy: TriggerRule) -> None:
    counting.refresh(NOW, everything=True)
    step = FiringStep.objects.filter(state="waiting", due_at__gte=NOW - DAY).first()
    assert step is not None
    FiringStep.objects.filter(pk=step.pk).update(state="skipped", reason="stopped")
    Firing.objects.filter(pk=step.firing_id).update(state="stopped")
    assert counting.refresh(NOW) > 0
    assert stored(busy) == recounted(busy)


def test_rules_that_are_off_and_done_are_left_to_the_night(busy: TriggerRule) -> None:
    Firing.objects.filter(state="open").update(state="done")
    TriggerRule.objects.update(enabled=False)
    assert counting.refresh(NOW) == 0
    assert counting.refresh(NOW, everything=True) > 0


def test_a_click_by_a_machine_or_twice_by_a_person_is_not_two() -> None:
    rule = make_rule("birthday", [make_step(0)])
    (patient,) = make_patients(1)
    ladder(rule, patient, NOW, "done", [("planned", "sent", "")])
    message = Message.objects.get()
    for number, machine in enumerate([True, False, False]):
        MessageEvent.objects.create(
            message=message, kind="clicked", at=NOW + number * dt.timedelta(minutes=5), event_id=str(number),
            machine=machine,
        )  # fmt: skip
    counting.refresh(NOW)
    assert [row.number for row in RuleCount.objects.filter(kind="event")] == [1]


def test_a_live_ladder_is_counted_within_the_next_minute() -> None:
    rule = make_rule("birthday", [make_step(0), make_step(1)])
    make_patients(3, birth_date=dt.date(1990, NOW.month, NOW.day))
    fire(NOW)
    counting.refresh(NOW)
    assert stored(rule) == recounted(rule)
    assert sum(row.number for row in RuleCount.objects.filter(kind="firing", state="open")) == 3
    assert sum(row.number for row in RuleCount.objects.filter(kind="step", state="waiting")) == 3
