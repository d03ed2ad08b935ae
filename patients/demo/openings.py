"""Free places of the next two weeks, doctor by doctor, as a MIS posts them from its book of appointments.

Only the Moscow clinics post them: those of Novosibirsk are estimated from history (patients.selectors.capacity).
"""

import datetime

from django.db import connection

DAYS = 14
POSTING = ("B1", "B2")

# A doctor sees patients on the days of the week on which patients came in the twelve weeks before, and could take a
# quarter more of them than on a good day.
_SLOTS = """
    WITH doctors AS (
        SELECT d.id, d.external_id, d.branch_id FROM patients_doctor d JOIN patients_branch b ON b.id = d.branch_id
        WHERE d.source_id = %(source)s AND b.external_id = ANY(%(branches)s)
    ), taken AS MATERIALIZED (
        SELECT doctor_id, branch_id, starts_on, count(*) AS n FROM patients_visit
        WHERE starts_on BETWEEN %(as_of)s::date - 84 AND %(as_of)s::date + %(days)s - 1
            AND status <> 'cancelled' AND deleted_at IS NULL
        GROUP BY 1, 2, 3
    ), usual AS (
        SELECT doctor_id, branch_id, extract(isodow FROM starts_on) AS weekday,
            ceil(1.25 * percentile_cont(0.9) WITHIN GROUP (ORDER BY n))::int AS places
        FROM taken WHERE starts_on < %(as_of)s GROUP BY 1, 2, 3
    ), days AS (SELECT %(as_of)s::date + n AS day FROM generate_series(0, %(days)s - 1) AS n)
    INSERT INTO patients_slot (source_id, external_id, branch_id, doctor_id, day, free, total)
    SELECT %(source)s, d.external_id || '-' || days.day, d.branch_id, d.id, days.day,
        greatest(u.places, coalesce(t.n, 0)) - coalesce(t.n, 0), greatest(u.places, coalesce(t.n, 0))
    FROM days CROSS JOIN doctors d
    JOIN usual u ON (u.doctor_id, u.branch_id, u.weekday) = (d.id, d.branch_id, extract(isodow FROM days.day))
    LEFT JOIN taken t ON (t.doctor_id, t.branch_id, t.starts_on) = (d.id, d.branch_id, days.day)
    ORDER BY days.day, d.id
"""


def post_slots(source_id: int, as_of: datetime.date) -> int:
    """The number of rows written."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM patients_slot WHERE source_id = %s", [source_id])
        cursor.execute(_SLOTS, {"source": source_id, "as_of": as_of, "days": DAYS, "branches": list(POSTING)})
        return int(cursor.rowcount)
