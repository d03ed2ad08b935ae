"""Files as rows of cells with their line numbers, one row at a time: CSV, text in columns, Excel."""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from django.utils.translation import gettext as _

from patients.files.layout import Layout
from patients.files.values import Cell

Cells = Sequence[Cell]
_SNIFFED = 1 << 20

MOST_UNPACKED = 1 << 30


class FileError(Exception):
    """The file cannot be read at all; the text says what to change."""


@dataclass(frozen=True)
class Table:
    """A file opened for reading: its column names, about how many rows follow, and the rows themselves."""

    columns: Sequence[str]
    expected: int
    rows: Iterator[tuple[int, Cells]]


def open_table(path: Path, layout: Layout) -> Table:
    if not path.is_file():
        raise FileError(_("There is no file %(path)s.") % {"path": path.name})
    numbered = _excel(path, layout) if layout.form == "excel" else _lines(path, layout)
    expected = next(numbered)[0]
    body = islice(numbered, layout.skip_lines, None)
    columns: Sequence[str] = layout.columns
    if layout.header:
        try:
            head = next(body)[1]
        except StopIteration:
            raise FileError(_("The file is empty.")) from None
        columns = columns or [_name(cell) for cell in head]
    return Table(columns, max(0, expected - layout.skip_lines - layout.header), body)


def _name(cell: Cell) -> str:
    return str(cell if cell is not None else "").strip()


def _lines(path: Path, layout: Layout) -> Iterator[tuple[int, Cells]]:
    """First `(number of lines, ())`, then the rows that are not blank."""
    _check_encoding(path, layout.encoding)
    yield _count_lines(path), ()
    encoding = "utf-8-sig" if layout.encoding.casefold() in {"utf-8", "utf8"} else layout.encoding
    number = 0
    with path.open(encoding=encoding, newline="") as stream:
        try:
            for number, cells in _split(stream, layout):
                if any(cells):
                    yield number, cells
        except UnicodeDecodeError as error:
            raise FileError(_wrong_encoding(layout.encoding, number + 1, error)) from error
        except csv.Error as error:
            raise FileError(_("Line %(line)s: %(error)s.") % {"line": number + 1, "error": error}) from error


def _split(stream: TextIO, layout: Layout) -> Iterator[tuple[int, Cells]]:
    if layout.form == "text":
        for number, line in enumerate(stream, 1):
            yield number, line.split()
        return
    own: list[str] = []  # the lines of the row being read

    def noted() -> Iterator[str]:
        for line in stream:
            own.append(line)
            yield line

    reader = csv.reader(noted(), delimiter=layout.delimiter, quotechar=layout.quote)
    first = 1
    for cells in reader:
        if len(own) > 1:
            _check_closed(own, first, layout)
        yield first, cells
        first = reader.line_num + 1
        own.clear()


def _check_closed(lines: list[str], first: int, layout: Layout) -> None:
    """A quotation mark that nobody closes makes one cell of the rest of the file: its rows would be lost silently."""
    try:
        list(csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise FileError(
                _("Line %(line)s: a quotation mark is opened and never closed.") % {"line": first}
            ) from error


def _count_lines(path: Path) -> int:
    """Line ends, in one quick pass: what the progress bar counts towards. Quoted line breaks make it a little high."""
    lines, last = 0, b"\n"
    with path.open("rb") as stream:
        while block := stream.read(_SNIFFED):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def _check_encoding(path: Path, encoding: str) -> None:
    """Text in UTF-8 read as cp1251 raises nothing and fills the base with `Ð˜Ð²Ð°Ð½`: look before reading."""
    if encoding.casefold().replace("-", "").startswith("utf"):
        return
    with path.open("rb") as stream:
        start = stream.read(_SNIFFED)
    if start.isascii():
        return
    try:
        start[: start.rfind(b"\n") + 1 or len(start)].decode("utf-8")
    except UnicodeDecodeError:
        return
    raise FileError(
        _('The file is written in UTF-8, not in %(encoding)s: set encoding = "utf-8" in [file].')
        % {"encoding": encoding}
    )


def _wrong_encoding(encoding: str, line: int, error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    other = "cp1251" if encoding.casefold().startswith("utf") else "utf-8"
    return _(
        "The file is not in %(encoding)s: byte 0x%(byte)s after line %(line)s. "
        'Try encoding = "%(other)s" in [file] of the mapping.'
    ) % {"encoding": encoding, "byte": f"{byte:02x}", "line": line, "other": other}


def _unpacked(path: Path) -> int:
    """Bytes of the parts of an Excel file: a sheet is read as a whole, and a small file may hold a very large one."""
    try:
        with zipfile.ZipFile(path) as parts:
            return sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):  # the old format, or none: its reader says so
        return 0


def _excel(path: Path, layout: Layout) -> Iterator[tuple[int, Cells]]:
    from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound  # a binary few imports need

    if _unpacked(path) > MOST_UNPACKED:
        raise FileError(_("The Excel file unpacks to more than 1 GB: divide it, or save it as CSV."))
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheet = book.get_sheet_by_name(layout.sheet) if layout.sheet else book.get_sheet_by_index(0)
            yield sheet.total_height, ()
            for number, cells in enumerate(sheet.iter_rows(), 1):
                if any(cell not in ("", None) for cell in cells):
                    yield number, cells
    except WorksheetNotFound as error:
        raise FileError(_("There is no sheet “%(sheet)s” in the file.") % {"sheet": layout.sheet or 1}) from error
    except (CalamineError, OSError) as error:
        raise FileError(_("This is not an Excel file: %(error)s.") % {"error": error}) from error
