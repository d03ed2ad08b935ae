"""Audiences: condition trees asked of the database. Grammar and attributes: docs/audience.md.

Trees come from readers; `problems` says what is wrong with one, and everything else expects one without problems.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import translation

from patients import wording
from patients.models import Patient
from segmentation import conditions
from segmentation.attributes import ATTRIBUTES, Catalogue
from segmentation.conditions import Problem, Tree
from segmentation.selectors.directory import ClinicDirectory

# A card that has been merged or deleted is in no audience, whatever it says.
_SOMEBODY = "p.deleted_at IS NULL AND p.merged_into_id IS NULL"


class BrokenAudienceError(ValueError):
    """A tree with problems was to be counted or sent to."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


class ReaderWords:
    """The words of a language through gettext; "" is the language of the reader."""

    def __init__(self, language: str) -> None:
        self.language = language or translation.get_language() or settings.LANGUAGE_CODE

    def gettext(self, message: str) -> str:
        with translation.override(self.language):
            return translation.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        with translation.override(self.language):
            return translation.ngettext(one, many, number)

    def pgettext(self, context: str, message: str) -> str:
        with translation.override(self.language):
            return translation.pgettext(context, message)

    def number(self, value: Any) -> str:
        whole = float(value).is_integer()
        with translation.override(self.language):
            return wording.number(value, 0 if whole else 2)

    def money(self, value: Any) -> str:
        with translation.override(self.language):
            return wording.money(value, 0 if float(value).is_integer() else 2)

    def day(self, value: datetime.date) -> str:
        with translation.override(self.language):
            return wording.day(value)


def catalogue() -> Catalogue:
    """The attributes asked of this clinic. One per request or batch: names are looked up once."""
    return Catalogue(ATTRIBUTES, ClinicDirectory(), ReaderWords, settings.TIME_ZONE)


def problems(tree: Any, path: str = "where") -> list[Problem]:
    """What is wrong with a tree, in the reader's language, each with its place; empty when it can be used."""
    return conditions.check(tree, catalogue(), path)


def sentence(tree: Tree, language: str = "") -> str:
    """The tree in words. `except` of a campaign is said by its own sentence."""
    return conditions.sentence(tree, catalogue(), language)


def members_sql(
    tree: Tree, as_of: datetime.date, exclude: Tree | None = None, prefix: str = "w"
) -> tuple[str, dict[str, Any]]:
    """`SELECT p.id FROM patients_patient p WHERE …` with named parameters `%(w0)s`, `%(wx0)s` …

    Never a deleted or merged card. Raises BrokenAudienceError for a tree with problems. An empty `exclude` leaves
    nobody out.
    """
    known = catalogue()
    wrong = conditions.check(tree, known) + (conditions.check(exclude, known, "except") if exclude else [])
    if wrong:
        raise BrokenAudienceError(wrong)
    where = conditions.compile(tree, as_of, known, prefix)
    sql, params = f"SELECT p.id FROM patients_patient p WHERE {_SOMEBODY} AND {where.sql}", dict(where.params)
    if exclude and not conditions.is_everybody(exclude):
        without = conditions.compile({"not": exclude}, as_of, known, f"{prefix}x")
        sql, params = f"{sql} AND {without.sql}", {**params, **without.params}
    return sql, params


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
    compiled = [conditions.compile(part, as_of, known, f"w{number}_") for number, part in enumerate(parts)]
    # Each condition as a query of its own card: the planner then looks this one patient up and nobody else.
    columns = ", ".join(
        f"EXISTS (SELECT FROM patients_patient p WHERE p.id = %(patient)s AND {where.sql})" for where in compiled
    )
    params = {name: value for where in compiled for name, value in where.params.items()}
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", {**params, "patient": patient_id})
        held = cursor.fetchone()
    return [(conditions.sentence(part, known), bool(holds)) for part, holds in zip(parts, held, strict=True)]
