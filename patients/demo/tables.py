"""Tables stripped for a large load and put back in order, in the transaction of the load.

PostgreSQL's DDL is transactional: a load that is killed leaves the empty tables as they were, with every index,
constraint and trigger.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection
from psycopg import sql

# Parents first.
FACT_TABLES = (
    "patients_patient",
    "patients_visit",
    "patients_visititem",
    "patients_payment",
    "patients_feedback",
    "patients_consent",
    "patients_package",
    "patients_visitchange",
)

_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE contype = ANY(%s) AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[])) AND conparentid = 0
    ORDER BY contype DESC, conrelid::regclass::text, conname
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index
    WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY 1
"""


@contextmanager
def without_change_triggers(tables: Sequence[str]) -> Iterator[None]:
    """The load leaves no list of changed patients: the first night after it looks at everybody."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(_compose("ALTER TABLE {} DISABLE TRIGGER USER", table))
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(_compose("ALTER TABLE {} ENABLE TRIGGER USER", table))
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def stripped(tables: Sequence[str], tell: Callable[[str], None]) -> Iterator[None]:
    """Empty tables without keys, references and indexes; all are built again when the block is left."""
    names = list(tables)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(_CONSTRAINTS, [["f"], names, names])
        references = cursor.fetchall()
        cursor.execute(_CONSTRAINTS, [["p", "u"], names, []])
        keys = cursor.fetchall()
        cursor.execute(_INDEXES, [names])
        indexes = cursor.fetchall()
        for table, name, _ in [*references, *keys]:
            cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.SQL(table), sql.Identifier(name)))
        for name, _ in indexes:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        # Rows of a table that was emptied in this transaction can be written frozen: no vacuum is due afterwards.
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
        yield
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        tell(f"building {len(keys) + len(indexes)} keys and indexes")
        for table, name, definition in keys:
            cursor.execute(_add(table, name, definition))
        for _, definition in indexes:
            cursor.execute(definition)
        tell(f"checking {len(references)} references")
        for table, name, definition in references:
            cursor.execute(_add(table, name, definition))


def restart_sequences(tables: Sequence[str]) -> None:
    """Ids were given explicitly: the sequences go on after them."""
    statement = "SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(max(id), 1), max(id) IS NOT NULL) FROM {}"
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(_compose(statement, table), [table])


def analyze(tables: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))


def _compose(template: str, table: str) -> sql.Composed:
    return sql.SQL(template).format(sql.Identifier(table))


def _add(table: str, name: str, definition: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
        sql.SQL(table), sql.Identifier(name), sql.SQL(definition)
    )
