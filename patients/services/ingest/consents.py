"""Words on consent as a source posts them: the patients by their ids of that source."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from patients.services import consents
from patients.services.ingest.staging import stage

STAGE = "stage_consents"
COLUMNS = {
    "patient": "text", "channel": "text", "purpose": "text", "granted": "boolean", "text_version": "text",
    "source": "text", "proof": "text", "at": "timestamptz",
}  # fmt: skip


def stage_words(values: Sequence[dict[str, Any]]) -> None:
    """Stage the words, of several with the same moment the last."""
    last = {(v["patient"], v["channel"], v["purpose"], v["at"]): tuple(v[name] for name in COLUMNS) for v in values}
    stage(STAGE, COLUMNS, list(last.values()))


def take_words(source_id: int) -> tuple[int, int]:
    """Write the staged words; returns (created, updated)."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{consents.STAGE}")
        cursor.execute(
            f"""
            CREATE TEMP TABLE {consents.STAGE} ON COMMIT DROP AS
            SELECT coalesce(p.merged_into_id, p.id) AS patient_id, s.channel, s.purpose, s.granted, s.text_version,
                s.source, s.proof, s.at
            FROM {STAGE} s JOIN patients_patient p ON p.source_id = %s AND p.external_id = s.patient
            """,
            [source_id],
        )
    return consents.write_staged()
