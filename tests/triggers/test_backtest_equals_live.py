"""The back-test is the live run asked later: two weeks lived through hour by hour, facts arriving as they do, and the
same weeks asked about at its end give the same messages, to the same people, at the same moments, or the same reasons.
"""

import datetime
import random
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Suppression
from patients.models import Consent, Patient, Visit, VisitItem
from tests.campaigns.making import address_key, policy
from tests.triggers.making import fire, make_rule, make_step
from tests.triggers.plain import Chance
from triggers.models import FiringStep, TriggerRule
from triggers.services.backtest import deciding, running, tables
from triggers.services.finding import Window, steps_of

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
FIRST = datetime.date(2025, 9, 10)
LAST = FIRST + 13 * DAY
NOON = datetime.datetime(2025, 9, 10, 12, tzinfo=datetime.UTC)
Row = tuple[int, str, int, datetime.datetime | None, str, str]
# Ten o'clock and midnight in Novosibirsk and in Moscow, in hours of Greenwich.
CLOCK = (3, 7, 17, 21)
# Those, and every hour at which a visit begins or is over.
DAYTIME = (3, *range(7, 19), 21)


@pytest.fixture
def clinic() -> Chance:
    """A clinic where people book ahead, share addresses, refuse, move to another branch, and are children."""
    made = Chance(seed=20251, people=60)
    chance = random.Random(7)
    visits = list(Visit.objects.all())
    for visit in visits:
        ahead = chance.choice((0, 0, 3, 12, 40))
        visit.created_at = visit.starts_at - ahead * DAY
    Visit.objects.bulk_update(visits, ["created_at"])
    people = list(Patient.objects.order_by("pk"))
    for patient in people:
        patient.branch_id = chance.choice([None, *(branch.pk for branch in made.branches)])
        year, month, day = chance.choice((1960, 1985, 2007)), chance.randrange(1, 13), chance.randrange(1, 28)
        patient.birth_date = datetime.date(year, month, day)
        if chance.random() < 0.2:
            patient.email = ""
        elif chance.random() < 0.3:
            patient.email = people[chance.randrange(5)].email
        if chance.random() < 0.3:
            patient.guardian = chance.choice(people[:10])
    Patient.objects.bulk_update(people, ["branch", "birth_date", "email", "guardian"])
    Consent.objects.update(at=NOON - 900 * DAY)
    for patient in people[::7]:
        Consent.objects.filter(patient=patient, channel="email").update(until=NOON + 8 * DAY)
    for patient in people[3::11]:
        Consent.objects.filter(patient=patient, channel="sms").delete()
    Suppression.objects.create(channel="email", address_key=address_key(people[12].email or "x@x"), reason="bounce")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does: without it the database plans for empty tables
    return made


def lived(rule: TriggerRule, hours: Sequence[int]) -> list[Row]:
    """Look and plan, hour by hour; a visit is known from the moment it is made."""
    window = running.window_of(FIRST, LAST)
    end = window.until + 20 * DAY
    unknown = list(Visit.objects.filter(created_at__gt=window.after).order_by("created_at"))
    items = {visit.pk: list(visit.items.all()) for visit in unknown}
    VisitItem.objects.filter(visit__in=unknown).delete()
    Visit.objects.filter(pk__in=[visit.pk for visit in unknown]).delete()
    moment = window.after.replace(minute=0, second=0, microsecond=0) + datetime.timedelta(hours=1)
    while moment <= end:
        if moment.hour in hours:
            arrived = [visit for visit in unknown if visit.created_at <= moment]
            if arrived:
                unknown = unknown[len(arrived) :]
                made = {visit.pk: visit.created_at for visit in arrived}
                Visit.objects.bulk_create(arrived)
                for visit in arrived:
                    visit.created_at = made[visit.pk]
                Visit.objects.bulk_update(arrived, ["created_at"])
                VisitItem.objects.bulk_create(item for visit in arrived for item in items[visit.pk])
            fire(moment)
            if (
                moment > window.until
                and not FiringStep.objects.filter(
                    state="waiting", firing__rule=rule, firing__first_due__lte=window.until
                ).exists()
            ):
                break
        moment += datetime.timedelta(hours=1)
    assert not TriggerRule.objects.exclude(error="").exists()
    Visit.objects.bulk_create(unknown)
    VisitItem.objects.bulk_create(item for visit in unknown for item in items[visit.pk])
    return sorted(_live_rows(rule, window), key=str)


