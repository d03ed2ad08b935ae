"""The temporary tables of a back-test: a row per occasion, a row per message of its ladder.

    backtest_firing   state: open | cooldown | holdout      the columns of a Firing, so that its SQL fits
    backtest_step     fate: ahead | withdrawn | goal_met | reason of campaigns.reasons | waiting | written

They belong to the session and not to a transaction: the counting of a year takes a while, and its progress is seen by
others only when it is committed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.db import connection, transaction

from campaigns.planning.holdout import DIGEST_SQL, held_out_sql
from triggers.models import TriggerRule, TriggerStep
from triggers.services.finding import Window, found
from triggers.timing.cooldown import cooled

# `goes_at` is when a message goes: when it is due, when the night is over, or when it got a place.
TABLES = (
    "backtest_written", "backtest_sum", "backtest_step", "backtest_gate", "backtest_patient", "backtest_met",
    "backtest_firing",
)  # fmt: skip
_ROOM = "SET LOCAL jit = off; SET LOCAL work_mem = '256MB'"
AHEAD, WRITTEN, WAITING = "ahead", "written", "waiting"


@contextmanager
def made() -> Iterator[None]:
    """Gone at the end, whatever happened; what a failed one of this session has left is gone at the beginning."""
    _drop()
    try:
        yield
    finally:
        # Inside a broken transaction nothing can be dropped: its end takes the tables with it.
        if not connection.needs_rollback and connection.is_usable():
            _drop()


def execute(sql: str, params: dict[str, Any] | None = None) -> int:
    """One large statement: compiling it takes longer than it runs, and sorting a million rows wants room."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROOM)
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def rows(sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROOM)
        cursor.execute(sql, params)
        return cursor.fetchall()


def arrays(columns: Sequence[str], tail: str, params: dict[str, Any] | None = None) -> list[np.ndarray]:
    """Columns (SQL of bytea, eight bytes a row: int8send, timestamptz_send) of many rows at once, as numbers; without
    an object per value, which for millions of rows costs more than the query."""
    packed = ", ".join(f"string_agg({column}, ''::bytea)" for column in columns)
    found = rows(f"SELECT {packed} {tail}", params)[0]
    return [np.frombuffer(bytes(cells or b""), dtype=">i8").astype(np.int64) for cells in found]


def listed(numbers: Iterable[int]) -> str:
    """An array for PostgreSQL, as text: many times faster than adapting each number."""
    return "{" + ",".join(map(str, numbers)) + "}"


def fill_firings(rule: TriggerRule, window: Window, steps: Sequence[TriggerStep], among: str = "") -> None:
    """Every occasion of the period, with its side of the hold-out and the cooldown as the live run would have it.
    `among` is a SELECT of the patients who alone matter."""
    query = found(rule, window, among, steps=steps)
    held = "false"
    if rule.holdout_percent:
        held = held_out_sql(f"({DIGEST_SQL.format(patient='q.patient_id')})", rule.holdout_percent)
    execute(
        f"""CREATE TEMPORARY TABLE backtest_firing AS
        SELECT row_number() OVER (ORDER BY q.first_due, q.patient_id, q.occasion) AS id, %(b_rule)s::bigint AS rule_id,
            q.*, CASE WHEN {held} THEN 'holdout' ELSE 'open' END AS state
        FROM ({query.sql}) q""",
        {**query.params, "b_rule": rule.pk, "salt": rule.salt},
    )
    execute("ANALYZE backtest_firing")
    _cool_down(rule)


def _cool_down(rule: TriggerRule) -> None:
    """Only patients with several occasions can be met too soon; the others stay in the database."""
    if not rule.cooldown_days:
        return
    several = rows(
        """SELECT id, patient_id, first_due FROM (
            SELECT id, patient_id, first_due, count(*) OVER (PARTITION BY patient_id) AS n FROM backtest_firing
        ) f WHERE n > 1 ORDER BY id"""
    )
    refused = cooled([(patient, due) for _id, patient, due in several], rule.cooldown_days)
    ids = [row[0] for row, soon in zip(several, refused, strict=True) if soon]
    execute("UPDATE backtest_firing SET state = 'cooldown' WHERE id = ANY(%(ids)s::bigint[])", {"ids": ids})


def _drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{table}' for table in TABLES)}")
