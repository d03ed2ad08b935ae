"""A past of a rule as rows: what the back-test says would have become of it is written down as if it had.

    found, cooldown, hold-out (services.backtest.tables) ─► firings ─► visits it brought ─► steps, goals, gate, caps
    (services.backtest.deciding) ─► rows of the ledger ─► sent, delivered, clicked, complained (campaigns.demo)

So the clinic's past obeys the rules of its present, and the live run goes on where it ends: what lies ahead waits.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection

from campaigns.demo import planting
from campaigns.demo.history import PARTS, price_of
from campaigns.models import Channel
from triggers.models import TriggerRule, TriggerStep
from triggers.rule_types import of
from triggers.services import results
from triggers.services.backtest import deciding, tables
from triggers.services.backtest.tables import AHEAD, WAITING, execute
from triggers.services.finding import Window, due_sql, steps_of

NOTICED = "interval '8 seconds'"
WITHDRAWN, GOAL_MET = "withdrawn", "goal_met"
_FIRINGS = f"""
INSERT INTO triggers_firing (rule_id, patient_id, occasion, state, anchor_at, since, first_due, branch_id, service_id,
    visit_id, found_at, closed_at)
SELECT rule_id, patient_id, occasion, state, anchor_at, since, first_due, branch_id, service_id, visit_id,
    first_due + {NOTICED}, CASE WHEN state <> 'open' THEN first_due + {NOTICED} END
FROM backtest_firing ORDER BY id
"""
# What is there already was lived through before.
_KNOWN = """
DELETE FROM backtest_firing b USING triggers_firing f
WHERE f.rule_id = b.rule_id AND f.patient_id = b.patient_id AND f.occasion = b.occasion
"""
_NUMBERED = """
CREATE TEMPORARY TABLE lived_firing ON COMMIT DROP AS
SELECT b.id, f.id AS firing_id, b.state FROM backtest_firing b
JOIN triggers_firing f ON f.rule_id = b.rule_id AND f.patient_id = b.patient_id AND f.occasion = b.occasion
"""
_LEFT_ALONE = """
INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state, reason)
SELECT l.firing_id, {step}, due.at, due.at + interval '{useful} hours', 'skipped', b.state
FROM backtest_firing b JOIN lived_firing l ON l.id = b.id, LATERAL (SELECT {due} AS at) due WHERE b.state <> 'open'
"""
_KEY = "'t' || l.firing_id || ':s' || s.step_id"
_MESSAGES = f"""
INSERT INTO campaigns_message (dedupe_key, patient_id, recipient_id, branch_id, channel, purpose, state, reason,
    text_id, offer_id, visit_id, service_id, address_key, planned_at, due_at, useful_until)
SELECT {_KEY}, s.patient_id, nullif(s.reader_id, s.patient_id), coalesce(s.branch_id, s.home_id), s.channel,
    %(purpose)s, CASE s.fate WHEN 'written' THEN 'planned' ELSE 'suppressed' END,
    CASE s.fate WHEN 'written' THEN '' ELSE s.fate END, CASE s.fate WHEN 'written' THEN s.text_id END, t.offer_id,
    b.visit_id, b.service_id, s.address_key, s.due_at + {NOTICED}, s.goes_at, s.useful_until
FROM backtest_step s JOIN backtest_firing b ON b.id = s.firing_id JOIN lived_firing l ON l.id = s.firing_id
JOIN triggers_triggerstep t ON t.id = s.step_id
WHERE s.fate NOT IN ('{AHEAD}', '{WAITING}', '{WITHDRAWN}') ORDER BY s.id
"""
_STEPS = f"""
INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state, reason, message_id)
SELECT firing_id, step_id, due_at, useful_until, CASE WHEN over THEN 'skipped' WHEN fate IN ('{AHEAD}', '{WAITING}')
        THEN 'waiting' WHEN fate = '{GOAL_MET}' THEN 'held' ELSE 'planned' END,
    CASE WHEN over THEN CASE fate WHEN '{GOAL_MET}' THEN fate ELSE '{WITHDRAWN}' END ELSE '' END, message_id
