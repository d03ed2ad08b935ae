"""Which steps of a rule fall due now, and which of them have come to their end without a message.

They are gathered in a temporary table, `ladder_due`, one row per step of a firing:

    ending      why there is nothing to send any more ("" = there is): a code of triggers.reasons
    met         the goal is met
    was         waiting, or held (and the goal is met no more)
    first       no message of this ladder has been planned yet
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

from campaigns import reasons as of_messages
from triggers import reasons, rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.services import goals, occasions
from triggers.services.quota import NOWHERE

# A step is held until the appointment is cancelled; its row of the ledger says so. While a dispatcher has that row in
# hand nothing is known, and what was sent after all is no longer held.
_FREED = f"""
UPDATE triggers_firingstep fs SET state = 'planned' FROM campaigns_message m
WHERE m.id = fs.message_id AND fs.state = 'held' AND fs.step_id = ANY(%(l_steps)s) AND m.state <> 'sending'
    AND NOT (m.state IN ('suppressed', 'cancelled') AND m.reason = '{of_messages.GOAL_MET}')
RETURNING fs.firing_id
"""
_LEFT_WITH = f"""CASE
    WHEN f.state IN ('withdrawn', 'stopped', 'holdout', 'cooldown', 'late') THEN f.state
    WHEN f.state <> 'open' AND fs.state = 'waiting' THEN '{reasons.LADDER_OVER}'
    WHEN fs.useful_until <= %(now)s THEN CASE fs.state WHEN 'held' THEN '{reasons.GOAL_MET}' ELSE '{reasons.LATE}' END
    WHEN {{withdrawn}} THEN '{reasons.WITHDRAWN}' ELSE '' END"""
# Each half reads an index of its own.
_WAITING = "fs.state = 'waiting' AND fs.step_id = ANY(%(l_steps)s) AND fs.due_at <= %(now)s"
_HELD = """fs.state = 'held' AND fs.step_id = ANY(%(l_steps)s) AND NOT EXISTS (
    SELECT FROM campaigns_message m WHERE m.id = fs.message_id AND m.state = 'sending')"""


def gather(
    cursor: CursorWrapper, rule: TriggerRule, steps: Sequence[TriggerStep], rooms: Mapping[int, int] | None,
    now: datetime.datetime,
) -> int:  # fmt: skip
    """Fill `ladder_due`; how many. Nobody is looked at who only waits for a place: of a thousand who wait for
    tomorrow's there are many."""
    full = [branch for branch, room in (rooms or {}).items() if room <= 0]
    params: dict[str, Any] = {"now": now, "l_steps": [step.pk for step in steps], "l_full": full}
    cursor.execute(_FREED, params)
    if freed := [row[0] for row in cursor.fetchall()]:
        _close(cursor, "%(ids)s", {"ids": freed, "now": now})
    sql = _due(rule, bool(full))
    # Most of the time there is nothing, and a table that is not made need not be swept up.
    cursor.execute(f"SELECT EXISTS ({sql})", params)
    if not cursor.fetchone()[0]:
        return 0
    cursor.execute(f"CREATE TEMPORARY TABLE ladder_due ON COMMIT DROP AS {sql}", params)
    gathered = int(cursor.rowcount)
    cursor.execute("ANALYZE ladder_due")
    return gathered


def _due(rule: TriggerRule, some_full: bool) -> str:
    ending = _LEFT_WITH.format(withdrawn=occasions.withdrawn(rule_types.of(rule.rule_type), rule))
    room = ""
    if some_full:
        room = f"""AND NOT (f.begun_at IS NULL AND f.state = 'open' AND fs.useful_until > %(now)s
            AND coalesce(f.branch_id, {NOWHERE}) = ANY(%(l_full)s))"""
    halves = " UNION ALL ".join(
        f"""SELECT fs.id AS ref, fs.firing_id, fs.step_id, fs.due_at, fs.useful_until, fs.state AS was, f.patient_id,
            f.branch_id, f.service_id, f.visit_id, f.since, f.begun_at IS NULL AS first, {ending} AS ending
        FROM triggers_firingstep fs JOIN triggers_firing f ON f.id = fs.firing_id WHERE {which} {room}"""
        for which in (_WAITING, _HELD)
    )
    return f"""SELECT * FROM (
            SELECT due.*, due.ending = '' AND {goals.met("due", rule=rule)} AS met FROM ({halves} OFFSET 0) due OFFSET 0
        ) judged WHERE NOT (met AND was = 'held')"""


