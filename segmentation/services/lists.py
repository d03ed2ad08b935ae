"""Uploaded lists: phones, e-mail addresses and numbers of cards become patients; what is nobody's is told by row."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from patients.files import values
from patients.files.layout import Layout
from patients.files.readers import FileError, open_table
from patients.services.ingest.contacts import e164, email_address

MOST_ROWS = 200_000
EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_BETWEEN = re.compile(r"[;,\t]")
_SNIFFED = 1 << 16


class Row(NamedTuple):
    """A row of a list: the values one of which may name a patient."""

    number: int
    cells: Sequence[str]

    @property
    def text(self) -> str:
        return " ".join(cell for cell in self.cells if cell)[:80]


@dataclass
class Match:
    """Patients of a list. `nobody`: rows that name no patient; `several`: how many rows name more than one."""

    rows: int = 0
    patients: set[int] = field(default_factory=set)
    nobody: list[Row] = field(default_factory=list)
    several: int = 0


def pasted_rows(text: str) -> list[Row]:
    """A row per line; several values may stand in a line."""
    lines = ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    return _bounded(Row(number, [cell.strip() for cell in _BETWEEN.split(line)]) for number, line in lines)


def file_rows(path: Path, name: str) -> list[Row]:
    """The rows of a CSV, text or Excel file; FileError says what is wrong with it."""
    layout = Layout(form="excel", header=False) if name.lower().endswith(EXCEL) else _layout_of(path)
    table = open_table(path, layout)
    rows = _bounded(Row(number, [values.text(cell) for cell in cells]) for number, cells in table.rows)
    # A head of columns names nobody and is no mistake.
    return rows[1:] if rows and not any(_looks_like_a_key(cell) for cell in rows[0].cells) else rows


def _bounded(rows: Iterable[Row]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        if len(found) == MOST_ROWS:
            raise FileError(_("At most %(most)s rows are taken at once.") % {"most": MOST_ROWS})
        found.append(row)
    return found


def _layout_of(path: Path) -> Layout:
    """UTF-8 or, as Russian Excel writes, Windows-1251; the separator that stands most often in the first line."""
    head = path.read_bytes()[:_SNIFFED]
    encoding = "utf-8"
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not merely a letter cut in two
            encoding = "cp1251"
    first = head.decode(encoding, "replace").partition("\n")[0]
    return Layout(header=False, encoding=encoding, delimiter=max(";,\t", key=first.count))


def _looks_like_a_key(cell: str) -> bool:
    return "@" in cell or any(letter.isdigit() for letter in cell)


def match(rows: Sequence[Row]) -> Match:
    """Patients by phone, else by e-mail address, else by the number of their card in any source.

    Everybody who has the phone is taken: mother and child share it, and the list does not say who is meant. Merged
    cards stand for the one that was kept; deleted ones are nobody.
    """
    found = Match(rows=len(rows))
    phones = _patients("card.phone", {phone for row in rows for phone in _phones(row)})
    emails = _patients("lower(card.email)", {address for row in rows for address in _emails(row)})
    numbers = _patients("card.external_id", {cell for row in rows for cell in row.cells if 0 < len(cell) <= 64})
    for row in rows:
        named = _any(phones, _phones(row)) or _any(emails, _emails(row)) or _any(numbers, row.cells)
        found.patients |= named
        found.several += len(named) > 1
        if not named:
            found.nobody.append(row)
    return found


def _phones(row: Row) -> list[str]:
    return [phone for cell in row.cells if any(map(str.isdigit, cell)) and (phone := e164(cell[:40]))]


def _emails(row: Row) -> list[str]:
    return [address.lower() for cell in row.cells if "@" in cell and (address := email_address(cell[:300]))]


def _any(known: dict[str, set[int]], keys: Iterable[str]) -> set[int]:
    return next((known[key] for key in keys if key in known), set())


def _patients(column: str, keys: set[str]) -> dict[str, set[int]]:
    """Patients by key; `column` is an expression over `card`."""
    found: dict[str, set[int]] = {}
    wanted = [key for key in keys if "\0" not in key]
    if not wanted:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column}, coalesce(kept.id, card.id) FROM patients_patient card "
            "LEFT JOIN patients_patient kept ON kept.id = card.merged_into_id "
            f"WHERE {column} = ANY(%s) AND card.deleted_at IS NULL AND kept.deleted_at IS NULL",
            [wanted],
        )
        for key, patient in cursor.fetchall():
            found.setdefault(key, set()).add(patient)
    return found
