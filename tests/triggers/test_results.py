"""What rules brought: every stored sum recomputed from the rows in plain Python, and effects planted in rows found."""

import datetime
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.attribution import Group, shares
from campaigns.models import Message
from patients.models import Payment, Visit
from tests.campaigns.making import _key, consent, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from triggers.models import Firing, FiringStep, RuleResult, TriggerRule
from triggers.services import results

pytestmark = pytest.mark.django_db
MOSCOW = ZoneInfo("Europe/Moscow")
START = datetime.datetime(2026, 3, 2, 10, 0, tzinfo=MOSCOW)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def rule() -> TriggerRule:
    return make_rule("birthday", [make_step(0)], on=START - 30 * DAY, window_days=30, goal="visit")


def fire(rule: TriggerRule, patient: Any, due: datetime.datetime, state: str = "done", cost: str = "0") -> Firing:
    firing = Firing.objects.create(
        rule=rule, patient=patient, occasion=f"{due:%Y-%m-%d}", state=state, anchor_at=due, since=due, first_due=due,
        found_at=due,
    )  # fmt: skip
    if state == "holdout":
        return firing
    step = rule.steps.get()
    message = Message.objects.create(
        dedupe_key=f"t{firing.pk}:s{step.pk}", patient=patient, channel="email", purpose="marketing", state="sent",
        planned_at=due, due_at=due, sent_at=due, cost=Decimal(cost),
    )  # fmt: skip
    FiringStep.objects.create(
        firing=firing, step=step, due_at=due, useful_until=due + DAY, state="planned", message=message
    )
    return firing


def pay(patient: Any, day: datetime.date, amount: int, kind: str = "single") -> None:
    at = datetime.datetime.combine(day, datetime.time(12), MOSCOW)
    Payment.objects.create(patient=patient, paid_at=at, paid_on=day, amount=amount, kind=kind, **_key())


def stored(rule: TriggerRule, as_of: datetime.date) -> dict[str, dict[str, Any]]:
    results.refresh_as_of(as_of)
    return {row.group: row.figures for row in RuleResult.objects.filter(rule=rule, as_of=as_of)}


def recomputed(rule: TriggerRule, as_of: datetime.date) -> dict[str, dict[str, Any]]:
    """From the rows, one after the other."""
    kept: dict[int, list[tuple[datetime.datetime, list[Firing]]]] = defaultdict(list)
    counted = ("open", "done", "withdrawn", "stopped", "holdout")
    for firing in Firing.objects.filter(rule=rule, state__in=counted).order_by("first_due", "pk"):
        due_on = firing.first_due.astimezone(MOSCOW).date()
        words = firing.patient.consents.filter(channel="email", purpose="marketing", granted=True)
        agreed = any(w.at <= firing.first_due and (w.until is None or w.until > firing.first_due) for w in words)
        if due_on >= as_of or due_on < as_of - 365 * DAY or not agreed or not firing.patient.email:
            continue
        mine = kept[firing.patient_id]
        if mine and firing.first_due - mine[-1][0] < rule.window_days * DAY:
            mine[-1][1].append(firing)
        else:
            mine.append((firing.first_due, [firing]))
    sums: dict[str, dict[str, Any]] = {}
    for ladders in kept.values():
        for due, firings in ladders:
            first = due.astimezone(MOSCOW).date()
            last = min(first + rule.window_days * DAY, as_of)
            patient = firings[0].patient
            came = [
                v for v in Visit.objects.filter(patient=patient, status="completed", deleted_at=None)
                if first < v.starts_on <= last
            ]  # fmt: skip
            money = sum(
                (-p.amount if p.kind == "refund" else p.amount)
                for p in Payment.objects.filter(patient=patient, deleted_at=None) if first < p.paid_on <= last
            )  # fmt: skip
            group = sums.setdefault(
                "holdout" if firings[0].state == "holdout" else "treated",
                {"n": 0, "came": 0, "visits": 0, "paid": 0, "money": 0.0, "money2": 0.0, "cost": 0.0, "complete_n": 0},
            )
            group["n"] += 1
            group["came"] += bool(came)
            group["visits"] += len(came)
            group["paid"] += money != 0
            group["money"] += float(money)
            group["money2"] += float(money) ** 2
            group["cost"] += float(sum(s.message.cost for f in firings for s in f.steps.all() if s.message))
            group["complete_n"] += first + rule.window_days * DAY <= as_of
    return sums


