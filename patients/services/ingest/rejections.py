"""Items that could not be taken are kept as posted, once each, until they go in or are dismissed."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.db import connection

from patients.models import IngestBatch
from patients.services.ingest.report import RejectedItem
from patients.services.ingest.staging import stage
from patients.services.ingest.validation import clean

STAGE = "stage_rejected"
MAX_PAYLOAD = 256 * 1024
LOCK = 0x72656A65  # "reje"; with the id of the source a key of advisory locks


def keep(
    batch: IngestBatch, rejected: Iterable[RejectedItem], items: Sequence[Any], rows: Sequence[int] | None
) -> None:
    """Write them down. One that is open already (the same nightly dump again) moves to this batch.

    Items alike to the letter are told apart by their order: two of them stay two, however often they are sent.
    """
    kept = [
        (
            rows[item.index] if rows is not None else item.index,
            item.external_id,
            storable(items[item.index]),
            storable(item.errors),
        )
        for item in rejected
    ]
    if not kept:
        return
    columns = {"row": "bigint", "external_id": "text", "payload": "jsonb", "errors": "jsonb"}
    stage(STAGE, columns, kept)
    params: dict[str, Any] = {"batch": batch.pk, "source": batch.source_id, "resource": batch.resource}
    with connection.cursor() as cursor:
        # Of two requests with the same bad item the second must see what the first has kept.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, batch.source_id])
        cursor.execute(
            f"""
            WITH posted AS (
                SELECT s.*, row_number() OVER (PARTITION BY s.external_id, s.payload ORDER BY s.row) AS place
                FROM {STAGE} s
            ), kept AS (
                SELECT r.id, r.external_id, r.payload,
                    row_number() OVER (PARTITION BY r.external_id, r.payload ORDER BY r.id) AS place
                FROM patients_rejected r JOIN patients_ingestbatch b ON b.id = r.batch_id
                WHERE r.resolution = 'open' AND b.source_id = %(source)s AND b.resource = %(resource)s
                    AND r.external_id IN (SELECT coalesce(external_id, '') FROM {STAGE})
            ), again AS (
                UPDATE patients_rejected r SET batch_id = %(batch)s, row = s.row, errors = s.errors,
                    created_at = now()
                FROM posted s
                JOIN kept ON kept.external_id = coalesce(s.external_id, '') AND kept.payload = s.payload
                    AND kept.place = s.place
                WHERE r.id = kept.id
                RETURNING s.row
            )
            INSERT INTO patients_rejected (batch_id, row, external_id, payload, errors, resolution, created_at)
            SELECT %(batch)s, s.row, coalesce(s.external_id, ''), s.payload, s.errors, 'open', now() FROM {STAGE} s
            WHERE s.row NOT IN (SELECT row FROM again) ORDER BY s.row
            """,
            params,
        )


def resolve(source_id: int, resource: str, taken: list[str]) -> None:
    """Open rejections of items that have now been taken are settled."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE patients_rejected r SET resolution = 'replayed', resolved_at = now()
            FROM patients_ingestbatch b
            WHERE r.resolution = 'open' AND b.id = r.batch_id AND b.source_id = %s AND b.resource = %s
                AND r.external_id = ANY(%s)
            """,
            [source_id, resource, taken],
        )


def any_open(source_id: int, resource: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM patients_rejected r JOIN patients_ingestbatch b ON b.id = r.batch_id
                WHERE r.resolution = 'open' AND b.source_id = %s AND b.resource = %s AND r.external_id <> ''
            )
            """,
            [source_id, resource],
        )
        return bool(cursor.fetchone()[0])


def storable(value: Any) -> str:
    """JSON that jsonb can hold: no NUL, no half of a surrogate pair, of bounded size."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
        if b"\\u0000" in text:
            text = orjson.dumps(_without_nul(orjson.loads(text)))
    except (TypeError, ValueError, RecursionError):
        text = orjson.dumps({"unreadable": shown(value)[:MAX_PAYLOAD]})
    if len(text) > MAX_PAYLOAD:
        text = orjson.dumps({"truncated": clean(text[:MAX_PAYLOAD].decode(errors="replace"))})
    return text.decode()


def shown(value: Any) -> str:
    """What can be shown of a value that JSON cannot hold; one nested too deep is only named."""
    try:
        return clean(repr(value))
    except RecursionError:
        return f"{type(value).__name__}: nested too deep"


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_without_nul(entry) for entry in value]
    if isinstance(value, dict):
        return {clean(key): _without_nul(entry) for key, entry in value.items()}
    return value
