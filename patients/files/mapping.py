"""A TOML mapping: which columns of a file become which fields of which resources. See docs/imports/README.md."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from patients.files import values
from patients.files.expressions import Columns, Field, Row, UnreadableCell, compile_field
from patients.files.fields import FIELDS, ITEM_FIELDS, ORDER, REQUIRED
from patients.files.layout import Layout, MappingError, Taker, read_layout

Condition = Callable[[Row], bool]


@dataclass(frozen=True)
class FileMapping:
    """A mapping as read: the layout is checked; the rest is compiled when the columns of the file are known."""

    layout: Layout
    where: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]

    @property
    def resources(self) -> list[str]:
        return [name for name in ORDER if name in self.tables]


@dataclass(frozen=True)
class Made:
    """What one row gives for one resource: an item, and what could not be read by field.

    A cell that could not be read stands in the item as `{"unread": "…"}`, which no field accepts.
    """

    item: dict[str, Any]
    errors: dict[str, list[str]]


@dataclass(frozen=True)
class ResourceReader:
    resource: str
    wanted: Condition
    fields: Sequence[tuple[str, Field]]
    items: Sequence[Sequence[tuple[str, Field]]]

    def read(self, row: Row) -> Made | None:
        if not self.wanted(row):
            return None
        errors: dict[str, list[str]] = {}
        item = _fill(self.fields, row, "", errors)
        if self.resource == "visits" and self.items:
            lines = [_fill(fields, row, f"items.{n}.", errors) for n, fields in enumerate(self.items)]
            item["items"] = [line for line in lines if "service" in line]
        return Made(item, errors)


def _fill(fields: Sequence[tuple[str, Field]], row: Row, prefix: str, errors: dict[str, list[str]]) -> dict[str, Any]:
    item = {}
    for name, field in fields:
        try:
            value = field(row)
        except UnreadableCell as error:
            errors[prefix + name] = [str(error)]
            value = {"unread": error.cell}
        if value is not None:
            item[name] = value
    return item


@dataclass(frozen=True)
class RowReader:
    """Turns rows of one file into items of its resources."""

    wanted: Condition
    readers: Sequence[ResourceReader]


def load_mapping(path: Path) -> FileMapping:
    if not path.is_file():
        raise MappingError(path.name, _("there is no such file"))
    try:
        return parse_mapping(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MappingError(path.name, _("a mapping is written in UTF-8")) from error


def parse_mapping(toml: str) -> FileMapping:
    try:
        document = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise MappingError("TOML", str(error)) from error
    layout = read_layout(document.pop("file", {}))
    where = document.pop("where", {})
    for name, table in document.items():
        _check_resource(name, table)
    if not document:
        raise MappingError("TOML", _("name at least one resource, for example [visits]"))
    return FileMapping(layout, where, document)


def _check_resource(name: str, table: object) -> None:
    if name not in FIELDS:
        raise MappingError(name, _("there is no such resource; known: %(names)s") % {"names": ", ".join(ORDER)})
    if not isinstance(table, Mapping):
        raise MappingError(name, _("expected a table"))
    allowed = {*FIELDS[name], "where"} | ({"items"} if name == "visits" else set())
    for field in table:
        if field not in allowed:
            known = ", ".join(sorted(allowed))
            raise MappingError(f"{name}.{field}", _("there is no such field; known: %(names)s") % {"names": known})
    for field in REQUIRED[name]:
        if field not in table:
            raise MappingError(f"{name}.{field}", _("is needed and is not in the mapping"))


def compile_mapping(mapping: FileMapping, names: Sequence[str], only: Sequence[str] = ()) -> RowReader:
    """The mapping against the columns a file has; a column that is missing is named together with its key."""
    columns = Columns(names, mapping.layout)
    chosen = [name for name in mapping.resources if not only or name in only]
    return RowReader(
        _condition(mapping.where, columns, "where"),
        [_compile_resource(name, mapping.tables[name], columns) for name in chosen],
    )


def _compile_resource(name: str, table: Mapping[str, Any], columns: Columns) -> ResourceReader:
    fields = [
        (field, compile_field(spec, FIELDS[name][field], columns, f"{name}.{field}"))
        for field, spec in table.items()
        if field not in {"items", "where"}
    ]
    items = [
        _compile_item(spec, columns, f"visits.items.{n}") for n, spec in enumerate(_tables(table.get("items", [])))
    ]
    return ResourceReader(name, _condition(table.get("where", {}), columns, f"{name}.where"), fields, items)


def _tables(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise MappingError("visits.items", _("expected a list of tables: [[visits.items]]"))
    return value


def _compile_item(spec: object, columns: Columns, key: str) -> list[tuple[str, Field]]:
    if not isinstance(spec, Mapping) or "service" not in spec:
        raise MappingError(f"{key}.service", _("is needed and is not in the mapping"))
    for field in spec:
        if field not in ITEM_FIELDS:
            known = ", ".join(ITEM_FIELDS)
            raise MappingError(f"{key}.{field}", _("there is no such field; known: %(names)s") % {"names": known})
    return [(field, compile_field(one, ITEM_FIELDS[field], columns, f"{key}.{field}")) for field, one in spec.items()]


def _condition(table: object, columns: Columns, key: str) -> Condition:
    """Rows for which every line holds: `"Paid" = "yes"`, `"State" = ["a", "b"]`, `"Total" = {not = [""]}`."""
    taken = Taker(table, key)
    tests = [_test(columns.get(name, f"{key}.{name}"), spec, f"{key}.{name}") for name, spec in taken.left.items()]
    return lambda row: all(test(row) for test in tests)


def _test(get: Callable[[Row], values.Cell], spec: object, key: str) -> Condition:
    if isinstance(spec, Mapping):
        taken = Taker(spec, key)
        unwanted = frozenset(taken.texts("not"))
        taken.nothing_left()
        return lambda row: values.text(get(row)) not in unwanted
    if isinstance(spec, str):
        return lambda row: values.text(get(row)) == spec
    if isinstance(spec, list) and all(isinstance(word, str) for word in spec):
        wanted = frozenset(spec)
        return lambda row: values.text(get(row)) in wanted
    raise MappingError(key, _("expected a text, a list of texts or a table with not = […]"))
