"""What an attribute is: a label, operators, the fields of each, its SQL and its words. No Django, no database.

A condition on an attribute is a flat JSON object: `{"attribute": "age", "is": "between", "value": [25, 55]}`. The keys
beside `attribute` and `is` are the fields of the operator.
"""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Leaf = Mapping[str, Any]
Id = int | str


def _(message: str) -> str:
    """Marks a message for translation; it is translated when it is shown."""
    return message


GROUPS = {
    "segments": _("Segments"),
    "visits": _("Visits and services"),
    "money": _("Money"),
    "patient": _("Patient"),
    "opinion": _("Feedback"),
    "contact": _("Contacts and consent"),
}


class Words(Protocol):
    """A language: the catalogue of messages and the way numbers, sums and days are written."""

    def gettext(self, message: str) -> str: ...
    def ngettext(self, one: str, many: str, number: int) -> str: ...
    def pgettext(self, context: str, message: str) -> str: ...
    def number(self, value: Any) -> str: ...
    def money(self, value: Any) -> str: ...
    def day(self, value: datetime.date) -> str: ...


class Directory(Protocol):
    """What the clinic has: asked for names by id, for the services of groups, for the ids of segments."""

    def names(self, kind: str, ids: Collection[Id]) -> dict[Id, str]: ...
    def services_of(self, groups: Collection[int]) -> list[int]: ...
    def segment_ids(self, codes: Collection[str]) -> list[int]: ...


@dataclass(frozen=True)
class Field:
    """One thing to fill in. `kind` decides its JSON, its check and its words:

    number   5                              range   [25, 55], whole or with decimals
    days     {"from": 12, "to": 18, "unit": "months"}: a window, back (`ahead` false) or forward; one border may
             be missing
    date     "2026-03-01"                   count   {"at_least": 2, "at_most": 5}; one border may be missing
    choice   "single", of `choices`         choices ["email", "sms"], of `choices`
    ids      [3, 7], of the directory `source`       texts   ["SPRING"]
    """

    name: str
    kind: str
    label: str
    source: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    least: float = 0
    most: float = 10**12
    whole: bool = True
    unit: str = ""  # "₽", "%", or the name of a plural of segmentation.conditions.phrases
    ahead: bool = False
    required: bool = False


@dataclass(frozen=True)
class Plain:
    """A condition on the card itself, over the alias {p}; never NULL."""

    sql: str


@dataclass(frozen=True)
class Row:
    """A condition on the one row a patient has in a table, over its name. Without the row it does not hold.

    `negated`: it holds unless such a row is there.
    """

    table: str
    sql: str
    negated: bool = False


@dataclass(frozen=True)
class Members:
    """A query for the ids of those for whom the condition holds, in a column `id`, perhaps repeated; or, `negated`,
    of those for whom it does not."""

    sql: str
    negated: bool = False


Part = Plain | Row | Members


class Ask:
    """What a condition needs to become SQL: the day, the clinic, and a place for every value. Values never stand in
    the text of the query. `cards`: only facts of these cards are of interest (one patient is asked about)."""

    def __init__(
        self, as_of: datetime.date, directory: Directory, zone: str, prefix: str = "w",
        cards: Collection[int] | None = None,
    ) -> None:  # fmt: skip
        self.as_of, self.directory, self.zone, self.prefix, self.cards = as_of, directory, zone, prefix, cards
        self.params: dict[str, Any] = {}

    def value(self, value: Any) -> str:
        """The placeholder of a value."""
        name = f"{self.prefix}{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def any_of(self, column: str, values: Iterable[Any], sql_type: str) -> str:
        return f"{column} = ANY({self.value(list(values))}::{sql_type}[])"

    def morning(self, day: datetime.date) -> str:
        """The first moment of a day by the clock of the clinic."""
        return f"({self.value(day)}::date::timestamp AT TIME ZONE {self.value(self.zone)})"


@dataclass(frozen=True)
class Operator:
    """`says` makes a phrase of a condition whose fields are already in words (`phrases.Phrase`)."""

    code: str
    label: str
    fields: tuple[Field, ...]
    sql: Callable[[Leaf, Ask], Part]
    says: Callable[[Any], str]


@dataclass(frozen=True)
class Attribute:
    """`one_of`: at least one of these fields must be filled in. `nightly`: as of the last night, not of this moment."""

    code: str
    group: str
    label: str
    operators: tuple[Operator, ...]
    help: str = ""
    one_of: tuple[str, ...] = ()
    nightly: bool = False

    def operator(self, code: Any) -> Operator | None:
        return next((one for one in self.operators if one.code == code), None)


@dataclass
class Catalogue:
    """Attributes by code, the clinic they are asked of, and its languages ("" is the reader's)."""

    attributes: Mapping[str, Attribute]
    directory: Directory
    words: Callable[[str], Words]
    zone: str = "Europe/Moscow"
    names: dict[tuple[str, Id], str | None] = field(default_factory=dict)

    def learn(self, kind: str, ids: Iterable[Id]) -> None:
        """Look up names that are not known yet, all at once."""
        missing = {one for one in ids if (kind, one) not in self.names}
        if missing:
            found = self.directory.names(kind, missing)
            self.names.update({(kind, one): found.get(one) for one in missing})

    def name(self, kind: str, one: Id) -> str | None:
        """The name of something in the clinic; None when there is no such thing."""
        self.learn(kind, [one])
        return self.names[kind, one]