def test_every_sum_can_be_recomputed_from_the_rows(rule: TriggerRule) -> None:
    chance = random.Random(7)
    people = make_patients(40)
    consent(people[0], granted=False, at=START - DAY)  # had taken it back before
    consent(people[1], granted=False, at=START + 90 * DAY)  # takes it back long afterwards
    for number, patient in enumerate(people):
        side = "holdout" if number % 5 == 0 else chance.choice(["done", "open", "withdrawn", "stopped"])
        for _ in range(chance.randint(1, 3)):
            due = START + chance.randint(0, 80) * DAY + datetime.timedelta(minutes=number)
            if not Firing.objects.filter(patient=patient, occasion=f"{due:%Y-%m-%d}").exists():
                fire(rule, patient, due, side, cost="2.50")
        for _ in range(chance.randint(0, 4)):
            at = START + chance.randint(-10, 120) * DAY
            make_visit(patient, at, chance.choice(["completed", "completed", "cancelled"]))
            pay(patient, at.date(), chance.randint(1, 9) * 1000, chance.choice(["single", "refund", "package"]))
    for as_of in (datetime.date(2026, 4, 1), datetime.date(2026, 5, 1), datetime.date(2026, 9, 1)):
        found, truth = stored(rule, as_of), recomputed(rule, as_of)
        assert found.keys() == truth.keys() == {"treated", "holdout"}
        for group, sums in truth.items():
            complete = sums.pop("complete_n")
            assert {name: found[group][name] for name in sums} == pytest.approx(sums)
            assert found[group]["complete"]["n"] == complete


def test_ladders_that_never_began_are_in_neither_group(rule: TriggerRule) -> None:
    late, resting, unreachable = make_patients(3)
    unreachable.email = ""
    unreachable.save()
    fire(rule, late, START, "late")
    fire(rule, resting, START, "cooldown")
    fire(rule, unreachable, START)
    assert stored(rule, START.date() + 10 * DAY) == {}


def test_the_same_night_again_gives_the_same_rows(rule: TriggerRule) -> None:
    (patient,) = make_patients(1)
    fire(rule, patient, START)
    as_of = START.date() + 40 * DAY
    assert stored(rule, as_of) == stored(rule, as_of)
    results.rewind(as_of)
    assert not RuleResult.objects.exists()


@pytest.mark.parametrize(("treated_share", "real"), [(0.2, False), (0.45, True)], ids=["null", "effect"])
def test_an_effect_planted_in_rows_is_found_and_none_is_not(
    rule: TriggerRule, treated_share: float, real: bool
) -> None:
    chance = random.Random(11)
    people = make_patients(400)
    firings = [
        Firing(rule=rule, patient=patient, occasion="x", state="holdout" if number % 2 else "done", anchor_at=START,
               since=START, first_due=START, found_at=START)
        for number, patient in enumerate(people)
    ]  # fmt: skip
    Firing.objects.bulk_create(firings)
    Visit.objects.bulk_create(
        Visit(patient=patient, starts_at=START + 5 * DAY, starts_on=START.date() + 5 * DAY, status="completed",
              **_key())
        for number, patient in enumerate(people)
        if chance.random() < (0.2 if number % 2 else treated_share)
    )  # fmt: skip
    found = stored(rule, START.date() + 45 * DAY)
    treated, holdout = Group.of(found["treated"]), Group.of(found["holdout"])
    assert (treated.n, holdout.n) == (200, 200)
    difference = shares.share_difference(treated, holdout)
    assert difference.excludes_zero is real
    assert difference.low <= treated_share - 0.2 <= difference.high
