"""Staged items -> rows, set by set.

Every step sorts by external id, so that concurrent requests never lock crosswise.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from patients.services.ingest.plans import PLANS, STUB_VALUES, STUBS, Plan


class Written(NamedTuple):
    """A row that the upsert has written; `changed` is false when only the source's time stamp moved on."""

    id: int
    external_id: str
    created: bool
    changed: bool
    flag: bool


def create_names(stage: str, field: str, table: str) -> None:
    """Groups and channels named by staged items."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} (name)
            SELECT DISTINCT s."{field}" FROM {stage} s
            WHERE s."{field}" IS NOT NULL AND NOT EXISTS (SELECT FROM {table} t WHERE t.name = s."{field}")
            ORDER BY 1 ON CONFLICT (name) DO NOTHING
            """
        )


def create_stubs(stage: str, field: str, table: str, params: dict[str, Any]) -> set[str]:
    """Rows for identifiers that nobody has described yet. A concurrent request may win; then its row is used."""
    columns = f", {STUBS[table]}" if STUBS[table] else ""
    values = f", {STUB_VALUES[table]}" if STUBS[table] else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} (source_id, external_id, stub{columns})
            SELECT %(source)s, u.external_id, true{values}
            FROM (
                SELECT DISTINCT s.{field} AS external_id FROM {stage} s
                LEFT JOIN {table} t ON t.source_id = %(source)s AND t.external_id = s.{field}
                WHERE s.{field} IS NOT NULL AND t.id IS NULL
            ) u
            ORDER BY u.external_id ON CONFLICT (source_id, external_id) DO NOTHING
            RETURNING external_id
            """,
            params,
        )
        return {external_id for (external_id,) in cursor.fetchall()}


def upsert(stage: str, plan: Plan, params: dict[str, Any]) -> list[Written]:
    with connection.cursor() as cursor:
        cursor.execute(upsert_sql(stage, plan.table), params)
        return [Written(*row) for row in cursor.fetchall()]


@lru_cache
def upsert_sql(stage: str, table: str) -> str:
    """One statement: look up, leave out what is equal or older, insert or update the rest.

    The comparison comes before the insert, because ON CONFLICT locks (and so writes) every row it meets, equal or not.
    It is repeated in the update for rows that a concurrent request has written in between.
    """
    plan = next(plan for plan in PLANS.values() if plan.table == table)
    columns = dict(plan.columns)
    if plan.soft:
        columns["deleted_at"] = "NULL::timestamptz"
    if plan.stub:
        columns["stub"] = "false"
    compared = list(columns)
    columns |= {name: f"s.{name}" for name in plan.carried}
    names = list(columns)
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())

    def differs(left: str, right: str) -> str:
        return "(" + " OR ".join(f"{left}.{name} IS DISTINCT FROM {right}.{name}" for name in compared) + ")"

    newer = "(t.source_updated_at IS NULL OR t.source_updated_at <= {0}.source_updated_at)"
    updates = ", ".join(f"{name} = excluded.{name}" for name in names)
    return f"""
        WITH fresh AS MATERIALIZED (
            SELECT s.external_id, s.sent_at AS source_updated_at, s.stamped, {selected} FROM {stage} s
            {plan.joins}
        ), due AS (
            SELECT f.* FROM fresh f
            LEFT JOIN {plan.table} t ON t.source_id = %(source)s AND t.external_id = f.external_id
            WHERE t.id IS NULL OR {newer.format("f")}
                AND ({differs("t", "f")} OR f.stamped AND t.source_updated_at IS DISTINCT FROM f.source_updated_at)
        )
        INSERT INTO {plan.table} AS t (source_id, external_id, source_updated_at, {", ".join(names)})
        SELECT %(source)s, external_id, source_updated_at, {", ".join(names)} FROM due ORDER BY external_id
        ON CONFLICT (source_id, external_id) DO UPDATE SET
            source_updated_at = excluded.source_updated_at, {updates},
            updated_at = CASE WHEN {differs("t", "excluded")} THEN now() ELSE t.updated_at END
        WHERE {newer.format("excluded")}
            AND ({differs("t", "excluded")} OR t.source_updated_at IS DISTINCT FROM excluded.source_updated_at)
        RETURNING t.id, t.external_id, old.id IS NULL, old.id IS NULL OR {differs("old", "new")},
            old.id IS NOT NULL AND ({plan.flag})
    """