FROM (
    SELECT l.firing_id, s.step_id, s.due_at, s.useful_until, s.fate, m.id AS message_id,
        s.fate = '{WITHDRAWN}' OR s.fate = '{GOAL_MET}' AND s.useful_until <= %(now)s
        OR s.fate IN ('{AHEAD}', '{WAITING}')
            AND bool_or(s.fate = '{WITHDRAWN}') OVER (PARTITION BY s.firing_id) AS over
    FROM backtest_step s JOIN lived_firing l ON l.id = s.firing_id
    LEFT JOIN campaigns_message m ON m.dedupe_key = {_KEY}
) fated ORDER BY firing_id, due_at
"""
_CLOSED = f"""
UPDATE triggers_firing f SET begun_at = e.begun, closed_at = CASE WHEN e.undecided = 0 THEN e.ended + {NOTICED} END,
    state = CASE WHEN e.withdrawn > 0 THEN 'withdrawn' WHEN e.undecided = 0 THEN 'done' ELSE 'open' END
FROM (
    SELECT fs.firing_id, min(m.planned_at) FILTER (WHERE m.state <> 'suppressed') AS begun, max(fs.due_at) AS ended,
        count(*) FILTER (WHERE fs.state IN ('waiting', 'held')) AS undecided,
        count(*) FILTER (WHERE fs.reason = '{WITHDRAWN}') AS withdrawn
    FROM triggers_firingstep fs JOIN lived_firing l ON l.firing_id = fs.firing_id
    LEFT JOIN campaigns_message m ON m.id = fs.message_id WHERE l.state = 'open' GROUP BY 1
) e WHERE e.firing_id = f.id
"""
_IDLE = """
    CREATE TEMP TABLE planted_idle ON COMMIT DROP AS
    SELECT f.id, f.patient_id, f.branch_id, f.patient_id || ':' || (f.first_due AT TIME ZONE %(zone)s)::date AS chance,
        (f.first_due AT TIME ZONE %(zone)s)::date AS due_on
    FROM triggers_firing f WHERE f.id = ANY(%(units)s) AND f.state <> 'holdout'
"""
_OF_STEP = """
    SELECT m.id, m.patient_id || ':' || extract(epoch FROM m.due_at)::bigint AS chance
    FROM triggers_firingstep fs JOIN campaigns_message m ON m.id = fs.message_id
    WHERE fs.step_id = %(step)s AND m.channel = %(channel)s AND m.state = 'planned'
"""


def live_through(
    rule: TriggerRule, began: dt.datetime, now: dt.datetime, visits: dict[str, Any] | None = None, among: str = ""
) -> int:
    """What the rule would have done from `began` until `now`, as rows; returns the number of firings. `visits`: the
    arguments of campaigns.demo.planting.bring for those it brings. Called again, only what has come to light since;
    `among` selects the patients of whom anything may have."""
    steps = steps_of(rule)
    with tables.made(), connection.cursor() as cursor:
        tables.fill_firings(rule, Window(began, now), steps, among)
        execute(_KNOWN)
        found = execute(_FIRINGS)
        if not found:
            return 0
        cursor.execute("ANALYZE triggers_firing, backtest_firing")
        if visits:
            _bring(rule, now, visits)
        deciding.decide(rule, steps, now)
        cursor.execute("DROP TABLE IF EXISTS lived_firing")
        execute(_NUMBERED)
        for step in steps:
            execute(_left_alone(rule, step))
        execute(_MESSAGES, {"purpose": rule.purpose})
        execute(_STEPS, {"now": now})
        execute(_CLOSED)
        execute("DROP TABLE lived_firing")
        cursor.execute("ANALYZE triggers_firingstep, campaigns_message")
    _send(rule, steps, now)
    return found


def _left_alone(rule: TriggerRule, step: TriggerStep) -> str:
    due = due_sql(step, rule, of(rule.rule_type).anchored, "b.anchor_at", "b.zone")
    return _LEFT_ALONE.format(step=int(step.pk), useful=int(step.useful_hours), due=due)


def _bring(rule: TriggerRule, now: dt.datetime, visits: dict[str, Any]) -> int:
    """Visits of the patients who are counted, one window for ladders that overlap, as results count them."""
    today = now.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    counted = sorted(set(results.units(rule, today).values()))
    return planting.bring(
        _IDLE, {"units": counted, "salt": rule.salt}, today, window=rule.window_days, **visits
    )  # fmt: skip


def _send(rule: TriggerRule, steps: Sequence[TriggerStep], now: dt.datetime) -> None:
    """Calls of the last day wait to be made; everything else that was due has gone."""
    for step in steps:
        for code in step.channels:
            channel = Channel(code)
            until = now - dt.timedelta(days=1) if channel == Channel.CALL else now
            planting.live(
                _OF_STEP,
                {"step": step.pk, "channel": code, "salt": f"{rule.salt}:{step.position}", "title": str(rule)[:200]},
                code, until, price=float(price_of(channel)), parts=PARTS[channel],
                weary=0.002 if rule.purpose == "marketing" else 0.0004,
            )  # fmt: skip
