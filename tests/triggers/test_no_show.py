"""No-shows and cancelled appointments."""

import datetime
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from patients.models import Patient, Visit, VisitChange
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.asking import explained, found, note, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.plain import asked
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers import rule_types
from triggers.models import Firing, TriggerRule
from triggers.services import looking

HOUR = datetime.timedelta(hours=1)


class TestNoShow(TypeContract):
    code = "no_show"

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day), "no_show")


class TestCancelledInAdvance(TypeContract):
    code = "no_show"
    params = {"no_show": False}
    steps = ((1, "day", None), (7, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        visit = make_visit(patient, at(day + 4 * DAY), "booked", created_at=at(day - 9 * DAY))
        note(visit, at(day), status="cancelled")


class TestCancelledWithoutANote(TypeContract):
    code = "no_show"

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day), "cancelled")


def rule(**params: Any) -> TriggerRule:
    return make_rule("no_show", [make_step(1)], params, on=None)


def local_days(rows: list[dict[str, Any]]) -> list[datetime.date]:
    return [row["anchor_at"].astimezone(ZoneInfo(row["zone"])).date() for row in rows]


@pytest.mark.parametrize(
    ("status", "no_show", "cancelled"),
    [("no_show", True, False), ("cancelled", False, True), ("completed", False, False), ("booked", False, False)],
)
def test_each_kind_is_chosen_by_itself(db: None, status: str, no_show: bool, cancelled: bool) -> None:
    visit = make_visit(make_patients(1)[0], at(FIRST), status)
    assert len(found(rule(cancelled=False))) == no_show
    assert len(found(rule(no_show=False))) == cancelled
    assert explained(rule(), visit.patient_id, at(FIRST + DAY)) == ([True, True] if no_show or cancelled else [False])
    Visit.objects.update(deleted_at=at(FIRST))
    assert found(rule()) == []


def test_cancelled_in_advance_it_counts_from_the_day_it_was_cancelled(db: None) -> None:
    far = make_branch("Владивосток", "Asia/Vladivostok")
    visit = make_visit(make_patients(1)[0], at(FIRST + 9 * DAY), "booked", created_at=at(FIRST - DAY), branch=far)
    note(visit, at(FIRST, 20), status="cancelled")  # three in the morning of the next day there
    (row,) = found(rule())
    assert local_days([row]) == [FIRST + DAY]
    assert row["since"] == at(FIRST, 20), "whoever then comes earlier than the old time has come"


def test_cancelled_when_it_was_over_it_counts_from_its_day(db: None) -> None:
    visit = make_visit(make_patients(1)[0], at(FIRST), "booked", created_at=at(FIRST - DAY))
    note(visit, at(FIRST + 3 * DAY), status="cancelled")
    (row,) = found(rule())
    assert local_days([row]) == [FIRST]
    assert row["since"] == at(FIRST, 0), "another appointment of that day meets the goal"


def test_booked_again_before_the_first_message_is_no_occasion_and_after_it_one_withdrawn(db: None) -> None:
    live = make_rule("no_show", [make_step(1)], on=at(FIRST))
    visit = make_visit(make_patients(1)[0], at(FIRST + 9 * DAY), "booked", created_at=at(FIRST - DAY))
    note(visit, at(FIRST), status="cancelled")
    looking.look(live.pk, at(FIRST + DAY, 11))
    assert Firing.objects.count() == 1
    assert not withdrawn(live, at(FIRST + DAY, 11))
    note(visit, at(FIRST + DAY, 12), status="booked")
    assert withdrawn(live, at(FIRST + DAY, 13))
    assert len(found(rule())) == 1, "it was cancelled when the message fell due"
    VisitChange.objects.filter(status="booked").update(at=at(FIRST, 18))
    assert found(rule()) == []


def test_cancelled_twice_on_one_day_is_one_occasion(db: None) -> None:
    visit = make_visit(make_patients(1)[0], at(FIRST + 9 * DAY), "booked", created_at=at(FIRST - DAY))
    for hour, status in ((9, "cancelled"), (10, "booked"), (11, "cancelled")):
        note(visit, at(FIRST, hour), status=status)
    same_day = make_rule("no_show", [make_step(0)], on=None)
    assert len(found(same_day)) == len(found(rule())) == 1
    assert found(same_day)[0]["since"] == at(FIRST, 11)


def test_one_of_both_must_be_chosen(db: None) -> None:
    with pytest.raises(ValidationError):
        rule_types.of("no_show").clean({"no_show": False, "cancelled": False})


@pytest.mark.parametrize("seed", [1, 2])
def test_a_clinic_made_by_chance_is_read_the_same_way_in_python(db: None, seed: int) -> None:
    chance = random.Random(seed)
    patients = make_patients(8)
    for _ in range(60):
        start = at(FIRST + chance.randrange(20) * DAY, chance.randrange(9, 18))
        visit = make_visit(chance.choice(patients), start, "booked", created_at=start - 30 * DAY)
        moments = sorted(start + chance.randrange(-200, 60) * HOUR for _ in range(chance.randrange(4)))
        for moment, status in zip(
            moments, ("cancelled", "booked", chance.choice(("cancelled", "no_show"))), strict=False
        ):
            note(visit, moment, status=status)
    first, last, lead = FIRST - 9 * DAY, FIRST + 20 * DAY, 2
    for params in ({}, {"cancelled": False}, {"no_show": False}):
        rows = asked("no_show", params, first, last, lead)
        assert {(row["visit_id"], row["anchor"]) for row in rows.values()} == _by_hand(params, lead)


def _by_hand(params: dict[str, Any], lead: int) -> set[tuple[int, datetime.date]]:
    """Visit by visit, change by change; every branch is in Moscow."""
    zone, result = ZoneInfo("Europe/Moscow"), set()
    for visit in Visit.objects.prefetch_related("changes"):
        changes = sorted(visit.changes.all(), key=lambda change: (change.at, change.pk))
        in_advance = [c for c in changes if c.status == "cancelled" and c.at < c.was_starts_at]
        if params.get("no_show", True) and visit.status == "no_show":
            result.add((visit.pk, visit.starts_on))
        if not params.get("cancelled", True):
            continue
        if visit.status == "cancelled" and not in_advance:
            result.add((visit.pk, visit.starts_on))
        for change in in_advance:
            day = change.at.astimezone(zone).date()
            later = [c for c in changes if c.at > change.at and c.at.astimezone(zone).date() < day + lead * DAY]
            if not later:
                result.add((visit.pk, day))
    return result
