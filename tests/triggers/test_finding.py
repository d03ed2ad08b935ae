"""Whom a rule concerns: branches, segments and dates as they were on the day of the first message."""

import datetime
from typing import Any

import pytest
from django.db import connection

from patients.models import Patient
from segmentation.models import Membership, Segment, Segmentation
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from tests.triggers.type_contract import DAYS, FIRST, at
from triggers.models import TriggerRule
from triggers.services import finding
from triggers.services.finding import Window

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
WINDOW = Window(at(FIRST - DAY), at(FIRST + 20 * DAY))


def rows(rule: TriggerRule, window: Window = WINDOW, **options: Any) -> list[dict[str, Any]]:
    query = finding.found(rule, window, **options)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({query.sql}) x ORDER BY first_due, patient_id", query.params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def people(rule: TriggerRule, **options: Any) -> list[int]:
    return [row["patient_id"] for row in rows(rule, **options)]


def visited(day: datetime.date = FIRST, **fields: Any) -> Patient:
    patient = make_patients(1, **fields)[0]
    make_visit(patient, at(day))
    return patient


def segments() -> tuple[Segment, Segment]:
    division = Segmentation.objects.create(code="own", name="Своя", kind="list")
    made = [Segment.objects.create(segmentation=division, code=code, name=code, position=n) for n, code in
            enumerate("ab")]  # fmt: skip
    return made[0], made[1]


def member(patient: Patient, segment: Segment, entered: datetime.date, left: datetime.date | None = None) -> None:
    Membership.objects.create(
        patient=patient, segment=segment, segmentation=segment.segmentation, entered_on=entered, left_on=left
    )


def test_the_branch_is_that_of_the_occasion_then_home() -> None:
    here, home, far = make_branch(), make_branch("Дом"), make_branch("Восток", "Asia/Vladivostok")
    anna, boris = make_patients(1, branch=home)[0], make_patients(1, branch=far)[0]
    make_visit(anna, at(FIRST), branch=here)
    make_visit(boris, at(FIRST))
    found = {row["patient_id"]: row for row in rows(make_rule("tiny_day"))}
    assert (found[anna.pk]["branch_id"], found[boris.pk]["branch_id"]) == (here.pk, far.pk)
    # Ten in the morning comes seven hours earlier in Vladivostok.
    assert found[anna.pk]["first_due"] - found[boris.pk]["first_due"] == datetime.timedelta(hours=7)
    assert people(make_rule("tiny_day", branches=[far])) == [boris.pk]


def test_segments_are_those_of_the_day_of_the_first_message() -> None:
    a, b = segments()
    was, will_be, other = visited(), visited(), visited()
    member(was, a, FIRST - 10 * DAY, FIRST + 3 * DAY)
    member(will_be, a, FIRST + 3 * DAY)
    member(other, b, FIRST - 10 * DAY)
    assert people(make_rule("tiny_day", [make_step(2)], include=[a])) == [was.pk]
    assert people(make_rule("tiny_day", [make_step(3)], include=[a])) == [will_be.pk]
    assert people(make_rule("tiny_day", [make_step(3)], include=[a, b])) == [will_be.pk, other.pk]
    assert people(make_rule("tiny_day", [make_step(2)], exclude=[a])) == [will_be.pk, other.pk]


def test_a_rule_is_valid_on_its_days_by_the_clock_of_the_branch() -> None:
    east = make_branch("Восток", "Asia/Vladivostok")
    anna = visited(DAYS[0], branch=east)
    boris = visited(DAYS[1])
    step = datetime.time(5)  # in Vladivostok still the day before in Greenwich
    assert people(make_rule("tiny_day", [make_step(at=step)], valid_from=DAYS[1])) == [boris.pk]
    assert people(make_rule("tiny_day", [make_step(at=step)], valid_until=DAYS[0])) == [anna.pk]


def test_the_first_message_is_the_earliest_whatever_its_place() -> None:
    visited()
    rule = make_rule("tiny_day", [make_step(5), make_step(1), make_step(9)])
    row = rows(rule)[0]
    assert (row["first_due"], row["last_due"]) == (at(FIRST + DAY, 10), at(FIRST + 9 * DAY, 10))
    assert finding.length_of(rule) >= 8 * DAY


def test_two_cards_of_one_person_are_one_person() -> None:
    anna, old = make_patients(2)
    make_visit(anna, at(DAYS[0]))
    make_visit(old, at(DAYS[2]))
    Patient.objects.filter(pk=old.pk).update(merged_into=anna)
    rule = make_rule("tiny_day")
    assert people(rule) == [anna.pk, anna.pk]
    assert people(rule, among=f"SELECT {old.pk}::bigint") == [anna.pk, anna.pk]
    Patient.objects.filter(pk=anna.pk).update(deleted_at=at(FIRST))
    assert people(rule) == []


def test_a_rule_need_not_be_saved_and_without_messages_finds_nobody() -> None:
    anna = visited()
    rule = TriggerRule(rule_type="tiny_day", params={})
    assert people(rule, steps=[make_step()]) == [anna.pk]
    assert people(rule) == []


def test_retired_steps_are_steps_no_more() -> None:
    rule = make_rule("tiny_day", [make_step(0), make_step(3)])
    rule.steps.filter(position=1).update(retired_at=at(FIRST))
    assert [step.offset for step in finding.steps_of(rule)] == [3]


def test_what_was_over_before_the_card_was_there_is_no_occasion() -> None:
    due = FIRST + 3 * DAY  # the last message of the ladder, at noon
    for registered in (None, at(FIRST), at(due, 23), at(due + DAY, 1)):
        visited(registered_at=registered)
    ladder = make_rule("tiny_day", [make_step(1), make_step(3)])
    cards = list(Patient.objects.order_by("pk").values_list("pk", flat=True))
    # Who is registered in the middle of it gets the rest, and on the day itself the clock does not matter.
    assert people(ladder) == cards[:3]
    assert people(make_rule("tiny_day", [make_step(1)])) == cards[:2]
