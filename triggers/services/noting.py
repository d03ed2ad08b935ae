"""Writing down what a rule has found: each occasion with its state and the fate of every step of its ladder.

    found ─► new ones (a temporary table) ─► late? too soon? hold-out? ─► firings ─► their steps

The caller holds the row of the rule, so nobody else notes for it meanwhile.
"""

import datetime
from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from campaigns.planning.holdout import DIGEST_SQL, held_out_sql
from triggers import reasons, rule_types
from triggers.models import Firing, TriggerRule, TriggerStep
from triggers.services.finding import COLUMNS, due_sql
from triggers.timing.cooldown import cooled

State = Firing.State
# Ladders whose first message counts for the cooldown: begun, or kept back to compare with.
BEGUN = (State.OPEN, State.DONE, State.STOPPED, State.HOLDOUT)
_BEGUN = ", ".join(f"'{state.value}'" for state in BEGUN)
# Late, then too soon, then hold-out: both sides of the comparison have passed the same.
_FIRINGS = f"""
INSERT INTO triggers_firing (id, rule_id, patient_id, occasion, state, anchor_at, since, first_due, branch_id,
    service_id, visit_id, found_at, closed_at)
SELECT id, %(n_rule)s, patient_id, occasion, state, anchor_at, since, first_due, branch_id, service_id, visit_id,
    %(n_now)s, CASE WHEN state <> '{State.OPEN.value}' THEN %(n_now)s::timestamptz END
FROM (
    SELECT *, CASE WHEN NOT alive THEN '{State.LATE.value}' WHEN id = ANY(%(n_resting)s) THEN '{State.COOLDOWN.value}'
        WHEN {{held_out}} THEN '{State.HOLDOUT.value}' ELSE '{State.OPEN.value}' END AS state
    FROM trigger_found OFFSET 0
) judged
"""
# What a step could still be sent for shares the fate of its firing; the codes of both are the same words.
_STEPS = f"""
INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state, reason)
SELECT n.id, %(n_step)s, n.due{{number}}, n.due{{number}} + {{useful}},
    CASE WHEN n.why{{number}} = '' AND f.state = '{State.OPEN.value}' THEN 'waiting' ELSE 'skipped' END,
    CASE WHEN n.why{{number}} <> '' THEN n.why{{number}} WHEN f.state = '{State.OPEN.value}' THEN '' ELSE f.state END
FROM trigger_found n JOIN triggers_firing f ON f.id = n.id
"""


def note(
    rule: TriggerRule, steps: Sequence[TriggerStep], sql: str, params: dict[str, Any], now: datetime.datetime
) -> int:
    """Insert what is new of the query (services.finding); returns how many firings. In the caller's transaction."""
    fresh = _fresh(rule, steps, sql)
    params = {
        **params, "n_rule": rule.pk, "n_now": now, "n_on": rule.enabled_at, "salt": rule.salt,
        "n_rest": datetime.timedelta(days=rule.cooldown_days),
    }  # fmt: skip
    with connection.cursor() as cursor:
        # Most of the time there is nothing, and a table that is not made need not be swept up.
        cursor.execute(f"SELECT EXISTS ({fresh})", params)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            f"""CREATE TEMPORARY TABLE trigger_found ON COMMIT DROP AS
            SELECT nextval(pg_get_serial_sequence('triggers_firing', 'id')) AS id, x.*
            FROM (SELECT DISTINCT ON (patient_id, occasion) * FROM ({fresh}) x
                ORDER BY patient_id, occasion, first_due) x""",
            params,
        )
        cursor.execute("ANALYZE trigger_found")
        params["n_resting"] = _resting(cursor, rule, params) if rule.cooldown_days else []
        held_out = held_out_sql(DIGEST_SQL.format(patient="patient_id"), rule.holdout_percent)
        cursor.execute(_FIRINGS.format(held_out=held_out if rule.holdout_percent else "false"), params)
        written = int(cursor.rowcount)
        for number, step in enumerate(steps):
            cursor.execute(_STEPS.format(number=number, useful=_useful(step)), {**params, "n_step": step.pk})
        cursor.execute("DROP TABLE trigger_found")
        return written


