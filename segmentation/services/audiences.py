"""Audiences: condition trees asked of the database. Grammar and attributes: docs/audience.md.

Trees come from readers; `problems` says what is wrong with one, and everything else expects one without problems.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db import OperationalError, connection, transaction

from patients.models import Patient
from segmentation import conditions
from segmentation.conditions import Tree
from segmentation.selectors.asking import BrokenAudienceError, catalogue, members_sql, problems, sentence

__all__ = [
    "BrokenAudienceError", "Size", "catalogue", "count", "matches", "members_sql", "problems", "sample", "sentence",
    "size", "without_jit",
]  # fmt: skip


def count(tree: Tree, as_of: datetime.date, exclude: Tree | None = None) -> int:
    """How many there are."""
    sql, params = members_sql(tree, as_of, exclude)
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) audience", params)
        return int(cursor.fetchone()[0])


class Size(NamedTuple):
    """How many; `exact` when counted, otherwise the planner's estimate."""

    patients: int
    exact: bool


def size(tree: Tree, as_of: datetime.date, exclude: Tree | None = None, *, seconds: float = 2.0) -> Size:
    """How many there are, counted when that takes no longer than `seconds`, else estimated by the planner."""
    sql, params = members_sql(tree, as_of, exclude)
    try:
        with without_jit(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            cursor.execute(f"SELECT count(*) FROM ({sql}) audience", params)
            found = Size(int(cursor.fetchone()[0]), exact=True)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # the caller's transaction may go on
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: the time is over
            raise
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        return Size(int(cursor.fetchone()[0][0]["Plan"]["Plan Rows"]), exact=False)


@contextmanager
def without_jit() -> Iterator[None]:
    """Compiling a query of this size takes longer than running it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        yield


def sample(tree: Tree, as_of: datetime.date, n: int = 10, exclude: Tree | None = None) -> list[Patient]:
    """Some of the people, the same ones as long as nothing changes: in the order of a hash of their ids."""
    sql, params = members_sql(tree, as_of, exclude)
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({sql}) audience ORDER BY hashint8(id), id LIMIT {int(n)}", params)
        ids = [row[0] for row in cursor.fetchall()]
    found = Patient.objects.in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def matches(patient_id: int, tree: Tree, as_of: datetime.date) -> list[tuple[str, bool]]:
    """For each condition at the top of the tree its sentence and whether it holds for one patient.

    A tree that is not an `all` is one condition. Nobody's conditions hold for a card that is not there.
    """
    known = catalogue()
    wrong = conditions.check(tree, known)
    if wrong:
        raise BrokenAudienceError(wrong)
    parts = tree.get("all", [tree] if tree else [])
    if not parts:
        return []
    cards = [patient_id, *Patient.objects.filter(merged_into=patient_id).values_list("pk", flat=True)]
    compiled = [conditions.compile(part, as_of, known, f"w{number}_", cards) for number, part in enumerate(parts)]
    # Each condition as a query of its own card: the planner then looks this one patient up and nobody else.
    columns = ", ".join(
        f"EXISTS (SELECT FROM patients_patient p WHERE p.id = %(patient)s AND {where.sql})" for where in compiled
    )
    params = {name: value for where in compiled for name, value in where.params.items()}
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", {**params, "patient": patient_id})
        held = cursor.fetchone()
    return [(conditions.sentence(part, known), bool(holds)) for part, holds in zip(parts, held, strict=True)]
