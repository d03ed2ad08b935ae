"""What every database of the portal holds from its migrations on, put back after a test that empties all tables.

Such a test (one with processes or threads of its own) ends by truncating. Django would then tell every app that it has
been migrated, and groups, permissions, segmentations and ready rules would be written anew, row by row: a second or
two. Copied back from a schema beside the tables it takes a few hundredths.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

SCHEMA = "as_migrated"


def remember(connection: BaseDatabaseWrapper) -> None:
    """Keep a copy of what the migrations have written, and from now on put it back instead of the signals."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT EXISTS (SELECT FROM {name})")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE {SCHEMA}.{name} AS TABLE {name}")
    flush.emit_post_migrate_signal = _put_back  # type: ignore[attr-defined]


def _put_back(_verbosity: int, _interactive: bool, db: str, **_options: Any) -> None:
    connection = connections[db]
    with transaction.atomic(using=db), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [SCHEMA])
        for (table,) in cursor.fetchall():  # references are checked at the end of the transaction
            name = connection.ops.quote_name(table)
            cursor.execute(f"INSERT INTO {name} SELECT * FROM {SCHEMA}.{name}")
