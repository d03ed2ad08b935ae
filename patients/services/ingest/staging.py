"""Temporary tables filled by COPY."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection


def stage(table: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Create the temporary table and fill it. An empty or absent value becomes NULL.

    The text is built by the csv module in C; `\\r\\n` makes it quote values that hold either character.
    """
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{table}; CREATE TEMP TABLE {table} ({declared}) ON COMMIT DROP")
    copy(table, columns, rows)


def copy(table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as channel:
        channel.write(buffer.getvalue())
