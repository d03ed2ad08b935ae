"""Words on consent -> periods. They may come late, out of order and twice, from a source or from the patient.

word at t1 ── until t2 ── word at t2 ── until t3 ── word at t3 ── until: empty
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

STAGE = "stage_words"


@dataclass(frozen=True, slots=True)
class Word:
    """What a patient said about one channel and purpose, when, where, after reading which text; what proves it."""

    patient_id: int
    channel: str
    purpose: str
    granted: bool
    at: dt.datetime
    text_version: str = ""
    source: str = ""
    proof: str = ""


def say(words: Sequence[Word]) -> tuple[int, int]:
    """Write the words down; returns (created, updated). Of several with the same moment the last one holds.

    A word about a merged card is one about the card that was kept.
    """
    last = {(word.patient_id, word.channel, word.purpose, word.at): word for word in words}
    if not last:
        return 0, 0
    said = list(last.values())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{STAGE}")
        cursor.execute(
            f"""
            CREATE TEMP TABLE {STAGE} ON COMMIT DROP AS
            SELECT coalesce(p.merged_into_id, p.id) AS patient_id, s.channel, s.purpose, s.granted, s.text_version,
                s.source, s.proof, s.at
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::text[], %s::text[],
                %s::timestamptz[])
                AS s (patient_id, channel, purpose, granted, text_version, source, proof, at)
            JOIN patients_patient p ON p.id = s.patient_id
            """,
            [
                [word.patient_id for word in said],
                [word.channel for word in said],
                [word.purpose for word in said],
                [word.granted for word in said],
                [word.text_version for word in said],
                [word.source for word in said],
                [word.proof for word in said],
                [word.at for word in said],
            ],
        )
        return write_staged()


def write_staged() -> tuple[int, int]:
    """Write the words of the temporary table `stage_words`; returns (created, updated).

    The patients are locked first, so that two requests about one patient follow each other. A word's period ends
    where the next begins, staged words included; periods only get shorter, so open ones are closed before the new
    ones come in, and the database never sees two open at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FROM (
                SELECT p.id FROM patients_patient p WHERE p.id IN (SELECT patient_id FROM {STAGE})
                ORDER BY p.id FOR NO KEY UPDATE
            ) locked
            """
        )
        cursor.execute(
            f"""
            CREATE TEMP TABLE {STAGE}_line ON COMMIT DROP AS
            WITH posted AS (SELECT patient_id, channel, purpose, at FROM {STAGE}), line AS (
                SELECT * FROM posted
                UNION
                SELECT c.patient_id, c.channel, c.purpose, c.at FROM patients_consent c
                WHERE (c.patient_id, c.channel, c.purpose) IN (SELECT patient_id, channel, purpose FROM posted)
            )
            SELECT *, lead(at) OVER (PARTITION BY patient_id, channel, purpose ORDER BY at) AS until FROM line;
            """
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
                (patient_id, channel, purpose, granted, text_version, source, proof, at, until)
            SELECT DISTINCT ON (line.patient_id, s.channel, s.purpose, s.at)
                line.patient_id, s.channel, s.purpose, s.granted, coalesce(s.text_version, ''),
                coalesce(s.source, ''), coalesce(s.proof, ''), s.at, line.until
            FROM {STAGE} s
            JOIN {STAGE}_line line USING (patient_id, channel, purpose, at)
            ORDER BY line.patient_id, s.channel, s.purpose, s.at
            ON CONFLICT (patient_id, channel, purpose, at) DO UPDATE SET
                granted = excluded.granted, text_version = excluded.text_version, source = excluded.source,
                proof = excluded.proof
            WHERE (c.granted, c.text_version, c.source, c.proof)
                IS DISTINCT FROM (excluded.granted, excluded.text_version, excluded.source, excluded.proof)
            RETURNING old.id IS NULL
            """
        )
        results = [created for (created,) in cursor.fetchall()]
        cursor.execute(f"DROP TABLE {STAGE}_line")
    return sum(results), len(results) - sum(results)
