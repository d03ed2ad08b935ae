"""Rows of arrays in PostgreSQL's binary COPY format, made by numpy without a Python object per value.

Format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS — a row is the number of fields (int16),
then each field as its length (int32, −1 for NULL) and its bytes, big-endian. Here every column is a matrix of bytes,
one row per value, padded to the widest; a row of the file is what remains without the padding.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROWS_AT_ONCE = 50_000


class Column(NamedTuple):
    """`cells` is a byte matrix of lengths and values; `used` the bytes of each row that count, or None for all."""

    cells: np.ndarray
    used: np.ndarray | None = None


def _bytes(values: np.ndarray) -> np.ndarray:
    """The values as rows of bytes."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)


def _field(body: np.ndarray, null: np.ndarray | None = None) -> Column:
    n, size = body.shape
    cells = np.empty((n, 4 + size), dtype=np.uint8)
    cells[:, :4] = _bytes(np.array([size], dtype=">i4"))
    cells[:, 4:] = body
    if null is None or not null.any():
        return Column(cells)
    cells[null, :4] = 255
    return Column(cells, np.where(null, 4, 4 + size))


def integers(values: np.ndarray, size: int = 8, null: np.ndarray | None = None) -> Column:
    """smallint, integer, bigint (size 2, 4, 8); a date as its day number (4); a timestamp as microseconds (8)."""
    return _field(_bytes(values.astype(f">i{size}")), null)


def flags(values: np.ndarray) -> Column:
    return _field(_bytes(values.astype(np.uint8)))


def money(values: np.ndarray) -> Column:
    """Whole units from 0 to 99 999 999 as numeric: two digits of base 10 000, shown with two decimals."""
    digits = np.zeros((len(values), 6), dtype=">i2")
    digits[:, 0] = 2  # digits
    digits[:, 1] = 1  # weight of the first one
    digits[:, 3] = 2  # display scale
    digits[:, 4] = values // 10_000
    digits[:, 5] = values % 10_000
    return _field(digits.view(np.uint8).reshape(len(values), 12))


def texts(values: np.ndarray) -> Column:
    """UTF-8 bytes (numpy dtype S)."""
    size = values.dtype.itemsize
    lengths = np.char.str_len(values)
    cells = np.empty((len(values), 4 + size), dtype=np.uint8)
    cells[:, :4] = _bytes(lengths.astype(">i4"))
    cells[:, 4:] = _bytes(values)
    return Column(cells, None if (lengths == size).all() else lengths + 4)


def words(choices: np.ndarray, index: np.ndarray) -> Column:
    """`choices[index]`, encoded once per choice."""
    column = texts(choices)
    return Column(column.cells[index], None if column.used is None else column.used[index])


def numbered(prefix: str, numbers: np.ndarray, digits: int) -> Column:
    """External ids such as P0000123."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    body = np.empty((len(numbers), len(head) + digits), dtype=np.uint8)
    body[:, : len(head)] = head
    rest = numbers.astype(np.int64)
    for place in range(len(head) + digits - 1, len(head) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        body[:, place] = digit + ord("0")
    return _field(body)


def constant(column: Column, n: int) -> Column:
    """The one value of `column` in n rows."""
    return Column(np.broadcast_to(column.cells, (n, column.cells.shape[1])), column.used)


def rows(columns: Sequence[Column]) -> bytes:
    """The rows of these columns, without the header of the file."""
    n = len(columns[0].cells)
    widths = [column.cells.shape[1] for column in columns]
    table = np.empty((n, 2 + sum(widths)), dtype=np.uint8)
    table[:, :2] = _bytes(np.array([len(columns)], dtype=">i2"))
    kept = None if all(column.used is None for column in columns) else np.ones(table.shape, dtype=bool)
    at = 2
    for column, width in zip(columns, widths, strict=True):
        table[:, at : at + width] = column.cells
        if column.used is not None:
            assert kept is not None
            kept[:, at : at + width] = np.arange(width) < column.used[:, None]
        at += width
    return (table if kept is None else table[kept]).tobytes()


def slices(n: int) -> Iterator[slice]:
    """Row ranges small enough to stay in the processor's cache and out of memory limits."""
    for start in range(0, n, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, n))
