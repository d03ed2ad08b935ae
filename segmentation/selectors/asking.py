"""Condition trees asked of this clinic: its catalogue, its languages, the query for the members.

Trees come from readers; `problems` says what is wrong with one, and everything else expects one without problems.
"""

import datetime
from typing import Any

from django.conf import settings
from django.utils import translation

from patients import wording
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
    with translation.override(language or translation.get_language()):  # names of segments have languages, too
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
