"""The database notes what becomes of appointments, however the change came in."""

import datetime as dt

import pytest
from django.db import connection

from patients.models import ChangedPatient, Visit, VisitChange
from tests.patients.ingesting import Mis, counts, take, visit

pytestmark = pytest.mark.django_db

TEN = dt.datetime(2026, 3, 1, 7, 30, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def source(db):
    return Mis().source


def changes() -> list[tuple]:
    return list(
        VisitChange.objects.order_by("pk").values_list(
            "visit__external_id", "was_status", "status", "was_starts_at", "starts_at"
        )
    )


def test_a_moved_and_a_cancelled_appointment_are_noted_once_each(source):
    take(source, "visits", visit(status="booked"), visit("v2", status="booked"))
    assert changes() == []
    take(source, "visits", visit(status="booked", starts_at="2026-03-01T12:00:00+03:00"))
    take(source, "visits", visit("v2", status="cancelled"))
    assert changes() == [
        ("v1", "booked", "booked", TEN, NOON),
        ("v2", "booked", "cancelled", TEN, TEN),
    ]
    noted = VisitChange.objects.select_related("visit").first()
    assert noted.patient_id == noted.visit.patient_id


def test_nothing_is_noted_when_neither_time_nor_status_has_changed(source):
    take(source, "visits", visit(status="booked"))
    same = visit(status="booked", doctor="d2", updated_at="2026-02-27T10:00:00+03:00")
    assert counts(take(source, "visits", visit(status="booked"))) == (0, 0, 1, 0)
    assert counts(take(source, "visits", same)) == (0, 0, 1, 0)  # older than its arrival
    assert counts(take(source, "visits", visit(status="booked", doctor="d2"))) == (0, 1, 0, 0)
    Visit.objects.update(deleted_at=TEN)
    assert changes() == []


def test_the_same_moment_written_with_another_offset_is_no_move(source):
    take(source, "visits", visit(status="booked"))
    take(source, "visits", visit(status="booked", starts_at="2026-03-01T12:30:00+05:00", doctor="d2"))
    assert changes() == []


def test_a_branch_in_another_time_zone_moves_days_and_no_appointments(source):
    take(source, "branches", {"external_id": "b1", "name": "B", "timezone": "Europe/Moscow"})
    take(source, "visits", visit(status="booked", starts_at="2026-03-01T23:30:00+03:00"))
    take(source, "branches", {"external_id": "b1", "name": "B", "timezone": "Asia/Novosibirsk"})
    assert Visit.objects.get().starts_on == dt.date(2026, 3, 2)
    assert changes() == []


def test_a_change_by_sql_counts_too_and_says_when(source):
    take(source, "visits", *(visit(f"v{n}", status="booked") for n in range(5)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        before = cursor.fetchone()[0]
        cursor.execute("UPDATE patients_visit SET status = 'confirmed' WHERE external_id IN ('v1', 'v3')")
        cursor.execute("SELECT clock_timestamp()")
        after = cursor.fetchone()[0]
    assert [row[:3] for row in changes()] == [("v1", "booked", "confirmed"), ("v3", "booked", "confirmed")]
    assert all(before <= at <= after for at in VisitChange.objects.values_list("at", flat=True))


def test_twenty_thousand_moved_after_one_are_noted_by_no_nested_loop(source):
    """The trigger's plan is made at its first call in a session, when a single visit had changed."""
    take(source, "visits", visit("v0", status="booked"))
    Visit.objects.update(status="confirmed")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO patients_visit (source_id, external_id, patient_id, starts_at, starts_on, status) "
            "SELECT source_id, 'w' || n, patient_id, starts_at, starts_on, status "
            "FROM patients_visit, generate_series(1, 20000) n"
        )
        cursor.execute("SET LOCAL statement_timeout = '5s'")  # a nested loop takes 400 000 000 steps
        cursor.execute("UPDATE patients_visit SET starts_at = starts_at + interval '1 hour'")
    assert VisitChange.objects.count() == 1 + 20_001


def test_a_package_is_a_fact_of_its_patient(source):
    package = {"external_id": "k", "patient": "p1", "sessions": 5, "bought_on": "2026-03-01"}
    take(source, "packages", package)
    for change in ({"sessions": 6}, {"patient": "p2"}):
        package |= change
        ChangedPatient.objects.all().delete()
        take(source, "packages", package)
        found = set(ChangedPatient.objects.values_list("patient__external_id", flat=True))
        assert found == ({"p1"} if change == {"sessions": 6} else {"p1", "p2"})
    ChangedPatient.objects.all().delete()
    assert counts(take(source, "packages", package)) == (0, 0, 1, 0)
    assert not ChangedPatient.objects.exists()
