"""What texts need to know of patients, read for many at once."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from patients.models import Branch, Patient, Service


@dataclass(frozen=True, slots=True)
class Coming:
    """A visit or an appointment with the names a letter may use; services by money, the main one first."""

    visit_id: int
    day: dt.date
    starts_at: dt.datetime
    branch_id: int | None
    doctor: str
    specialty: str
    services: tuple[str, ...] = ()
    rendered: bool = False  # has taken place; otherwise an appointment, kept or not


def people(ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """Names and the like of patients who are there: neither deleted nor merged."""
    rows = Patient.objects.filter(pk__in=ids, deleted_at__isnull=True, merged_into__isnull=True).values(
        "id", "last_name", "first_name", "middle_name", "sex", "birth_date", "city", "branch_id"
    )
    return {row["id"]: row for row in rows}


def branches() -> dict[int, Branch]:
    return {branch.pk: branch for branch in Branch.objects.all()}


_COMING = """
    SELECT p.id, v.id, v.starts_on, v.starts_at, v.branch_id, coalesce(d.name, ''), coalesce(d.specialty, ''),
           {services}
    FROM unnest(%(patients)s::bigint[]) AS p (id)
    CROSS JOIN LATERAL (
        SELECT id, starts_on, starts_at, branch_id, doctor_id FROM patients_visit
        WHERE patient_id = p.id AND deleted_at IS NULL AND {which}
        LIMIT 1
    ) v
    LEFT JOIN patients_doctor d ON d.id = v.doctor_id
"""
_SERVICES = """
           array(SELECT s.name FROM patients_visititem i JOIN patients_service s ON s.id = i.service_id
                 WHERE i.visit_id = v.id GROUP BY s.id, s.name
                 ORDER BY max(i.quantity * i.price - i.discount) DESC, s.name LIMIT 20)
"""


def last_visits(patients: Collection[int], now: dt.datetime, services: bool = True) -> dict[int, Coming]:
    """The last completed visit of each patient."""
    which = "status = 'completed' AND starts_at <= %(now)s ORDER BY starts_on DESC, starts_at DESC, id DESC"
    return _comings(patients, now, which, services)


def next_appointments(patients: Collection[int], now: dt.datetime, services: bool = True) -> dict[int, Coming]:
    """The next appointment of each patient that is still to come."""
    which = "status IN ('booked', 'confirmed') AND starts_at > %(now)s ORDER BY starts_on, starts_at, id"
    return _comings(patients, now, which, services)


_ABOUT = """
    SELECT v.id, v.starts_on, v.starts_at, v.branch_id, coalesce(d.name, ''), coalesce(d.specialty, ''),
           {services}, v.status IN ('arrived', 'completed')
    FROM patients_visit v LEFT JOIN patients_doctor d ON d.id = v.doctor_id
    WHERE v.id = ANY(%(visits)s) AND v.deleted_at IS NULL
"""


def visits(ids: Collection[int], services: bool = True) -> dict[int, Coming]:
    """Visits and appointments by their own ids, whatever became of them."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOUT.format(services=_SERVICES if services else "ARRAY[]::text[]"), {"visits": list(ids)})
        rows = cursor.fetchall()
    return {
        visit: Coming(visit, day, starts_at, branch, doctor, specialty, tuple(names), rendered)
        for visit, day, starts_at, branch, doctor, specialty, names, rendered in rows
    }


def service_names(ids: Collection[int]) -> dict[int, str]:
    return dict(Service.objects.filter(pk__in=ids).values_list("pk", "name"))


def _comings(patients: Collection[int], now: dt.datetime, which: str, services: bool) -> dict[int, Coming]:
    sql = _COMING.format(which=which, services=_SERVICES if services else "ARRAY[]::text[]")
    with connection.cursor() as cursor:
        cursor.execute(sql, {"patients": list(patients), "now": now})
        rows = cursor.fetchall()
    return {
        patient: Coming(visit, day, starts_at, branch, doctor, specialty, tuple(names))
        for patient, visit, day, starts_at, branch, doctor, specialty, names in rows
    }
