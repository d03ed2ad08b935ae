"""What belongs to a visit beside its own row: totals and fingerprint before the upsert, items and stubs after it."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from django.db import connection

from patients.services.ingest.messages import say
from patients.services.ingest.report import Errors
from patients.services.ingest.staging import copy, stage
from patients.services.ingest.types import MAX_MONEY
from patients.services.ingest.upsert import Written
from patients.services.ingest.validation import Checked

Line = tuple[str, float, float, float, float]
_line = itemgetter("service", "quantity", "price", "discount", "cost")
KOPECKS = 100
RECOGNISED = "stage_recognised"


def recognise(items: Sequence[Any], source_id: int) -> tuple[set[int], list[int | None]]:
    """Which of the posted visits are, to the letter, what made the stored row, and the hashes of all of them.

    A nightly dump repeats nearly everything, and these need no validation and no look-ups. With one identifier twice
    in the request nothing is recognised: which of the two counts is decided where both are seen.
    """
    try:
        ids = [item["external_id"].strip() for item in items]
        hashes: list[int | None] = [_hash(orjson.dumps(item)) for item in items]
    except (TypeError, KeyError, AttributeError, ValueError):
        return set(), [_hash_of(item) for item in items]
    if len(set(ids)) < len(ids) or any("\x00" in name for name in ids):
        return set(), hashes
    stage(
        RECOGNISED,
        {"n": "int", "external_id": "text", "hash": "bigint"},
        zip(range(len(ids)), ids, hashes, strict=True),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.n FROM {RECOGNISED} s
            JOIN patients_visit v ON v.source_id = %s AND v.external_id = s.external_id
            WHERE v.posted_hash = s.hash AND v.deleted_at IS NULL
            """,
            [source_id],
        )
        return {n for (n,) in cursor.fetchall()}, hashes


def _hash_of(item: Any) -> int | None:
    """None for an item JSON cannot hold: it will be rejected and must not keep the others from their hash."""
    try:
        return _hash(orjson.dumps(item))
    except (TypeError, ValueError, RecursionError):
        return None


def _hash(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def prepare(checked: Checked) -> None:
    """Give every visit its `lines`, totals and fingerprint; refuse visits whose sums cannot be."""
    for value in checked.values:
        value["lines"] = [_line(vars(line)) for line in value["items"]]
    checked.reject(_refused(checked))
    totals = _totals([value["lines"] for value in checked.values])
    for value, amount, discount, cost in zip(checked.values, *totals, strict=True):
        value["amount"], value["discount"], value["cost"] = amount, discount, cost
        value["fingerprint"] = fingerprint(value["lines"])


def fingerprint(lines: list[Line]) -> int:
    """64 bits over the items, whatever their order."""
    return _hash(orjson.dumps(sorted(lines)))


def _refused(checked: Checked) -> dict[int, Errors]:
    """Visits with a line or a sum that does not fit, found by array; rounds amounts to kopecks on the way."""
    counts = [len(value["lines"]) for value in checked.values]
    if not any(counts):
        return {}
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum([0, *counts])
    numbers = np.array([line[1:] for line in chain.from_iterable(v["lines"] for v in checked.values)])
    finer = np.abs(numbers * KOPECKS - np.rint(numbers * KOPECKS)).max(axis=1) > 1e-3
    for row in np.flatnonzero(finer).tolist():
        lines = checked.values[owner[row]]["lines"]
        rounded = _rounded(lines[row - first[owner[row]]])
        lines[row - first[owner[row]]] = rounded
        numbers[row] = rounded[1:]
    gross = numbers[:, 0] * numbers[:, 1]
    errors: dict[int, Errors] = {}
    for mask, field, kind in (
        (gross > MAX_MONEY, "price", "total"),
        (numbers[:, 2] > gross + 0.005, "discount", "discount"),
    ):
        for row in np.flatnonzero(mask).tolist():
            position = int(owner[row])
            errors.setdefault(position, {})[f"items.{row - first[position]}.{field}"] = [say(kind)]
    sums = np.zeros((len(counts), 3))
    np.add.at(sums, owner, np.column_stack([gross, numbers[:, 2], numbers[:, 3]]))
    for position in np.flatnonzero((sums > MAX_MONEY).any(axis=1)).tolist():
        errors.setdefault(position, {"items": [say("total")]})
    return errors


def _rounded(line: Line) -> Line:
    """Half up, as PostgreSQL rounds what it reads."""
    cent = Decimal("0.01")
    service, *numbers = line
    rounded = [float(Decimal(repr(number)).quantize(cent, ROUND_HALF_UP)) for number in numbers]
    return (service, *rounded)  # type: ignore[return-value]


def _totals(lines: Sequence[list[Line]]) -> tuple[list[float], list[float], list[float]]:
    """Amount, discount and cost per visit in rubles, added up exactly in whole kopecks and rounded half up once."""
    counts = [len(own) for own in lines]
    ends = np.cumsum(counts, dtype=np.int64)
    starts = ends - np.array(counts, dtype=np.int64)
    flat = np.array([line[1:] for line in chain.from_iterable(lines)], dtype=float).reshape(-1, 4)
    quantity, price, discount, cost = np.rint(flat * KOPECKS).astype(np.int64).T

    def per_visit(values: np.ndarray) -> np.ndarray:
        running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values)])
        return running[ends] - running[starts]

    amount = (per_visit(quantity * price - discount * KOPECKS) + KOPECKS // 2) // KOPECKS
    return (
        (amount / KOPECKS).tolist(),
        (per_visit(discount) / KOPECKS).tolist(),
        (per_visit(cost) / KOPECKS).tolist(),
    )


def write_items(checked: Checked, written: Sequence[Written], source_id: int, services: dict[str, int]) -> None:
    """Items of new visits and of those whose fingerprint changed; all others stay untouched."""
    stale = [visit.id for visit in written if visit.flag]
    if stale:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM patients_visititem WHERE visit_id = ANY(%s)", [stale])
    ids = {visit.external_id: visit.id for visit in written if visit.created or visit.flag}
    if not ids:
        return
    rows = (
        (ids[value["external_id"]], services[service], *numbers)
        for value in checked.values
        if value["external_id"] in ids
        for service, *numbers in value["lines"]
    )
    copy("patients_visititem", ("visit_id", "service_id", "quantity", "price", "discount", "cost"), rows)


def service_ids(checked: Checked, source_id: int) -> dict[str, int]:
    """Services named by the visits; the unknown ones become stubs."""
    named = sorted({line[0] for value in checked.values for line in value["lines"]})
    if not named:
        return {}
    with connection.cursor() as cursor:
        select = "SELECT external_id, id FROM patients_service WHERE source_id = %s AND external_id = ANY(%s)"
        cursor.execute(select, [source_id, named])
        known = dict(cursor.fetchall())
        unknown = [name for name in named if name not in known]
        if unknown:
            cursor.execute(
                """
                INSERT INTO patients_service (source_id, external_id, name, stub)
                SELECT %s, name, name, true FROM unnest(%s::text[]) AS name
                ORDER BY name ON CONFLICT (source_id, external_id) DO NOTHING
                """,
                [source_id, unknown],
            )
            cursor.execute(select, [source_id, named])
            known = dict(cursor.fetchall())
    return known