def _live_rows(rule: TriggerRule, window: Window) -> list[Row]:
    """Of ladders that began on these days; a fact that came late also brings up those that were under way."""
    rows: list[Row] = []
    steps = FiringStep.objects.filter(
        firing__rule=rule, firing__first_due__gt=window.after, firing__first_due__lte=window.until
    )
    for step in steps.select_related("firing", "step", "message"):
        firing, message = step.firing, step.message
        if firing.state in ("cooldown", "holdout"):
            rows.append((firing.patient_id, firing.occasion, 0, None, "", firing.state))
            continue
        place = (firing.patient_id, firing.occasion, step.step.position)
        if message is not None and message.state == "planned" and step.state == "planned":
            rows.append((*place, message.due_at, message.channel, "written"))
        else:
            rows.append((*place, None, "", message.reason if message is not None and message.reason else step.reason))
    return list(set(rows))


def asked(rule: TriggerRule, now: datetime.datetime) -> list[Row]:
    """The same of the back-test."""
    steps = steps_of(rule)
    with tables.made():
        tables.fill_firings(rule, running.window_of(FIRST, LAST), steps)
        deciding.decide(rule, steps, now)
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT f.patient_id, f.occasion, s.position, CASE s.fate WHEN 'written' THEN s.goes_at END,
                    s.channel, s.fate FROM backtest_step s JOIN backtest_firing f ON f.id = s.firing_id
                UNION ALL SELECT patient_id, occasion, 0, NULL, '', state FROM backtest_firing WHERE state <> 'open'"""
            )
            return sorted(cursor.fetchall(), key=str)


LADDER = ((-7, ("email",)), (-3, ("email", "sms")), (0, ("sms", "call")))
AFTER = ((0, ("email",)), (3, ("email", "sms")), (5, ("sms",)))
RULES: dict[str, tuple[str, tuple[tuple[int, tuple[str, ...]], ...], dict[str, Any], dict[str, Any], Sequence[int]]] = {
    # type, steps, settings, fields of the rule, hours at which the live run ticks
    "recall": ("recall", LADDER, {}, {"goal": "service"}, CLOCK),
    "recall, cooldown and hold-out": (
        "recall", LADDER, {}, {"goal": "visit", "cooldown_days": 20, "holdout_percent": 30}, CLOCK,
    ),
    "recall, one a day": ("recall", LADDER, {}, {"goal": "service", "per_day": 1}, CLOCK),
    "recall at night": ("recall", LADDER, {}, {"goal": "service", "send_at": datetime.time(22)}, (15, 17, 19, 21)),
    "prescribed return": ("prescribed_return", LADDER, {}, {"goal": "visit"}, CLOCK),
    "missed cycle": ("missed_cycle", AFTER, {}, {"goal": "visit"}, CLOCK),
    "birthday": ("birthday", ((-3, ("email",)), (0, ("email", "sms"))), {}, {"goal": "none"}, CLOCK),
    "no-show": ("no_show", AFTER, {}, {"goal": "visit"}, DAYTIME),
    "review": ("review", ((0, ("email", "sms")),), {}, {"goal": "none"}, DAYTIME),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_the_back_test_gives_what_the_live_run_gave(clinic: Chance, name: str) -> None:
    policy(cap_messages=2, cap_days=7)
    code, ladder, params, fields, hours = RULES[name]
    steps = [make_step(offset, channels=channels) for offset, channels in ladder]
    rule = make_rule(code, steps, params, on=running.window_of(FIRST, LAST).after, **fields)
    live = lived(rule, hours)
    back = asked(rule, running.window_of(FIRST, LAST).until + 60 * DAY)
    assert {row[:3] for row in back} == {row[:3] for row in live}
    assert [(ours, theirs) for ours, theirs in zip(back, live, strict=True) if ours != theirs] == []
    fates = {row[5] for row in live}
    assert "written" in fates
    assert len(fates) > 1
