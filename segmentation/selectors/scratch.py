"""Rows several queries of one report read: selected once, gone with the transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def scratch(name: str, select: str, asked: dict[str, Any]) -> Iterator[None]:
    """A temporary table of this session with what `select` finds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        cursor.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS {select}", asked or None)
        cursor.execute(f"ANALYZE {name}")
        yield
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
