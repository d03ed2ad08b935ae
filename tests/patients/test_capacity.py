"""Free slots: as the MIS posts them, else as history lets expect, against clinics whose capacity is known."""

import datetime as dt
import random
import zoneinfo

import pytest
from django.db import connection

from patients.models import Branch, Integration, Patient, Slot, Visit
from patients.selectors.capacity import free, free_on, free_slots_sql
from tests.patients.ingesting import Mis, counts, take

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 2)  # a Monday
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SLOT = {"external_id": "t1", "branch": "b", "day": "2026-03-09", "free": 4}


@pytest.fixture
def source() -> Integration:
    return Integration.objects.create(code="mis")


@pytest.fixture
def branch(source: Integration) -> Branch:
    return Branch.objects.create(source=source, external_id="b", name="B", timezone="Europe/Moscow")


def appointments(branch: Branch, day: dt.date, number: int, status: str = "completed", **fields: object) -> None:
    patient, _made = Patient.objects.get_or_create(source=branch.source, external_id="p")
    at = dt.datetime.combine(day, dt.time(12), zoneinfo.ZoneInfo(branch.timezone))
    start = Visit.objects.count()
    Visit.objects.bulk_create(
        Visit(
            source=branch.source, external_id=f"v{start + n}", patient=patient, branch=branch, starts_at=at,
            starts_on=day, status=status, **fields,
        )
        for n in range(number)
    )  # fmt: skip


def before(day: dt.date, weeks: int) -> dt.date:
    return day - dt.timedelta(weeks=weeks)


# --- As posted -----------------------------------------------------------------------------------------------


def test_a_slot_goes_in_by_put_and_bulk_and_is_replaced():
    mis = Mis()
    item = {"branch": "b", "doctor": "d", "day": "2026-03-09", "free": 6, "total": 20}
    assert mis.put("slots", "t1", item).status_code == 201
    assert mis.put("slots", "t1", item).json()["result"] == "unchanged"
    assert counts(mis.bulk("slots", {"external_id": "t1", **item, "free": 5})) == (0, 1, 0, 0)
    slot = Slot.objects.select_related("branch", "doctor").get()
    assert (slot.branch.external_id, slot.doctor.external_id, slot.free, slot.total) == ("b", "d", 5, 20)
    assert slot.branch.stub and slot.doctor.stub
    assert mis.delete("slots", "t1").status_code == 405


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"free": -1}, "free"),
        ({"free": None}, "free"),
        ({"free": 5, "total": 4}, "free"),
        ({"free": 1.5}, "free"),
        ({"day": ""}, "day"),
        ({"branch": ""}, "branch"),
        ({"total": "many"}, "total"),
    ],
)
def test_a_wrong_slot_is_kept_aside_with_its_field(wrong, field):
    report = take(Mis().source, "slots", SLOT | wrong, SLOT | {"external_id": "good"})
    assert counts(report) == (1, 0, 0, 1)
    assert list(report.rejected[0].errors) == [field]


def test_an_older_count_never_replaces_a_newer_one():
    source = Mis().source
    take(source, "slots", SLOT | {"updated_at": "2026-03-01T12:00:00+03:00"})
    report = take(source, "slots", SLOT | {"free": 9, "updated_at": "2026-03-01T11:00:00+03:00"})
    assert counts(report) == (0, 0, 1, 0)
    assert Slot.objects.get().free == 4


def test_what_the_mis_posted_is_believed_over_history(source, branch):
    day = TODAY + dt.timedelta(days=7)
    for weeks in range(1, 13):
        appointments(branch, before(day, weeks), 10)
    assert free(branch, day, NOW) == 10
    take(source, "slots", SLOT)
    assert free(branch.pk, day, NOW) == 4


def test_slots_of_doctors_add_up_and_the_count_of_the_whole_branch_stands_for_itself(source, branch):
    day = TODAY + dt.timedelta(days=7)
    take(source, "slots", SLOT | {"external_id": "t1", "doctor": "d1"})
    take(source, "slots", SLOT | {"external_id": "t2", "doctor": "d2", "free": 3})
    assert free(branch, day, NOW) == 7
    take(source, "slots", SLOT | {"external_id": "t3", "free": 5})
    assert free(branch, day, NOW) == 5


def test_appointments_made_since_the_mis_counted_take_from_the_total(source, branch):
    day = TODAY + dt.timedelta(days=7)
    take(source, "slots", SLOT | {"total": 10})
    appointments(branch, day, 6, "booked")
    assert free(branch, day, NOW) == 4
    appointments(branch, day, 3, "booked")
    assert free(branch, day, NOW) == 1
    appointments(branch, day, 5, "booked")
    assert free(branch, day, NOW) == 0