def begun(
    rule: TriggerRule, occasions: Sequence[tuple[int, datetime.datetime]], other_than: Collection[str] = ()
) -> dict[int, list[datetime.datetime]]:  # fmt: skip
    """When the ladders of these patients began that may be too near; `other_than` are occasions that do not count."""
    if not rule.cooldown_days or not occasions:
        return {}
    rest = datetime.timedelta(days=rule.cooldown_days)
    known = Firing.objects.filter(
        rule=rule, state__in=BEGUN, patient__in={patient for patient, _due in occasions},
        first_due__gt=min(due for _patient, due in occasions) - rest,
        first_due__lt=max(due for _patient, due in occasions) + rest,
    ).exclude(occasion__in=other_than)  # fmt: skip
    found: dict[int, list[datetime.datetime]] = {}
    for patient, due in known.values_list("patient_id", "first_due"):
        found.setdefault(patient, []).append(due)
    return found


def _fresh(rule: TriggerRule, steps: Sequence[TriggerStep], sql: str) -> str:
    """What is not noted yet: when each step falls due, and why it is not even asked for ("" = it is). Ladders that were
    over when the rule was switched on are none of its business."""
    anchored = rule_types.of(rule.rule_type).anchored
    numbers = range(len(steps))
    dues = "".join(f", {due_sql(step, rule, anchored)} AS due{number}" for number, step in enumerate(steps))
    whys = "".join(f", {why_sql(f'due{number}', step)} AS why{number}" for number, step in enumerate(steps))
    alive = " OR ".join(f"why{number} = ''" for number in numbers)
    return f"""SELECT y.*, {alive} AS alive FROM (SELECT x.*{whys} FROM (
            SELECT {", ".join(COLUMNS)}{dues} FROM ({sql}) found
        ) x OFFSET 0) y
        WHERE (%(n_on)s::timestamptz IS NULL OR last_due >= %(n_on)s) AND NOT EXISTS (
            SELECT FROM triggers_firing f
            WHERE f.rule_id = %(n_rule)s AND f.patient_id = y.patient_id AND f.occasion = y.occasion)"""


def why_sql(due: str, step: TriggerStep) -> str:
    """SQL of the reason why a step due then is not even asked for, or ''; needs %(n_on)s and %(n_now)s."""
    return (
        f"CASE WHEN {due} < %(n_on)s::timestamptz THEN '{reasons.BEFORE_ON}' "
        f"WHEN {due} + {_useful(step)} <= %(n_now)s THEN '{reasons.LATE}' ELSE '' END"
    )


def _useful(step: TriggerStep) -> str:
    return f"interval '{int(step.useful_hours)} hours'"


def _resting(cursor: CursorWrapper, rule: TriggerRule, params: dict[str, Any]) -> list[int]:
    """The new ones that come too soon. Who has only one, far from any other ladder, need not be looked at."""
    cursor.execute(
        f"""SELECT id, patient_id, first_due FROM (
            SELECT n.*, count(*) OVER (PARTITION BY patient_id) AS several FROM trigger_found n WHERE alive
        ) n
        WHERE several > 1 OR EXISTS (SELECT FROM triggers_firing f
            WHERE f.rule_id = %(n_rule)s AND f.patient_id = n.patient_id AND f.state IN ({_BEGUN})
                AND f.first_due > n.first_due - %(n_rest)s AND f.first_due < n.first_due + %(n_rest)s)
        ORDER BY first_due, occasion""",
        params,
    )
    rows = cursor.fetchall()
    occasions = [(patient, due) for _id, patient, due in rows]
    refused = cooled(occasions, rule.cooldown_days, begun(rule, occasions))
    return [row[0] for row, too_soon in zip(rows, refused, strict=True) if too_soon]
