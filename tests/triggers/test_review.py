"""Whom the clinic asks for a score after a visit."""

import datetime
import random
from typing import Any

import pytest

from patients.models import Feedback, Patient, Visit
from tests.campaigns.making import make_patients, make_visit
from tests.triggers.asking import anchors, explained, found, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers.models import Firing, TriggerRule
from triggers.services import looking

HOUR = datetime.timedelta(hours=1)
VISIT = at(FIRST)
_number = iter(range(1, 10_000))


class TestReview(TypeContract):
    code = "review"
    steps = ((3, "hour", None), (3, "day", datetime.time(11)))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day))

    def later(self, patient: Patient, day: datetime.date) -> None:
        answer(patient, at(day + DAY))


def answer(patient: Patient, when: datetime.datetime, **fields: Any) -> Feedback:
    values = {"score": 9, **fields}
    return Feedback.objects.create(
        patient=patient, given_at=when, source=patient.source, external_id=f"f{next(_number)}", **values
    )


def rule(**params: Any) -> TriggerRule:
    return make_rule("review", [make_step(3, "hour"), make_step(2)], params, on=None)


@pytest.mark.parametrize("status", Visit.Status.values)
def test_only_completed_visits(db: None, status: str) -> None:
    visit = make_visit(make_patients(1)[0], VISIT, status)
    assert anchors(rule()) == [VISIT] * (status == "completed")
    Visit.objects.filter(pk=visit.pk).update(deleted_at=VISIT)
    assert anchors(rule()) == []


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (VISIT - 90 * DAY, True), (VISIT - 90 * DAY + HOUR, False), (VISIT - HOUR, False), (VISIT + HOUR, False),
        (VISIT + 3 * HOUR, False), (VISIT + 4 * HOUR, True),
    ],
)  # fmt: skip
def test_who_has_answered_lately_is_not_asked(db: None, given: datetime.datetime, asked: bool) -> None:
    (patient,) = make_patients(1)
    make_visit(patient, VISIT)
    answer(patient, given)
    assert anchors(rule()) == [VISIT] * asked
    assert anchors(rule(answered_days=0)) == [VISIT], "0: always ask"
    # Asked today, an answer of this moment counts too.
    assert explained(rule(), patient.pk, VISIT + DAY) == [True, given <= VISIT - 90 * DAY]


def test_an_answer_on_a_merged_card_is_the_patients(db: None) -> None:
    old, kept = make_patients(2)
    Patient.objects.filter(pk=old.pk).update(merged_into=kept)
    make_visit(kept, VISIT)
    answer(old, VISIT - DAY)
    assert anchors(rule()) == []
    answer(kept, VISIT + 5 * DAY)
    make_visit(old, VISIT + 6 * DAY)
    assert anchors(rule()) == []


@pytest.mark.parametrize(("what", "gone"), [("answer", True), ("status", True), ("deleted", True), ("promo", False)])
def test_the_second_message_does_not_go_to_whoever_has_answered(db: None, what: str, gone: bool) -> None:
    live = make_rule("review", [make_step(3, "hour"), make_step(2)], on=VISIT - DAY)
    (patient,) = make_patients(1)
    visit = make_visit(patient, VISIT)
    looking.look(live.pk, VISIT + 4 * HOUR)
    assert Firing.objects.get().visit_id == visit.pk
    assert not withdrawn(live, VISIT + DAY)
    if what == "answer":
        answer(patient, VISIT + 5 * HOUR, score=2)
    change = {"status": {"status": "cancelled"}, "deleted": {"deleted_at": VISIT + DAY}}.get(what, {"promo_code": "A"})
    if what != "answer":
        Visit.objects.update(**change)
    assert withdrawn(live, VISIT + DAY) is gone


def test_a_clinic_made_by_chance_is_read_the_same_way_in_python(db: None) -> None:
    chance = random.Random(5)
    patients = make_patients(10)
    for number in (0, 1):
        Patient.objects.filter(pk=patients[number].pk).update(merged_into=patients[number + 2])
    for _ in range(80):
        make_visit(
            chance.choice(patients), VISIT + chance.randrange(4000) * HOUR, chance.choice(("completed", "booked"))
        )
    for _ in range(40):
        answer(chance.choice(patients), VISIT + chance.randrange(4000) * HOUR)
    person = {pk: merged or pk for pk, merged in Patient.objects.values_list("pk", "merged_into")}
    answers = [(person[patient], given) for patient, given in Feedback.objects.values_list("patient", "given_at")]
    expected = {
        visit.pk
        for visit in Visit.objects.filter(status="completed")
        if not any(
            who == person[visit.patient_id] and visit.starts_at - 20 * DAY < given <= visit.starts_at + 3 * HOUR
            for who, given in answers
        )
    }
    rows = found(rule(answered_days=20))
    assert {row["visit_id"] for row in rows} == expected and len(rows) == len(expected)
    assert 0 < len(expected) < Visit.objects.filter(status="completed").count()
