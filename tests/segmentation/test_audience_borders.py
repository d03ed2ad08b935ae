"""Where windows begin and end: days, months of different lengths, leap days, half-open intervals."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from segmentation.attributes.windows import Span, anniversaries, coming, past, shifted
from segmentation.services import audiences
from tests.segmentation.clinic import Clinic

D = dt.date


def members(tree: dict[str, Any], as_of: dt.date, exclude: dict[str, Any] | None = None) -> list[int]:
    """Ids of the audience, in order."""
    sql, params = audiences.members_sql(tree, as_of, exclude)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} ORDER BY p.id", params)
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("day", "number", "unit", "expected"),
    [
        (D(2026, 8, 31), -6, "months", D(2026, 2, 28)),
        (D(2024, 8, 31), -6, "months", D(2024, 2, 29)),
        (D(2026, 8, 31), -12, "months", D(2025, 8, 31)),
        (D(2024, 2, 29), -1, "years", D(2023, 2, 28)),
        (D(2024, 2, 29), -4, "years", D(2020, 2, 29)),
        (D(2026, 1, 31), 1, "months", D(2026, 2, 28)),
        (D(2026, 3, 1), -1, "days", D(2026, 2, 28)),
        (D(2026, 3, 8), -1, "weeks", D(2026, 3, 1)),
        (D(2026, 3, 1), -100_000, "years", D.min),
        (D(2026, 3, 1), 100_000, "years", D.max),
    ],
)
def test_calendar_steps(day: D, number: int, unit: str, expected: D) -> None:
    assert shifted(day, number, unit) == expected


@pytest.mark.parametrize(
    ("as_of", "window", "expected"),
    [
        (D(2026, 3, 2), {"to": 30, "unit": "days"}, Span(D(2026, 2, 1), D(2026, 3, 2))),
        (D(2026, 3, 2), {"from": 12, "to": 18, "unit": "months"}, Span(D(2024, 9, 3), D(2025, 3, 2))),
        (D(2026, 8, 31), {"from": 6, "to": 12, "unit": "months"}, Span(D(2025, 9, 1), D(2026, 2, 28))),
        (D(2026, 3, 2), {"from": 1, "unit": "years"}, Span(None, D(2025, 3, 2))),
    ],
)
def test_days_of_a_window_back(as_of: D, window: dict[str, Any], expected: Span) -> None:
    assert past(as_of, window) == expected


@pytest.mark.parametrize(
    ("as_of", "window", "expected"),
    [
        (D(2026, 3, 2), {"to": 7, "unit": "days"}, Span(D(2026, 3, 2), D(2026, 3, 8))),
        (D(2026, 3, 2), {"from": 1, "to": 2, "unit": "weeks"}, Span(D(2026, 3, 9), D(2026, 3, 15))),
        (D(2026, 1, 31), {"from": 1, "unit": "months"}, Span(D(2026, 2, 28), None)),
    ],
)
def test_days_of_a_window_ahead(as_of: D, window: dict[str, Any], expected: Span) -> None:
    assert coming(as_of, window) == expected


@pytest.mark.parametrize("unit", ["days", "weeks", "months", "years"])
def test_neighbouring_windows_cover_every_day_once(unit: str) -> None:
    for offset in range(400):
        as_of = D(2024, 1, 1) + dt.timedelta(days=offset)
        near, far = past(as_of, {"to": 3, "unit": unit}), past(as_of, {"from": 3, "to": 6, "unit": unit})
        assert far.last and near.first and far.last + dt.timedelta(days=1) == near.first
        soon, late = coming(as_of, {"to": 3, "unit": unit}), coming(as_of, {"from": 3, "to": 6, "unit": unit})
        assert soon.last and late.first and soon.last + dt.timedelta(days=1) == late.first


def test_birthday_of_29_february_is_kept_every_year() -> None:
    assert 229 in anniversaries(Span(D(2026, 2, 28), D(2026, 2, 28)))
    assert 229 not in anniversaries(Span(D(2028, 2, 28), D(2028, 2, 28)))
    assert anniversaries(Span(D(2028, 2, 29), D(2028, 2, 29))) == [229]
    assert len(anniversaries(Span(D(2026, 1, 1), D(2026, 12, 31)))) == 366
    assert len(anniversaries(Span(D(2026, 1, 1), None))) == 366


@pytest.fixture
def clinic(db: None) -> Clinic:
    return Clinic()


AS_OF = D(2026, 8, 31)


@pytest.mark.parametrize(
    ("first_on", "inside"),
    [
        (D(2025, 2, 28), False),  # eighteen months back is 28 February 2025: the farther border is out
        (D(2025, 3, 1), True),
        (D(2025, 8, 31), True),  # twelve months back to the day: in
        (D(2025, 9, 1), False),
    ],
)
def test_correction_goes_to_those_12_to_18_months_after_the_first_procedure(
    clinic: Clinic, first_on: D, inside: bool
) -> None:
    make_up, branch = clinic.service("Перманентный макияж"), clinic.branch()
    patient = clinic.patient()
    clinic.visit(patient, first_on, [(make_up, 100)], branch=branch)
    tree = first_make_up(make_up.pk, branch.pk)
    assert members(tree, AS_OF) == ([patient.pk] if inside else [])


def first_make_up(service: int, branch: int) -> dict[str, Any]:
    return {
        "attribute": "service_visit", "is": "first", "services": [service], "branch": [branch],
        "ago": {"from": 12, "to": 18, "unit": "months"},
    }  # fmt: skip


def test_correction_goes_to_nobody_else(clinic: Clinic) -> None:
    """A4: the first procedure decides, wherever and whenever it was; what is not completed or withdrawn is none."""
    make_up, other = clinic.service("Перманентный макияж"), clinic.service("Чистка")
    here, there = clinic.branch("Здесь"), clinic.branch("Там")
    inside, earlier = D(2025, 6, 1), D(2024, 1, 1)

    def patient(*visits: tuple[D, Any, Any, str]) -> int:
        made = clinic.patient()
        for day, service, branch, status in visits:
            clinic.visit(made, day, [(service, 100)], branch=branch, status=status)
        return made.pk

    wanted = patient((inside, make_up, here, "completed"), (D(2026, 1, 1), make_up, there, "completed"))
    missed_before = patient((earlier, make_up, here, "no_show"), (inside, make_up, here, "completed"))
    other_before = patient((earlier, other, there, "completed"), (inside, make_up, here, "completed"))
    patient((earlier, make_up, there, "completed"), (inside, make_up, here, "completed"))  # first one too early
    patient((inside, make_up, there, "completed"), (D(2025, 7, 1), make_up, here, "completed"))  # first one elsewhere
    patient((inside, make_up, here, "cancelled"))
    patient((inside, other, here, "completed"))
    assert members(first_make_up(make_up.pk, here.pk), AS_OF) == [wanted, missed_before, other_before]


def test_two_procedures_of_one_day_the_earlier_hour_is_the_first(clinic: Clinic) -> None:
    make_up, here, there = clinic.service(), clinic.branch("Здесь"), clinic.branch("Там")
    patient = clinic.patient()
    clinic.visit(patient, D(2025, 6, 1), [(make_up, 100)], branch=there, hour=15)
    clinic.visit(patient, D(2025, 6, 1), [(make_up, 100)], branch=here, hour=10)
    assert members(first_make_up(make_up.pk, here.pk), AS_OF) == [patient.pk]
    assert members(first_make_up(make_up.pk, there.pk), AS_OF) == []


@pytest.mark.parametrize(
    ("born", "years"),
    [(D(2001, 8, 31), 25), (D(2001, 9, 1), 24), (D(2000, 2, 29), 26), (D(2001, 8, 30), 25)],
)
def test_age_is_in_full_years(clinic: Clinic, born: D, years: int) -> None:
    patient = clinic.patient(birth_date=born)
    for asked in range(20, 30):
        tree = {"attribute": "age", "is": "exactly", "value": asked}
        assert bool(members(tree, AS_OF)) == (asked == years), patient


def test_visit_at_the_end_of_the_day_counts_on_the_day_of_its_branch(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.visit(patient, D(2026, 8, 31), hour=23)
    today = {"attribute": "visit", "is": "any", "ago": {"to": 1, "unit": "days"}}
    assert members(today, D(2026, 8, 31)) == [patient.pk]
    assert members(today, D(2026, 9, 1)) == []
    assert members(today, D(2026, 8, 30)) == []  # has not happened yet


def test_merged_card_brings_its_facts_and_is_in_no_audience(clinic: Clinic) -> None:
    kept = clinic.patient()
    merged = clinic.patient(merged_into=kept)
    clinic.visit(merged, D(2026, 8, 1))
    clinic.payment(merged, D(2026, 8, 1), 700)
    clinic.payment(kept, D(2026, 8, 2), 700)
    assert members({}, AS_OF) == [kept.pk]
    assert members({"attribute": "visit", "is": "any"}, AS_OF) == [kept.pk]
    assert members({"attribute": "paid", "is": "at_least", "value": 1400}, AS_OF) == [kept.pk]
    assert members({"attribute": "visit", "is": "last", "ago": {"to": 2, "unit": "months"}}, AS_OF) == [kept.pk]


def test_deleted_card_is_in_no_audience(clinic: Clinic) -> None:
    clinic.patient(deleted_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert members({}, AS_OF) == []
    assert members({"not": {"attribute": "visit", "is": "any"}}, AS_OF) == []


def test_exclusion_takes_people_out(clinic: Clinic) -> None:
    woman, man = clinic.patient(sex="female"), clinic.patient(sex="male")
    only_men = {"attribute": "sex", "is": "in", "value": ["male"]}
    assert members({}, AS_OF, only_men) == [woman.pk]
    assert members({}, AS_OF, {}) == [woman.pk, man.pk]
    assert audiences.count({}, AS_OF, only_men) == 1
