"""Birthday and personal dates."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from patients.models import Patient, Visit
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.making import found_by, look, make_rule, make_step
from tests.triggers.plain import DAY, Chance, asked
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types
from triggers.models import Firing
from triggers.timing.anniversaries import in_year

D = datetime.date


class TestBirthdayContract(TypeContract):
    code = "birthday"
    steps = ((-7, "day", None), (0, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        Patient.objects.filter(pk=patient.pk).update(birth_date=day.replace(year=1985))


class TestFirstVisitContract(TypeContract):
    code = "birthday"
    params = {"date": "first_visit"}
    steps = ((-3, "day", None), (0, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        for years in (2, 1):
            make_visit(patient, at(day.replace(year=day.year - years)))
        make_visit(patient, at(day - 30 * DAY))


def born(*dates: D) -> list[Patient]:
    return [make_patients(1, birth_date=date)[0] for date in dates]


@pytest.mark.django_db
def test_it_finds_every_birthday_of_three_years() -> None:
    people = born(*(D(1984, 2, 27) + n * DAY for n in range(4)), D(1950, 12, 31), D(2025, 1, 1), D(2026, 6, 1))
    first, last = D(2025, 1, 1), D(2027, 12, 31)
    for march in (False, True):
        by_hand = {
            (one.pk, f"birthday:{day}", day)
            for one in people
            for year in (2025, 2026, 2027)
            if one.birth_date and (day := in_year(one.birth_date, year, leap_in_march=march)) > one.birth_date
        }
        assert set(asked("birthday", {"leap_in_march": march}, first, last)) == by_hand


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "ages"),
    [
        ({}, {39, 40, 41, 45, 50}), ({"every": 5}, {40, 45, 50}), ({"min_years": 41}, {41, 45, 50}),
        ({"min_years": 40, "max_years": 45}, {40, 41, 45}), ({"min_years": 41, "every": 10}, {50}),
    ],
)  # fmt: skip
def test_ages_and_round_dates(params: dict[str, Any], ages: set[int]) -> None:
    people = {born(D(2026 - age, 3, 5))[0].pk: age for age in (39, 40, 41, 45, 50)}
    found = {people[row[0]] for row in asked("birthday", params, D(2026, 3, 5), D(2026, 3, 5))}
    assert found == ages


@pytest.mark.django_db
def test_the_first_visit_is_the_first_completed_one_of_all_cards() -> None:
    clinic = Chance(5)
    kept = clinic.kept()
    firsts: dict[int, D] = {}
    for visit in Visit.objects.filter(status="completed", deleted_at__isnull=True):
        card = kept[visit.patient_id]
        firsts[card] = min(firsts.get(card, visit.starts_on), visit.starts_on)
    by_hand = {
        (card, f"first_visit:{in_year(day, year)}", in_year(day, year))
        for card, day in firsts.items() for year in (2025, 2026) if in_year(day, year) > day
    }  # fmt: skip
    assert len(by_hand) > 40
    assert set(asked("birthday", {"date": "first_visit"}, D(2025, 1, 1), D(2026, 12, 31))) == by_hand


@pytest.mark.django_db
def test_a_corrected_date_of_birth_withdraws_the_wrong_day_and_brings_the_right_one() -> None:
    (anna,) = born(DAYS[5].replace(year=1984))
    (leap,) = born(D(1984, 2, 29))
    rule = make_rule("birthday", [make_step(-9), make_step(0)], on=at(DAYS[0] - 20 * DAY))
    look(at(DAYS[0]))
    Patient.objects.filter(pk=anna.pk).update(birth_date=DAYS[8].replace(year=1985))
    look(at(DAYS[3]))
    assert [row[:2] for row in found_by(rule)] == [
        (anna.pk, f"birthday:{DAYS[5]}"), (anna.pk, f"birthday:{DAYS[8]}"), (leap.pk, "birthday:2026-02-28"),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        where = rule_types.of("birthday").withdrawn(rule.params)
        cursor.execute(f"SELECT patient_id, occasion, {where} FROM triggers_firing f ORDER BY 1, 2")
        assert [row[2] for row in cursor.fetchall()] == [True, False, False]


@pytest.mark.django_db
def test_branches_seven_hours_apart_congratulate_at_their_own_ten_o_clock() -> None:
    west, east = make_branch("Калининград", "Europe/Kaliningrad"), make_branch("Камчатка", "Asia/Kamchatka")
    for branch in (west, east):
        make_patients(1, birth_date=DAYS[5].replace(year=1984), branch=branch)
    rule = make_rule("birthday", [make_step(0)], on=at(DAYS[0]))
    look(at(DAYS[9]))
    due = dict(Firing.objects.filter(rule=rule).values_list("branch__name", "first_due"))
    assert due["Калининград"] == datetime.datetime(2026, 3, 7, 8, 0, tzinfo=datetime.UTC)
    assert due["Камчатка"] == datetime.datetime(2026, 3, 6, 22, 0, tzinfo=datetime.UTC)


@pytest.mark.django_db
def test_it_explains_the_next_day() -> None:
    (anna,) = born(D(1984, 2, 29))
    kind = rule_types.of("birthday")
    clauses = kind.explain(kind.clean({"every": 5}), anna.pk, at(D(2027, 3, 1)))
    assert "2028" in clauses[1].sentence and "44" in clauses[1].sentence and not clauses[1].holds
    first_visit = kind.clean({"date": "first_visit"})
    assert [clause.holds for clause in kind.explain(first_visit, anna.pk, at(DAYS[0]))] == [False]
    with pytest.raises(ValidationError):
        kind.clean({"min_years": 50, "max_years": 40})
