"""Payments implied by completed visits of a source that sends none.

Every completed visit of such a source has exactly one, `visit:<its external id>`, with the visit's amount and time;
when the visit is cancelled or deleted, the payment is marked deleted, and comes back with it.
"""

from django.db import connection

from patients.models import Integration
from patients.services.ingest.checks import IMPLIED_PREFIX

# An identifier longer than its field is shortened to a hash.
_EXTERNAL_ID = f"""
    CASE WHEN length(v.external_id) <= {64 - len(IMPLIED_PREFIX)} THEN '{IMPLIED_PREFIX}' || v.external_id
         ELSE '{IMPLIED_PREFIX}' || md5(v.external_id) END
"""


def keep_in_step(source: Integration, visits: list[int] | None = None) -> None:
    """Bring the implied payments of these visits (all of the source without a list) in step with them.

    A source whose visits no longer imply payments has none left.
    """
    if visits is not None and not visits:
        return
    only = "" if visits is None else "AND v.id = ANY(%(visits)s)"
    params = {"source": source.pk, "visits": visits, "implied": source.implied_payments}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO patients_payment AS p (
                source_id, external_id, source_updated_at, patient_id, visit_id, paid_at, paid_on, amount, kind, implied
            )
            SELECT v.source_id, {_EXTERNAL_ID}, v.source_updated_at, v.patient_id, v.id, v.starts_at, v.starts_on,
                v.amount, 'single', true
            FROM patients_visit v
            WHERE v.source_id = %(source)s AND %(implied)s AND v.status = 'completed' AND v.deleted_at IS NULL {only}
            ORDER BY v.external_id
            ON CONFLICT (source_id, external_id) DO UPDATE SET
                source_updated_at = excluded.source_updated_at, patient_id = excluded.patient_id,
                visit_id = excluded.visit_id, paid_at = excluded.paid_at, paid_on = excluded.paid_on,
                amount = excluded.amount, kind = 'single', implied = true, deleted_at = NULL, updated_at = now()
            WHERE (p.patient_id, p.visit_id, p.paid_at, p.paid_on, p.amount, p.kind, p.implied, p.deleted_at)
                IS DISTINCT FROM (excluded.patient_id, excluded.visit_id, excluded.paid_at, excluded.paid_on,
                    excluded.amount, 'single', true, NULL::timestamptz)
            """,
            params,
        )
        cursor.execute(
            f"""
            UPDATE patients_payment p SET deleted_at = now(), updated_at = now()
            FROM patients_visit v
            WHERE p.visit_id = v.id AND p.implied AND p.deleted_at IS NULL AND v.source_id = %(source)s {only}
                AND (NOT %(implied)s OR v.status <> 'completed' OR v.deleted_at IS NOT NULL)
            """,
            params,
        )
