"""A file with consents as rows: its columns found by their names, its cells read. Nothing is looked up here."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from patients.files import values
from patients.files.layout import Layout
from patients.files.readers import Cells, FileError, open_table
from patients.services.ingest.validation import clean

# Field -> the names its column may have, in lower case. The first of each are those of the sample file.
COLUMNS: dict[str, tuple[str, ...]] = {
    "patient": ("пациент", "patient", "external_id", "id пациента", "номер карты", "код пациента"),
    "phone": ("телефон", "phone", "номер телефона", "моб. телефон"),
    "email": ("e-mail", "email", "почта", "эл. почта", "электронная почта"),
    "channel": ("канал", "channel"),
    "purpose": ("цель", "purpose", "вид сообщений"),
    "granted": ("согласие", "granted", "согласен"),
    "at": ("дата", "at", "date", "когда", "дата согласия"),
    "text_version": ("версия текста", "text_version", "версия", "текст"),
    "source": ("где получено", "source", "источник"),
    "proof": ("подтверждение", "proof", "доказательство", "архив"),
}
WHO = ("patient", "phone", "email")
REQUIRED = ("at",)
_CHANNELS = {
    "email": "email", "e-mail": "email", "почта": "email", "эл. почта": "email", "электронная почта": "email",
    "sms": "sms", "смс": "sms", "call": "call", "звонок": "call", "звонки": "call", "телефон": "call",
    "messenger": "messenger", "мессенджер": "messenger", "push": "push", "пуш": "push",
}  # fmt: skip
_PURPOSES = {
    "marketing": "marketing", "advertising": "marketing", "реклама": "marketing", "рекламные": "marketing",
    "service": "service", "сервисные": "service", "сервис": "service", "сервисные сообщения": "service",
}  # fmt: skip
_MAIN = {"channel": "e-mail, sms, звонок, мессенджер, push", "purpose": "реклама, сервисные"}
_MOMENTS = (
    "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
)  # fmt: skip
_SNIFFED = 1 << 16
SAMPLE = (
    [names[0] for names in COLUMNS.values()],
    ["p-1001", "", "", "sms", "реклама", "да", "01.09.2025 10:15", "2025-09", "анкета на ресепшене", "архив 12/348"],
    ["", "+7 916 123-45-67", "", "e-mail", "реклама", "нет", "14.11.2025", "", "звонок в колл-центр", "запись 88123"],
)


@dataclass
class Line:
    """One row of the file: what it says by field, as it stood, and what could not be read."""

    number: int
    said: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    expected: int
    lines: Iterator[Line]


def open_file(path: Path, name: str, defaults: Mapping[str, str], zone: ZoneInfo) -> Opened:
    """The rows of a CSV or Excel file; FileError says what is wrong with it as a whole.

    `defaults` are what the form says for columns that the file has not, or for its empty cells.
    """
    table = open_table(path, _layout(path, name))
    places = _places(table.columns)
    if not any(who in places for who in WHO):
        raise FileError(_("There is no column with the patient: name one “пациент”, “телефон” or “e-mail”."))
    for needed in REQUIRED:
        if needed not in places:
            raise FileError(_("There is no column “%(name)s”.") % {"name": COLUMNS[needed][0]})
    return Opened(table.expected, (_line(number, cells, places, defaults, zone) for number, cells in table.rows))


def _layout(path: Path, name: str) -> Layout:
    """Excel by the file's name; of a text the encoding and the delimiter by its beginning."""
    if name.lower().endswith((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")):
        return Layout(form="excel")
    with path.open("rb") as stream:
        head = stream.read(_SNIFFED)
    try:
        text, encoding = head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = head.decode("cp1251", "replace"), "cp1251"
    first = text.partition("\n")[0]
    return Layout(encoding=encoding, delimiter=max(";,\t", key=first.count))


def _places(columns: Sequence[str]) -> dict[str, int]:
    names = {name: field_ for field_, known in COLUMNS.items() for name in known}
    places: dict[str, int] = {}
    for place, column in enumerate(columns):
        found = names.get(" ".join(column.lower().replace("_", " ").split())) or names.get(column.strip().lower())
        if found is not None:
            places.setdefault(found, place)
    return places


def _line(number: int, cells: Cells, places: Mapping[str, int], defaults: Mapping[str, str], zone: ZoneInfo) -> Line:
    line = Line(number)
    for name in COLUMNS:
        cell = cells[places[name]] if name in places and places[name] < len(cells) else None
        word = clean(values.text(cell))
        if word:
            line.raw[name] = word[:300]
        if not word and not (word := defaults.get(name, "")):
            continue
        try:
            line.said[name] = _value(name, word if isinstance(cell, str) or not line.raw.get(name) else cell, zone)
        except (ValueError, OverflowError) as error:
            line.errors[name] = [str(error)]
    return line


def _value(name: str, cell: Any, zone: ZoneInfo) -> Any:
    if name in ("patient", "phone"):
        return values.identifier(cell)
    if name == "granted":
        return values.boolean(cell)
    if name == "at":
        try:
            moment = values.moment(cell, _MOMENTS, zone)
        except ValueError:
            raise ValueError(_("Not a date; write 01.09.2025 or 2025-09-01 10:15.")) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)
    word = values.text(cell)
    if name in ("channel", "purpose"):
        known = _CHANNELS if name == "channel" else _PURPOSES
        if word.lower() not in known:
            raise ValueError(_("Not one of: %(words)s.") % {"words": _MAIN[name]})
        return known[word.lower()]
    return word
