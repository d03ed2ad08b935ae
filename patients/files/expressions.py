"""One field of a mapping, compiled against the columns of a file into a function from a row to a value."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients.files import values
from patients.files.layout import Layout, MappingError, Taker, zone
from patients.files.values import Cell

KINDS = ("text", "id", "integer", "decimal", "date", "datetime", "boolean", "birth_date_from_age")
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Row:
    line: int
    cells: Sequence[Cell]


class UnreadableCell(ValueError):
    """A cell that cannot become the value it should; `cell` is what stands there."""

    def __init__(self, problem: str, cell: str) -> None:
        super().__init__(problem)
        self.cell = cell


Field = Callable[[Row], Any]
Get = Callable[[Row], Cell]


@dataclass(frozen=True)
class Columns:
    """The columns of the file, found by name or by number from 1."""

    names: Sequence[str]
    layout: Layout

    def get(self, reference: object, key: str) -> Get:
        place = self._place(reference, key)

        def cell(row: Row) -> Cell:
            return row.cells[place] if place < len(row.cells) else ""

        return cell

    def _place(self, reference: object, key: str) -> int:
        if isinstance(reference, int) and not isinstance(reference, bool):
            if reference < 1 or (self.names and reference > len(self.names)):
                raise MappingError(key, _("columns are numbered from 1 to %(last)s") % {"last": len(self.names) or "…"})
            return reference - 1
        if not isinstance(reference, str):
            raise MappingError(key, _("expected the name of a column or its number from 1"))
        if self.names.count(reference) > 1:
            raise MappingError(key, _("the file has several columns “%(name)s”; give the number") % {"name": reference})
        if reference not in self.names:
            raise MappingError(
                key,
                _("the file has no column “%(name)s”; it has: %(columns)s")
                % {"name": reference, "columns": ", ".join(self.names) or "—"},
            )
        return self.names.index(reference)


def compile_field(spec: object, kind: str, columns: Columns, key: str) -> Field:
    """`"Column"`, `3`, or a table with one of `column`, `constant`, `template` and how the cell is to be read.

    The function raises `UnreadableCell` when the cell cannot be read; an empty cell gives `default`, else None.
    """
    if isinstance(spec, str | int):
        spec = {"column": spec}
    taken = Taker(spec, key)
    get = _origin(taken, columns)
    kind = taken.choice("type", KINDS, kind)
    empty = frozenset(taken.texts("empty")) | {""}
    default = taken.left.pop("default", None)
    codes = _codes(taken)
    convert = _converter(kind, taken, columns)
    taken.nothing_left()
    if isinstance(spec, Mapping) and "constant" in spec and codes is None:
        return _constant(spec["constant"], convert, key)

    def field(row: Row) -> Any:
        try:
            cell = get(row)
        except ValueError as error:
            raise UnreadableCell(str(error), "") from error
        if values.text(cell) in empty:
            return default
        try:
            return convert(codes(cell) if codes else cell, row)
        except ValueError as error:
            raise UnreadableCell(str(error), values.text(cell)[:200]) from error

    return field


def _constant(value: Any, convert: Callable[[Cell, Row], Any], key: str) -> Field:
    """Read once, so that a constant of the wrong kind is an error of the mapping and not of every row."""
    try:
        fixed = convert(value, Row(0, ()))
    except ValueError as error:
        raise MappingError(f"{key}.constant", str(error)) from error
    return lambda row: fixed


def _origin(taken: Taker, columns: Columns) -> Get:
    given = [name for name in ("column", "constant", "template") if name in taken.left]
    if len(given) != 1:
        raise MappingError(taken.key, _("give one of column, constant, template"))
    value = taken.left.pop(given[0])
    if given[0] == "column":
        return columns.get(value, taken.at("column"))
    if given[0] == "constant":
        return lambda row: value
    if not isinstance(value, str):
        raise MappingError(taken.at("template"), _("expected text in quotes"))
    return _template(value, columns, taken.at("template"))


def _template(form: str, columns: Columns, key: str) -> Get:
    """`{Column}` is replaced by the cell read as an id, `{line}` by the number of the line in the file."""
    parts = _PLACE.split(form)  # text, name, text, name, … text
    getters = [None if name == "line" else columns.get(_reference(name), key) for name in parts[1::2]]

    def fill(row: Row) -> Cell:
        made = [parts[0]]
        for getter, tail in zip(getters, parts[2::2], strict=True):
            made += [str(row.line) if getter is None else values.identifier(getter(row)), tail]
        return "".join(made)

    return fill


def _reference(name: str) -> object:
    return int(name) if name.isdigit() else name


def _codes(taken: Taker) -> Callable[[Cell], Cell] | None:
    """`codes = {Yes = "no_show"}`; a cell that is not in the table is an error unless `other` says what it means."""
    table = taken.left.pop("codes", None)
    other = taken.left.pop("other", None)
    if table is None:
        if other is not None:
            raise MappingError(taken.at("other"), _("needs codes"))
        return None
    if not isinstance(table, Mapping) or not table:
        raise MappingError(taken.at("codes"), _("expected a table"))
    by_word = {word.strip().casefold(): meaning for word, meaning in table.items()}

    def meaning(cell: Cell) -> Cell:
        found = by_word.get(values.text(cell).casefold(), other)
        if found is None:
            raise ValueError(_("Not in the code table of the mapping."))
        return found

    return meaning


def _converter(kind: str, taken: Taker, columns: Columns) -> Callable[[Cell, Row], Any]:
    mark = taken.choice("decimal", (".", ","), columns.layout.decimal)
    formats = taken.texts("format")
    local = zone(taken.text("timezone", ""), taken.at("timezone")) or columns.layout.timezone
    if kind == "birth_date_from_age":
        seen_on = columns.get(taken.left.pop("on", None), taken.at("on"))
        return lambda cell, row: values.born(values.integer(cell, mark), values.moment(seen_on(row), formats, None))
    return {
        "text": lambda cell, row: values.text(cell),
        "id": lambda cell, row: values.identifier(cell),
        "integer": lambda cell, row: values.integer(cell, mark),
        "decimal": lambda cell, row: values.decimal(cell, mark),
        "boolean": lambda cell, row: values.boolean(cell),
        "date": lambda cell, row: values.moment(cell, formats, None).date().isoformat(),
        "datetime": lambda cell, row: values.moment(cell, formats, local).isoformat(),
    }[kind]
