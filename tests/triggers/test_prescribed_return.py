"""Prescribed return: the doctor named a day, and the patient has not come since."""

import datetime
from typing import Any

import pytest
from django.db import connection

from patients.models import Patient, Visit
from tests.campaigns.making import make_patients, make_visit
from tests.triggers.making import found_by, look, make_rule, make_step
from tests.triggers.plain import DAY, Chance, asked
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types


class TestPrescribedReturnContract(TypeContract):
    code = "prescribed_return"
    steps = ((-3, "day", None), (1, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day - 14 * DAY), return_due_on=day)


def _same(how: str, told: Visit, later: Visit) -> bool:
    if how == "any" or told.doctor is None:
        return True
    if later.doctor is None:
        return False
    return told.doctor == later.doctor if how == "doctor" else told.doctor.specialty == later.doctor.specialty


@pytest.mark.django_db
@pytest.mark.parametrize(("how", "lead"), [("any", 0), ("any", -7), ("specialty", -2), ("doctor", 3)])
def test_it_finds_what_the_rows_say(how: str, lead: int) -> None:
    clinic = Chance(11)
    kept = clinic.kept()
    rows = list(Visit.objects.filter(status="completed", deleted_at__isnull=True).select_related("doctor"))
    by_hand = {
        (kept[told.patient_id], f"{told.starts_on}:{told.return_due_on}", told.return_due_on)
        for told in rows
        if told.return_due_on and told.return_due_on > told.starts_on
        and not any(
            kept[later.patient_id] == kept[told.patient_id] and _same(how, told, later)
            and told.starts_on < later.starts_on < told.return_due_on + lead * DAY
            for later in rows
        )
        # Of two documents of one day the later one stands for both.
        and not any(
            kept[twin.patient_id] == kept[told.patient_id] and twin.pk > told.pk
            and (twin.starts_on, twin.return_due_on) == (told.starts_on, told.return_due_on)
            for twin in rows
        )
    }  # fmt: skip
    first, last = datetime.date(2024, 3, 1), datetime.date(2026, 12, 31)
    by_hand = {row for row in by_hand if first <= row[2] <= last}
    assert len(by_hand) > 20
    assert set(asked("prescribed_return", {"returned": how}, first, last, lead)) == by_hand


@pytest.mark.django_db
def test_another_day_named_withdraws_the_old_one_and_is_an_occasion_of_its_own() -> None:
    (anna,) = make_patients(1)
    visit = make_visit(anna, at(DAYS[0]), return_due_on=DAYS[0] + 10 * DAY)
    rule = make_rule("prescribed_return", [make_step(-3)], on=at(DAYS[0]))
    look(at(DAYS[8]))
    Visit.objects.filter(pk=visit.pk).update(return_due_on=DAYS[0] + 20 * DAY)
    look(at(DAYS[0] + 18 * DAY))
    assert [row[1] for row in found_by(rule)] == [
        f"{DAYS[0]}:{DAYS[0] + 10 * DAY}", f"{DAYS[0]}:{DAYS[0] + 20 * DAY}",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        where = rule_types.of("prescribed_return").withdrawn(rule.params)
        cursor.execute(f"SELECT occasion, {where} FROM triggers_firing f ORDER BY occasion")
        assert [row[1] for row in cursor.fetchall()] == [True, False]


@pytest.mark.django_db
def test_it_explains_what_was_asked_and_whether_the_patient_has_come() -> None:
    kind = rule_types.of("prescribed_return")
    params: dict[str, Any] = kind.clean({})
    (anna,) = make_patients(1)
    assert [clause.holds for clause in kind.explain(params, anna.pk, at(DAYS[9]))] == [False]
    make_visit(anna, at(DAYS[0]), return_due_on=DAYS[5])
    assert [clause.holds for clause in kind.explain(params, anna.pk, at(DAYS[4]))] == [False, True]
    assert [clause.holds for clause in kind.explain(params, anna.pk, at(DAYS[5]))] == [True, True]
    make_visit(anna, at(DAYS[6]))
    assert [clause.holds for clause in kind.explain(params, anna.pk, at(DAYS[9]))] == [True, False]
