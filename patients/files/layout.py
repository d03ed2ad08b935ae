"""What a file looks like: the `[file]` table of a mapping, and the error every wrong key of a mapping raises."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

FORMS = ("csv", "text", "excel")


class MappingError(Exception):
    """The mapping is wrong at `key`, written as in the TOML: `visits.starts_at.format`."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key, self.problem = key, problem


@dataclass(frozen=True)
class Layout:
    form: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: tuple[str, ...] = ()
    skip_lines: int = 0
    sheet: str = ""
    decimal: str = "."
    timezone: ZoneInfo | None = None


def read_layout(table: Mapping[str, Any]) -> Layout:
    """The `[file]` table, checked; everything in it may be left out."""
    taken = Taker(table, "file")
    layout = Layout(
        form=taken.choice("format", FORMS, "csv"),
        encoding=_encoding(taken.text("encoding", "utf-8")),
        delimiter=taken.one_character("delimiter", ","),
        quote=taken.one_character("quote", '"'),
        header=taken.flag("header", True),
        columns=taken.texts("columns"),
        skip_lines=taken.count("skip_lines"),
        sheet=taken.text("sheet", ""),
        decimal=taken.choice("decimal", (".", ","), "."),
        timezone=zone(taken.text("timezone", ""), "file.timezone"),
    )
    taken.nothing_left()
    return layout


def zone(name: str, key: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MappingError(key, _("there is no time zone “%(name)s”") % {"name": name}) from error


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses codecs that are not of text, such as base64
        return codecs.lookup(name).name
    except LookupError as error:
        raise MappingError("file.encoding", _("there is no encoding “%(name)s”") % {"name": name}) from error


class Taker:
    """Takes keys out of a TOML table one by one; what is left over is a misspelled key, and is named."""

    def __init__(self, table: object, key: str) -> None:
        if not isinstance(table, Mapping):
            raise MappingError(key, _("expected a table"))
        self.left, self.key = dict(table), key

    def at(self, name: str) -> str:
        return f"{self.key}.{name}"

    def take(self, name: str, kind: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self.left.pop(name, default)
        if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is int)):
            raise MappingError(self.at(name), _("expected %(kind)s") % {"kind": expected})
        return value

    def text(self, name: str, default: str) -> str:
        return str(self.take(name, str, _("text in quotes"), default))

    def flag(self, name: str, default: bool) -> bool:
        return bool(self.take(name, bool, _("true or false"), default))

    def count(self, name: str) -> int:
        number = int(self.take(name, int, _("a whole number"), 0))
        if number < 0:
            raise MappingError(self.at(name), _("expected a number from 0"))
        return number

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.take(name, (list, str), _("a list of texts"), ())
        words = (value,) if isinstance(value, str) else tuple(value)
        if not all(isinstance(word, str) for word in words):
            raise MappingError(self.at(name), _("expected %(kind)s") % {"kind": _("a list of texts")})
        return words

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        word = self.text(name, default)
        if word not in choices:
            raise MappingError(self.at(name), _("expected one of %(words)s") % {"words": ", ".join(choices)})
        return word

    def one_character(self, name: str, default: str) -> str:
        word = self.text(name, default)
        if len(word) != 1 or word in "\r\n":
            raise MappingError(self.at(name), _("expected one character"))
        return word

    def nothing_left(self, known: str = "") -> None:
        for name in self.left:
            raise MappingError(self.at(name), _("unknown key") + (f" ({known})" if known else ""))
