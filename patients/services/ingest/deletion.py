"""The source withdraws a visit, a payment, a patient or a package: the row stays, marked as deleted."""

from django.db import connection, transaction

from patients.models import Integration
from patients.models.intake import Resource
from patients.services.ingest import implied

TABLES = {
    Resource.VISITS: "patients_visit",
    Resource.PAYMENTS: "patients_payment",
    Resource.PATIENTS: "patients_patient",
    Resource.PACKAGES: "patients_package",
}


@transaction.atomic
def delete(source: Integration, resource: str, external_id: str) -> bool:
    """Mark as deleted; again is the same as once. False when the source never had it.

    The deletion counts as the newest word of the source: a replayed older post does not bring the row back.
    """
    if "\x00" in external_id:
        return False
    table = TABLES[Resource(resource)]
    own = "AND NOT implied" if table == "patients_payment" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET deleted_at = now(), updated_at = now(),
                source_updated_at = greatest(source_updated_at, now())
            WHERE source_id = %s AND external_id = %s AND deleted_at IS NULL {own}
            RETURNING id
            """,
            [source.pk, external_id],
        )
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {table} WHERE source_id = %s AND external_id = %s {own})",
                [source.pk, external_id],
            )
            return bool(cursor.fetchone()[0])
    if table == "patients_visit" and source.implied_payments:
        implied.keep_in_step(source, [row[0]])
    return True
