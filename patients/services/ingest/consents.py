"""Words on consent -> periods. They may come late, out of order and twice.

word at t1 ── until t2 ── word at t2 ── until t3 ── word at t3 ── until: empty
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from patients.services.ingest.staging import stage

STAGE = "stage_consents"
COLUMNS = {
    "patient": "text", "channel": "text", "purpose": "text", "granted": "boolean", "text_version": "text",
    "source": "text", "at": "timestamptz",
}  # fmt: skip


def stage_words(values: Sequence[dict[str, Any]]) -> None:
    """Stage the words, of several with the same moment the last."""
    last = {(v["patient"], v["channel"], v["purpose"], v["at"]): tuple(v[name] for name in COLUMNS) for v in values}
    stage(STAGE, COLUMNS, list(last.values()))


def take_words(source_id: int) -> tuple[int, int]:
    """Write the staged words; returns (created, updated).

    The patients are locked first, so that two requests about one patient follow each other. A word's period ends
    where the next begins, staged words included; periods only get shorter, so open ones are closed before the new
    ones come in, and the database never sees two open at once.
    """
    params = {"source": source_id}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FROM (
                SELECT p.id FROM patients_patient p
                WHERE p.source_id = %(source)s AND p.external_id IN (SELECT patient FROM {STAGE})
                ORDER BY p.id FOR NO KEY UPDATE
            ) locked
            """,
            params,
        )
        cursor.execute(
            f"""
            CREATE TEMP TABLE {STAGE}_line ON COMMIT DROP AS
            WITH posted AS (
                SELECT coalesce(p.merged_into_id, p.id) AS patient_id, s.channel, s.purpose, s.at
                FROM {STAGE} s JOIN patients_patient p ON p.source_id = %(source)s AND p.external_id = s.patient
            ), line AS (
                SELECT * FROM posted
                UNION
                SELECT c.patient_id, c.channel, c.purpose, c.at FROM patients_consent c
                WHERE (c.patient_id, c.channel, c.purpose) IN (SELECT patient_id, channel, purpose FROM posted)
            )
            SELECT *, lead(at) OVER (PARTITION BY patient_id, channel, purpose ORDER BY at) AS until FROM line;
            """,
            params,
        )
        cursor.execute(
            f"""
            UPDATE patients_consent c SET until = line.until FROM {STAGE}_line line
            WHERE (c.patient_id, c.channel, c.purpose, c.at)
                = (line.patient_id, line.channel, line.purpose, line.at)
                AND c.until IS DISTINCT FROM line.until
            """
        )
        cursor.execute(
            f"""
            INSERT INTO patients_consent AS c
                (patient_id, channel, purpose, granted, text_version, source, at, until)
            SELECT DISTINCT ON (line.patient_id, s.channel, s.purpose, s.at)
                line.patient_id, s.channel, s.purpose, s.granted, coalesce(s.text_version, ''),
                coalesce(s.source, ''), s.at, line.until
            FROM {STAGE} s
            JOIN patients_patient p ON p.source_id = %(source)s AND p.external_id = s.patient
            JOIN {STAGE}_line line ON line.patient_id = coalesce(p.merged_into_id, p.id)
                AND (line.channel, line.purpose, line.at) = (s.channel, s.purpose, s.at)
            ORDER BY line.patient_id, s.channel, s.purpose, s.at
            ON CONFLICT (patient_id, channel, purpose, at) DO UPDATE SET
                granted = excluded.granted, text_version = excluded.text_version, source = excluded.source
            WHERE (c.granted, c.text_version, c.source)
                IS DISTINCT FROM (excluded.granted, excluded.text_version, excluded.source)
            RETURNING old.id IS NULL
            """,
            params,
        )
        results = [created for (created,) in cursor.fetchall()]
        cursor.execute(f"DROP TABLE {STAGE}_line")
    return sum(results), len(results) - sum(results)