# --- As estimated --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_busy_clinic_gives_away_its_capacity(branch, seed):
    """Demand around the capacity, so that some days are full: what history shows is the truth, not more, not less."""
    dice = random.Random(seed)
    capacity, day = 20, TODAY + dt.timedelta(days=3)
    for weeks in range(1, 13):
        demand = round(dice.gauss(20, 4))
        appointments(branch, before(day, weeks), min(max(demand, 0), capacity))
    appointments(branch, day, 8, "booked")
    assert free(branch, day, NOW) == capacity - 8


@pytest.mark.parametrize("seed", range(5))
def test_a_clinic_that_was_never_full_is_not_overbooked(branch, seed):
    dice = random.Random(seed)
    capacity, day = 30, TODAY + dt.timedelta(days=3)
    per_week = [min(max(round(dice.gauss(15, 3)), 0), capacity) for _ in range(12)]
    for weeks, number in enumerate(per_week, 1):
        appointments(branch, before(day, weeks), number)
    found = free(branch, day, NOW)
    assert sum(per_week) / 12 <= found <= capacity
    assert found == sorted(per_week)[-2]


def test_one_day_out_of_the_ordinary_changes_nothing(branch):
    day = TODAY + dt.timedelta(days=3)
    for weeks in range(1, 13):
        appointments(branch, before(day, weeks), 60 if weeks == 4 else 0 if weeks == 6 else 12)
    assert free(branch, day, NOW) == 12


def test_only_what_takes_a_place_is_counted(branch):
    day = TODAY + dt.timedelta(days=3)
    for weeks in range(1, 13):
        appointments(branch, before(day, weeks), 5)
        appointments(branch, before(day, weeks), 2, "no_show")
        appointments(branch, before(day, weeks), 9, "cancelled")
        appointments(branch, before(day, weeks), 9, deleted_at=NOW)
    appointments(branch, day, 1, "confirmed")
    appointments(branch, day, 4, "cancelled")
    assert free(branch, day, NOW) == 7 - 1


def test_the_closed_day_of_the_week_has_no_capacity(branch):
    sunday, monday = TODAY + dt.timedelta(days=6), TODAY + dt.timedelta(days=7)
    for weeks in range(1, 13):
        appointments(branch, before(monday, weeks), 10)
    assert free_on(branch, [sunday, monday], NOW) == {sunday: 0, monday: 10}


def test_history_ends_with_the_day_before_one_asks(branch):
    """Today is half over, and later weeks have not happened: a full booking of them is no history."""
    today, next_week, later = TODAY, TODAY + dt.timedelta(weeks=1), TODAY + dt.timedelta(weeks=5)
    for weeks in range(1, 13):
        appointments(branch, before(today, weeks), 10)
    appointments(branch, today, 40)
    appointments(branch, next_week, 40, "booked")
    assert free_on(branch, [today, next_week, later], NOW) == {today: 0, next_week: 0, later: 10}
    # On the evening before at the branch it was still yesterday, whatever the date in London.
    assert free(branch, today, dt.datetime(2026, 3, 1, 20, tzinfo=dt.UTC)) == 0


def test_a_branch_younger_than_two_weeks_promises_nothing(branch):
    day = TODAY + dt.timedelta(days=3)
    appointments(branch, before(day, 1), 10)
    assert free(branch, day, NOW) == 0
    appointments(branch, before(day, 2), 10)
    assert free(branch, day, NOW) == 10


def test_many_branches_days_and_days_of_asking_are_one_query(source, branch):
    other = Branch.objects.create(source=source, external_id="o", name="O", timezone="Asia/Novosibirsk")
    day = TODAY + dt.timedelta(days=7)
    for weeks in range(1, 30):
        appointments(branch, before(day, weeks), 10 if weeks < 15 else 3)
        appointments(other, before(day, weeks), 4)
    take(source, "slots", SLOT)
    times = f"('{day}', '{TODAY}'), ('{before(day, 16)}', '{before(day, 17)}'), ('{day}', '{TODAY}')"
    asked = f"""SELECT b.id AS branch_id, d.day::date AS day, d.asked_on::date AS asked_on
        FROM patients_branch b, (VALUES {times}) AS d(day, asked_on)"""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT branch_id, day, free, total, posted FROM ({free_slots_sql(asked)}) f ORDER BY 1, 2")
        found = cursor.fetchall()
    assert found == [
        (branch.pk, before(day, 16), 0, 3, False),  # it was as full as it used to be then
        (branch.pk, day, 4, 4, True),
        (other.pk, before(day, 16), 0, 4, False),
        (other.pk, day, 4, 4, False),
    ]
