"""Which visits used up which packages, and what is left of them.

A session is used by a completed visit with the package's service on or after the day it was bought and not after its
last day; of several packages of one service the oldest is used up first. Visits beyond what was bought are ordinary
ones. Facts of merged cards are those of the kept one.

How it is counted without going visit by visit: put the sessions of a patient's packages end to end on a tape. The i-th
visit stands at place p(i) = min(p(i − 1) + 1, C(i)), where C(i) is the length of the tape bought by then; it used a
session if that is one further than the visit before. Unrolled, p(i) = i + min(0, min over j ≤ i of (C(j) − j)), which
is a window function. A package bought after all before it have expired begins a new tape. (Not told apart: a package
that expires while a later one is in use gives the rest of its sessions to visits after its last day.)
"""

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from patients.models import Package

_TURNS = "PARTITION BY patient_id, service_id ORDER BY day, kind, id"
_TAPE = "PARTITION BY patient_id, service_id, tape ORDER BY day, kind, id"


def sessions_sql(among: str = "") -> str:
    """SELECT package_id, patient_id (the kept card), service_id, visit_id, day, nth, left_over: a row per used session.

    `nth` counts the used sessions of the package from 1; `left_over` = sessions − nth. Later facts change no earlier
    row, so what was left on a past day is told by the rows up to it. `among`: a SELECT of the patient ids that alone
    matter, or "" for everybody.
    """
    only = (
        f"AND coalesce(p.merged_into_id, p.id) IN (SELECT coalesce(c.merged_into_id, c.id) FROM patients_patient c"
        f" WHERE c.id IN ({among}))"
        if among
        else ""
    )
    return f"""
    WITH packs AS MATERIALIZED (
        SELECT k.id, coalesce(p.merged_into_id, p.id) AS patient_id, k.service_id, k.sessions, k.bought_on AS day,
            coalesce(k.expires_on, 'infinity'::date) AS last_day
        FROM patients_package k JOIN patients_patient p ON p.id = k.patient_id
        WHERE k.deleted_at IS NULL AND k.service_id IS NOT NULL {only}
    ), visits AS MATERIALIZED (
        SELECT s.patient_id, s.service_id, v.id, v.starts_on AS day
        FROM (
            SELECT patient_id, service_id, min(day) AS first_day, max(last_day) AS last_day FROM packs GROUP BY 1, 2
        ) s
        CROSS JOIN LATERAL (
            SELECT s.patient_id AS card UNION ALL
            SELECT m.id FROM patients_patient m WHERE m.merged_into_id = s.patient_id
        ) AS cards
        JOIN patients_visit v ON v.patient_id = cards.card AND v.starts_on BETWEEN s.first_day AND s.last_day
            AND v.status = 'completed' AND v.deleted_at IS NULL
        WHERE EXISTS (SELECT FROM patients_visititem i WHERE i.visit_id = v.id AND i.service_id = s.service_id)
    ), turns AS (
        SELECT patient_id, service_id, 0 AS kind, id, day, sessions, last_day,
            coalesce(day > max(last_day) OVER (
                PARTITION BY patient_id, service_id ORDER BY day, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), false)::int AS fresh
        FROM packs
        UNION ALL
        SELECT patient_id, service_id, 1, id, day, 0, NULL, 0 FROM visits
    ), taped AS (
        SELECT *, sum(fresh) OVER ({_TURNS}) AS tape, max(last_day) OVER ({_TURNS}) AS until FROM turns
    ), counted AS (
        SELECT *, sum(sessions) OVER ({_TAPE}) AS bought, sum(kind) OVER ({_TAPE}) AS number
        FROM taped WHERE day <= until
    ), placed AS (
        SELECT *, number + least(0, min(bought - number) FILTER (WHERE kind = 1) OVER ({_TAPE})) AS place FROM counted
    ), used AS (
        SELECT *, place > coalesce(lag(place) OVER ({_TAPE}), 0) AS session FROM placed WHERE kind = 1
    )
    SELECT k.id AS package_id, u.patient_id, u.service_id, u.id AS visit_id, u.day,
        (u.place - k.bought + k.sessions)::int AS nth, (k.bought - u.place)::int AS left_over
    FROM used u
    JOIN counted k ON k.kind = 0 AND (k.patient_id, k.service_id, k.tape) = (u.patient_id, u.service_id, u.tape)
        AND u.place > k.bought - k.sessions AND u.place <= k.bought
    WHERE u.session
    """


@dataclass(frozen=True, slots=True)
class Standing:
    """A package and how much of it is used by a day; `used` is unknown when it names no service."""

    package: Package
    used: int | None
    last_used_on: dt.date | None
    expired: bool

    @property
    def left(self) -> int | None:
        return None if self.used is None else self.package.sessions - self.used

    @property
    def over(self) -> bool:
        """Nothing can be used of it any more."""
        return self.expired or self.left == 0


def packages_of(patient_id: int, today: dt.date) -> list[Standing]:
    """The packages of a patient and of the cards merged into theirs: those still of use first, then the newest."""
    own = Q(patient=patient_id) | Q(patient__merged_into=patient_id)
    bought = Package.objects.filter(own, deleted_at__isnull=True, bought_on__lte=today)
    packages = list(bought.select_related("service").order_by("-bought_on", "-pk"))
    if not packages:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT package_id, max(nth), max(day) FROM ({sessions_sql('SELECT %(patient)s::bigint')}) AS used"
            " WHERE day <= %(today)s GROUP BY package_id",
            {"patient": patient_id, "today": today},
        )
        used = {package: (nth, day) for package, nth, day in cursor.fetchall()}
    standings = [_standing(package, used.get(package.pk), today) for package in packages]
    return sorted(standings, key=lambda standing: standing.over)


def _standing(package: Package, used: tuple[int, dt.date] | None, today: dt.date) -> Standing:
    nth, last = used or (0, None)
    expired = package.expires_on is not None and package.expires_on < today
    return Standing(package, nth if package.service_id else None, last, expired)
