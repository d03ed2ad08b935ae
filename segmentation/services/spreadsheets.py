"""Tables as CSV and Excel files, written while they are read: a long list never lies in memory as a whole.

The Excel writer knows just what a list needs: text, numbers, dates, a bold head, a frozen first row. openpyxl builds a
whole file before the first byte can be sent and takes about twenty times as long.
"""

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from django.utils import translation

Column = tuple[Any, str]
Row = Sequence[Any]

# Excel's own limit is 1 048 576 rows with the head; what does not fit goes on the next sheet.
SHEET_ROWS = 1_048_575
_CHUNK = 500
_EPOCH = dt.date(1899, 12, 30)
_STYLES = {"date": 2, "money": 3, "share": 4}
# What XML cannot hold: with one of them in a name the whole file would not open.
_UNREADABLE = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xFFFE, 0xFFFF])


def _harmless(text: str) -> str:
    """A cell that begins like a formula is not run by Excel; a phone may begin with a plus."""
    risky = text[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{text}" if risky and not (text[0] == "+" and text[1:].isdigit()) else text


def csv_chunks(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """CSV as the reader's Excel opens it: UTF-8 with a mark; in Russian semicolons and decimal commas."""
    # Asked now and not while sending: the words must be in the language of the request.
    return _csv([str(label) for label, _kind in columns], rows, russian=translation.get_language() == "ru")


def _csv(labels: Sequence[str], rows: Iterable[Row], *, russian: bool) -> Iterator[bytes]:
    def written(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, dt.date):
            return f"{value:%Y-%m-%d}"
        if isinstance(value, int | float | Decimal):
            return str(value).replace(".", ",") if russian else str(value)
        return _harmless(str(value))

    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if russian else ",")
    buffer.write("\ufeff")
    writer.writerow(labels)
    for number, row in enumerate(rows, start=1):
        writer.writerow([written(value) for value in row])
        if number % _CHUNK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


class _Pipe(io.RawIOBase):
    """Where the zip writes; what has gathered is taken away and sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        gathered = b"".join(self._parts)
        self._parts.clear()
        return gathered


def _cell(value: Any, kind: str) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return f'<c s="2"><v>{(value - _EPOCH).days}</v></c>'
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f'<c s="{_STYLES.get(kind, 0)}"><v>{value}</v></c>'
    return _text(str(value))


def _text(text: str, style: int = 0) -> str:
    clean = escape(text.translate(_UNREADABLE))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{clean}</t></is></c>'


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_STYLE_SHEET = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="#,##0.00&quot; ₽&quot;"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="5"><xf/><xf fontId="1" applyFont="1"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/><xf numFmtId="9" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
_WIDTHS = {"text": 26, "money": 16, "date": 12}


def xlsx_chunks(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """An Excel workbook, piece by piece."""
    return _xlsx([(str(label), kind) for label, kind in columns], rows)


def _xlsx(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    pipe = _Pipe()
    sheets = 0
    waiting: Iterator[Row] = iter(rows)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        more = True
        while more:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(_head(columns).encode())
                more = False
                for written, row in enumerate(waiting, start=1):
                    cells = "".join(_cell(value, kind) for value, (_l, kind) in zip(row, columns, strict=True))
                    sheet.write(f"<row>{cells}</row>".encode())
                    if written % _CHUNK == 0:
                        yield pipe.taken()
                    if written == SHEET_ROWS:
                        more = True
                        break
                sheet.write(b"</sheetData></worksheet>")
        for name, text in _frame(sheets).items():
            book.writestr(name, text)
    yield pipe.taken()


def _head(columns: Sequence[Column]) -> str:
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{_WIDTHS.get(kind, 13)}" customWidth="1"/>'
        for n, (_label, kind) in enumerate(columns, start=1)
    )
    labels = "".join(_text(str(label), style=1) for label, _kind in columns)
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{labels}</row>"
    )


def _frame(sheets: int) -> dict[str, str]:
    """The parts of a workbook that name its sheets."""
    numbers = range(1, sheets + 1)
    listed = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in numbers
    )
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return {
        "xl/styles.xml": _STYLE_SHEET,
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{targets}'
        f'<Relationship Id="styles" Type="{_RELS}/styles" Target="styles.xml"/></Relationships>',
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="book" Type="{_RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{office}.styles+xml"/>{kinds}</Types>',
    }