def end(cursor: CursorWrapper, now: datetime.datetime) -> int:
    """Write down what has come to its end; how many steps."""
    cursor.execute(
        "UPDATE triggers_firingstep fs SET state = 'skipped', reason = d.ending FROM ladder_due d "
        "WHERE d.ref = fs.id AND d.ending <> ''"
    )
    ended = int(cursor.rowcount)
    cursor.execute(
        "UPDATE triggers_firing f SET state = 'withdrawn', closed_at = %s WHERE f.state = 'open' AND f.id IN "
        "(SELECT firing_id FROM ladder_due WHERE ending = 'withdrawn') RETURNING f.id",
        [now],
    )
    if withdrawn := [row[0] for row in cursor.fetchall()]:
        ended += _withdraw(cursor, withdrawn)
    return ended


def _withdraw(cursor: CursorWrapper, firings: Sequence[int]) -> int:
    """Nothing more of these ladders: neither what is to come nor what waits in the ledger to be sent."""
    cursor.execute(
        "UPDATE campaigns_message m SET state = 'cancelled', reason = %s FROM triggers_firingstep fs "
        "WHERE fs.firing_id = ANY(%s) AND m.id = fs.message_id AND m.state IN ('planned', 'deferred')",
        [of_messages.WITHDRAWN, list(firings)],
    )
    cursor.execute(
        "UPDATE triggers_firingstep SET state = 'skipped', reason = %s "
        "WHERE firing_id = ANY(%s) AND state IN ('waiting', 'held')",
        [reasons.WITHDRAWN, list(firings)],
    )
    return int(cursor.rowcount)


def later_first(cursor: CursorWrapper, steps: Sequence[TriggerStep]) -> list[TriggerStep]:
    """The steps something is to be decided of, the one that fell due last before those it overtakes."""
    cursor.execute("SELECT step_id FROM ladder_due WHERE ending = '' GROUP BY 1 ORDER BY max(due_at) DESC, 1 DESC")
    by_id = {step.pk: step for step in steps}
    return [by_id[row[0]] for row in cursor.fetchall()]


def overtaken(cursor: CursorWrapper, step: TriggerStep) -> int:
    """After days without a worker two steps of a ladder may be due at once: only the later one is of use, when it was
    written or waits for an appointment to be cancelled. How many were overtaken."""
    cursor.execute(
        f"""WITH late AS (
            UPDATE ladder_due d SET ending = '{reasons.OVERTAKEN}' WHERE d.step_id = %s AND d.ending = '' AND EXISTS (
                SELECT FROM triggers_firingstep l LEFT JOIN campaigns_message m ON m.id = l.message_id
                WHERE l.firing_id = d.firing_id AND l.due_at > d.due_at
                    AND (l.state = 'held' OR l.state = 'planned' AND m.state <> 'suppressed'))
            RETURNING ref)
        UPDATE triggers_firingstep fs SET state = 'skipped', reason = '{reasons.OVERTAKEN}' FROM late
        WHERE fs.id = late.ref""",
        [step.pk],
    )
    return int(cursor.rowcount)


def close(cursor: CursorWrapper, now: datetime.datetime) -> None:
    """A ladder is done when all its steps are decided."""
    _close(cursor, "ARRAY(SELECT firing_id FROM ladder_due)", {"now": now})


def _close(cursor: CursorWrapper, which: str, params: dict[str, Any]) -> None:
    cursor.execute(
        f"""UPDATE triggers_firing f SET state = 'done', closed_at = %(now)s
        WHERE f.state = 'open' AND f.id = ANY({which}) AND NOT EXISTS (
            SELECT FROM triggers_firingstep fs WHERE fs.firing_id = f.id AND fs.state IN ('waiting', 'held'))""",
        params,
    )
