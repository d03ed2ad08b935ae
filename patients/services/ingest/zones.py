"""A branch moved to another time zone: the moments of its visits and payments stay, their days are derived anew.

Their hashes are forgotten: a visit posted again with a time that has no offset now means another moment.
"""

from django.conf import settings
from django.db import connection


def rederive_days(branches: list[int]) -> None:
    if not branches:
        return
    params = {"branches": branches, "zone": settings.TIME_ZONE}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE patients_visit v
            SET starts_on = (v.starts_at AT TIME ZONE b.timezone)::date, posted_hash = NULL, updated_at = now()
            FROM patients_branch b
            WHERE b.id = v.branch_id AND b.id = ANY(%(branches)s)
            """,
            params,
        )
        cursor.execute(
            """
            WITH walls AS (
                SELECT p.id, (p.paid_at AT TIME ZONE coalesce(vb.timezone, hb.timezone, %(zone)s))::date AS day
                FROM patients_payment p
                JOIN patients_patient person ON person.id = p.patient_id
                LEFT JOIN patients_visit v ON v.id = p.visit_id
                LEFT JOIN patients_branch vb ON vb.id = v.branch_id
                LEFT JOIN patients_branch hb ON hb.id = person.branch_id
                WHERE coalesce(vb.id, hb.id) = ANY(%(branches)s)
            )
            UPDATE patients_payment p SET paid_on = walls.day, updated_at = now()
            FROM walls WHERE walls.id = p.id AND p.paid_on <> walls.day
            """,
            params,
        )
