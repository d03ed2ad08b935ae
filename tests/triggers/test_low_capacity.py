"""Filling free places: no more invitations than places, the longest overdue first, nobody twice in a period."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from patients.models import Branch, Integration, Patient, Slot, Visit
from tests.campaigns.making import make_branch, make_patients
from tests.triggers.making import look, make_rule, make_step
from tests.triggers.plain import DAY, asked
from tests.triggers.test_recall import service, use
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types
from triggers.models import Firing

D = datetime.date
WEEK = DAYS[0]


def slots(branch: Branch, day: D, free: int, total: int | None = None) -> None:
    source, _created = Integration.objects.get_or_create(code="test")
    Slot.objects.update_or_create(
        branch=branch, day=day, source=source, external_id=f"{branch.pk}-{day}", defaults={"free": free, "total": total}
    )


class TestLowCapacityContract(TypeContract):
    code = "low_capacity"
    params = {"overdue_days": 10}
    steps = ((-2, "day", None), (-1, "day", None))

    def prepare(self) -> None:
        self.service = service(recall_days=30)
        self.branch = make_branch()
        for n in range(-5, 20):
            slots(self.branch, DAYS[0] + n * DAY, 5)

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day - 42 * DAY, branch=self.branch)

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)


def overdue(branch: Branch, *days: int, on: D = WEEK) -> list[Patient]:
    """Patients whose service has been due for so many days."""
    kind = service(f"Гигиена {branch.pk}", recall_days=30)
    people = make_patients(len(days))
    for patient, number in zip(people, days, strict=True):
        use(patient, kind, on - (30 + number) * DAY, branch=branch)
    return people


def who(found: Any, day: D) -> list[int]:
    return sorted(row[0] for row in found if row[2] == day)


@pytest.mark.django_db
def test_as_many_as_there_are_places_and_the_next_day_the_next() -> None:
    branch, other = make_branch(), make_branch("Другая")
    people = [patient.pk for patient in overdue(branch, 100, 90, 80, 70, 60, 50, 40)]
    (stranger,) = overdue(other, 300)
    for n, free in enumerate((2, 0, 3, 9)):
        slots(branch, WEEK + n * DAY, free)
    found = asked("low_capacity", {}, WEEK, WEEK + 3 * DAY)
    assert [who(found, WEEK + n * DAY) for n in range(4)] == [people[:2], [], people[2:5], people[5:]]
    assert stranger.pk not in {row[0] for row in found}
    # However the time is cut, it is the same.
    assert [who(asked("low_capacity", {}, WEEK + n * DAY, WEEK + n * DAY), WEEK + n * DAY) for n in range(4)] == [
        people[:2], [], people[2:5], people[5:],
    ]  # fmt: skip


@pytest.mark.django_db
def test_limits_of_being_overdue_and_coming_again() -> None:
    branch = make_branch()
    slots(branch, WEEK, 50)
    too_early, ready, ready_too, too_late, came, came_today = overdue(branch, 13, 14, 730, 731, 50, 50)
    kind = Visit.objects.get(patient=came).items.get().service
    use(came, kind, WEEK - DAY)
    use(came_today, kind, WEEK)
    merged = make_patients(1, merged_into=too_early)[0]
    use(merged, kind, WEEK - 200 * DAY, branch=branch)
    found = asked("low_capacity", {}, WEEK, WEEK)
    assert {row[0] for row in found} == {ready.pk, ready_too.pk, came_today.pk}
    two_days_before = asked("low_capacity", {}, WEEK, WEEK, lead_days=-2)
    assert {row[0] for row in two_days_before} == {ready_too.pk, too_late.pk, came.pk, came_today.pk}


@pytest.mark.django_db
def test_several_invitations_per_place_and_days_that_are_nearly_full() -> None:
    branch = make_branch()
    overdue(branch, *range(200, 240))  # so long ago that their visits tell nothing of the days asked about
    slots(branch, WEEK, 2, total=10)
    slots(branch, WEEK + DAY, 1, total=10)
    slots(branch, WEEK + 2 * DAY, 0, total=10)
    found = asked("low_capacity", {"per_place": 5}, WEEK, WEEK + 2 * DAY)
    assert [len(who(found, WEEK + n * DAY)) for n in range(3)] == [10, 0, 0]
    found = asked("low_capacity", {"per_place": 5, "free_percent": 0}, WEEK, WEEK + 2 * DAY)
    assert [len(who(found, WEEK + n * DAY)) for n in range(3)] == [10, 5, 0]


@pytest.mark.django_db
def test_nobody_twice_in_a_period_and_again_in_the_next() -> None:
    branch = make_branch()
    (anna,) = overdue(branch, 200, on=D(2026, 3, 1))
    for day in (D(2026, 1, 20), D(2026, 3, 20), D(2026, 4, 10), D(2026, 5, 10)):
        slots(branch, day, 3)
    first, last = D(2026, 1, 1), D(2026, 6, 30)
    for period, days in ((1, [20, 20, 10, 10]), (3, [20, 10]), (12, [20])):
        found = sorted(row[2] for row in asked("low_capacity", {"period": period}, first, last))
        assert [day.day for day in found] == days
    assert {row[:2] for row in asked("low_capacity", {}, first, last)} == {(anna.pk, "2026-01"), (anna.pk, "2026-04")}


@pytest.mark.django_db
def test_a_live_rule_goes_on_from_whom_it_really_asked() -> None:
    """Places fill up after people were asked: who was passed over is reckoned by what was done, not by what is left."""
    branch = make_branch()
    people = [patient.pk for patient in overdue(branch, 100, 90, 80, 70, 60, 50)]
    for n in range(4):
        slots(branch, WEEK + n * DAY, 2)
    rule = make_rule("low_capacity", [make_step(0)], on=at(WEEK, 8))
    look(at(WEEK))
    look(at(WEEK, 18))
    slots(branch, WEEK, 0)
    look(at(WEEK + DAY))
    slots(branch, WEEK, 5)
    slots(branch, WEEK + DAY, 5)
    look(at(WEEK + 2 * DAY))
    fired = list(Firing.objects.filter(rule=rule).order_by("first_due", "patient").values_list("patient", "first_due"))
    assert fired == [(pk, at(WEEK + n // 2 * DAY, 10)) for n, pk in enumerate(people)]


@pytest.mark.django_db
def test_a_long_queue_is_read_as_far_as_needed() -> None:
    """Those first in the queue have been asked or have gone; the places are for those behind them."""
    branch = make_branch()
    kind = service(recall_days=30)
    people = make_patients(130)
    for n, patient in enumerate(people):
        use(patient, kind, WEEK - (400 - n) * DAY, branch=branch)
        if n < 125:
            # Came again after the period had begun, so they are in the queue, and before the day in question.
            use(patient, kind, D(2026, 1, 10), branch=branch)
    slots(branch, WEEK, 2)
    params = {"overdue_days": 60}
    assert who(asked("low_capacity", params, WEEK, WEEK), WEEK) == [patient.pk for patient in people[125:127]]


@pytest.mark.django_db
def test_the_form_and_the_explanation() -> None:
    kind = rule_types.of("low_capacity")
    with pytest.raises(ValidationError):
        kind.clean({"overdue_days": 50, "longest_days": 40})
    assert kind.clean({"period": "12"})["period"] == 12
    branch = make_branch()
    (anna,) = overdue(branch, 20)
    slots(branch, WEEK + DAY, 1)
    assert [clause.holds for clause in kind.explain(kind.clean({}), anna.pk, at(WEEK))] == [True, True]
    slots(branch, WEEK + DAY, 0)
    assert [clause.holds for clause in kind.explain(kind.clean({}), anna.pk, at(WEEK - 10 * DAY))] == [False, False]


@pytest.mark.django_db
def test_a_visit_that_was_a_mistake_withdraws_the_invitation() -> None:
    branch = make_branch()
    overdue(branch, 100)
    slots(branch, WEEK, 2)
    rule = make_rule("low_capacity", [make_step(0)], on=at(WEEK, 8))
    look(at(WEEK))

    def withdrawn() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {rule_types.of('low_capacity').withdrawn(rule.params)} FROM triggers_firing f")
            ((answer,),) = cursor.fetchall()
            return bool(answer)

    assert not withdrawn()
    Visit.objects.update(status="cancelled")
    assert withdrawn()
