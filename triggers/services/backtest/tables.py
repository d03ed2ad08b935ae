"""The temporary tables of a back-test: a row per occasion, a row per message of its ladder.

    backtest_firing   state: open | cooldown | holdout      the columns of a Firing, so that its SQL fits
    backtest_step     fate: '' (not decided) | ahead | goal_met | reason of campaigns.reasons | waiting | written

They belong to the session and not to a transaction: the counting of a year takes a while, and its progress is seen by
others only when it is committed.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from campaigns.planning.holdout import DIGEST_SQL, held_out_sql
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.services.finding import Window, due_sql, found
from triggers.timing.cooldown import cooled

# `at` is the moment at which its goal was looked at last: when it fell due, or when it got a place. `goes_at` is when
# it goes: then, or when the night is over. Ids are in the order in which the live run would have written them down.
TABLES = ("backtest_verdict", "backtest_step", "backtest_firing")
AHEAD, FREE, WRITTEN, WAITING = "ahead", "free", "written", "waiting"


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
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def rows(sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


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
    execute("CREATE UNIQUE INDEX ON backtest_firing (id)")
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


def fill_steps(rule: TriggerRule, steps: Sequence[TriggerStep], now: dt.datetime) -> None:
    """The messages of the ladders that are not held back; those due after `now` lie ahead, whatever will become of
    them."""
    anchored = rule_types.of(rule.rule_type).anchored
    every = " UNION ALL ".join(
        f"""SELECT f.id AS firing_id, {step.pk}::bigint AS step_id, {step.position}::int AS position, f.patient_id,
            {due_sql(step, rule, anchored, 'f.anchor_at', 'f.zone')} AS due_at,
            interval '{int(step.useful_hours)} hours' AS useful FROM backtest_firing f WHERE f.state = 'open'"""
        for step in steps
    ) or "SELECT 0::bigint, 0::bigint, 0, 0::bigint, now(), interval '0' WHERE false"  # fmt: skip
    execute(
        f"""CREATE TEMPORARY TABLE backtest_step AS
        SELECT row_number() OVER (ORDER BY firing_id, position) AS id, s.*, due_at AS at,
            due_at + useful AS useful_until,
            CASE WHEN due_at > %(now)s THEN '{AHEAD}' ELSE '' END AS fate,
            ''::text AS channel, NULL::bigint AS text_id, NULL::bigint AS reader_id, NULL::bigint AS address_key,
            NULL::bigint AS branch_id, NULL::bigint AS home_id, ''::text AS zone, due_at AS goes_at, false AS came
        FROM ({every}) s""",
        {"now": now},
    )
    execute("CREATE UNIQUE INDEX ON backtest_step (id)")
    execute("ANALYZE backtest_step")


def _drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{table}' for table in TABLES)}")
