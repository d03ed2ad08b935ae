"""Moved and cancelled appointments."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from patients.models import Patient, Visit
from tests.campaigns.making import make_patients, make_visit
from tests.triggers.asking import anchors, explained, found, note, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers import rule_types
from triggers.models import Firing, TriggerRule
from triggers.services import looking

HOUR = datetime.timedelta(hours=1)
NOTED = at(FIRST, 9)
START = NOTED + 5 * DAY


class TestMoved(TypeContract):
    code = "appointment_changed"
    steps = ((0, "minute", None), (1, "hour", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        visit = make_visit(patient, at(day + 60 * DAY), "booked", created_at=at(day - DAY))
        note(visit, at(day), starts_at=at(day + 61 * DAY), starts_on=day + 61 * DAY)


class TestCancelled(TypeContract):
    code = "appointment_changed"
    params = {"moved": False}
    steps = ((10, "minute", None),)

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        visit = make_visit(patient, at(day + 60 * DAY), "confirmed", created_at=at(day - DAY))
        note(visit, at(day), status="cancelled")


def rule(**params: Any) -> TriggerRule:
    return make_rule("appointment_changed", [make_step(0, "minute")], params, on=None)


@pytest.fixture
def visit(db: None) -> Visit:
    return make_visit(make_patients(1)[0], START, "booked", created_at=NOTED - DAY)


@pytest.mark.parametrize(
    ("change", "moved", "cancelled"),
    [
        ({"starts_at": START + HOUR}, True, False),
        ({"starts_at": START - HOUR}, True, False),
        ({"starts_at": START + HOUR, "status": "confirmed"}, True, False),
        ({"starts_at": START + datetime.timedelta(minutes=4)}, False, False),
        ({"starts_at": START + datetime.timedelta(minutes=5)}, True, False),
        ({"starts_at": NOTED - HOUR}, False, False),  # into the past: a correction, not an appointment
        ({"status": "confirmed"}, False, False),
        ({"status": "cancelled"}, False, True),
        ({"status": "cancelled", "starts_at": START + HOUR}, False, True),
        ({"status": "no_show"}, False, False),
        ({"status": "completed", "starts_at": START + HOUR}, False, False),
    ],
)
def test_which_changes_are_told(visit: Visit, change: dict[str, Any], moved: bool, cancelled: bool) -> None:
    note(visit, NOTED, **change)
    assert anchors(rule(cancelled=False)) == [NOTED] * moved
    assert anchors(rule(moved=False)) == [NOTED] * cancelled
    assert anchors(rule()) == [NOTED] * (moved or cancelled)
    assert explained(rule(), visit.patient_id, NOTED + HOUR) == [moved or cancelled]


def test_cancelled_when_it_had_begun_is_bookkeeping(visit: Visit) -> None:
    note(visit, START + HOUR, status="cancelled")
    assert anchors(rule()) == []


def test_an_appointment_brought_back_is_not_told_as_moved(visit: Visit) -> None:
    note(visit, NOTED, status="cancelled")
    note(visit, NOTED + HOUR, status="booked", starts_at=START + DAY)
    assert anchors(rule()) == [NOTED]


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"starts_at": START + 3 * HOUR}, True), ({"status": "cancelled"}, True), ({"status": "confirmed"}, False),
        ({"deleted_at": NOTED + HOUR}, True),
    ],
)  # fmt: skip
def test_changed_again_the_first_change_is_no_more(visit: Visit, change: dict[str, Any], gone: bool) -> None:
    live = make_rule("appointment_changed", [make_step(0, "minute")], on=NOTED - HOUR)
    note(visit, NOTED, starts_at=START + HOUR)
    looking.look(live.pk, NOTED + HOUR / 4)
    assert Firing.objects.get().visit_id == visit.pk
    assert not withdrawn(live, NOTED + HOUR / 2)
    if "deleted_at" in change:
        Visit.objects.update(**change)
    else:
        note(visit, NOTED + HOUR, **change)
    assert withdrawn(live, NOTED + 2 * HOUR) is gone
    assert withdrawn(live, START + HOUR), "it has begun: there is nothing to tell"


def test_two_changes_are_two_occasions(visit: Visit) -> None:
    note(visit, NOTED, starts_at=START + HOUR)
    note(visit, NOTED + HOUR, starts_at=START)
    assert len({row["occasion"] for row in found(rule())}) == 2


def test_one_of_both_must_be_chosen(db: None) -> None:
    with pytest.raises(ValidationError):
        rule_types.of("appointment_changed").clean({"moved": False, "cancelled": False})
