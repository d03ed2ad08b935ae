"""Stored counts of the rules: what the communication map and the pages of rules show, so that no page counts firings.

Every minute the last days are counted anew, as far back as the steps of a rule may still change; the night counts the
whole year that pages show, because a click or a complaint may come weeks after the message.
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, Min, OuterRef, Q
from django.utils import timezone

from campaigns.selectors.clicks import IN_A_BURST
from triggers.models import Firing, RuleCount, TriggerRule, TriggerStep, Unit

KEPT_DAYS = 400  # a year and the longest ladder
CHANGING_DAYS = 3  # most of what happens to a message happens within these
LONGEST_DAYS = 60
LOCK = 0x72636E74  # "rcnt", the first half of the advisory lock's key; the id of the rule is the second
_IN_DAYS: dict[str, int] = {Unit.MINUTE: 24 * 60, Unit.HOUR: 24, Unit.DAY: 1}

# What was counted stays a row that is not touched: of a quiet rule a minute writes nothing.
_COUNT = f"""
WITH ladder AS MATERIALIZED (
    SELECT f.id, f.state, f.first_due FROM triggers_firing f
    WHERE f.rule_id = %(rule)s AND f.first_due >= %(ladders_from)s
), gone_through AS MATERIALIZED (
    SELECT (fs.due_at AT TIME ZONE %(zone)s)::date AS day, fs.step_id, fs.message_id, m.cost,
        CASE WHEN fs.state <> 'planned' THEN fs.state ELSE coalesce(m.state, 'suppressed') END AS state,
        CASE WHEN fs.state <> 'planned' THEN fs.reason WHEN m.id IS NULL THEN 'gone' WHEN m.state = 'sent' THEN ''
            ELSE m.reason END AS reason
    FROM ladder l JOIN triggers_firingstep fs ON fs.firing_id = l.id
    LEFT JOIN campaigns_message m ON m.id = fs.message_id
    WHERE fs.due_at >= %(steps_from)s
), now_counted AS (
    SELECT (first_due AT TIME ZONE %(zone)s)::date AS day, NULL::bigint AS step_id, 'firing' AS kind, state,
        '' AS reason, count(*) AS number, 0::numeric AS cost
    FROM ladder GROUP BY 1, 4
    UNION ALL
    SELECT day, step_id, 'step', state, reason, count(*), coalesce(sum(cost), 0) FROM gone_through GROUP BY 1, 2, 4, 5
    UNION ALL
    SELECT g.day, g.step_id, 'event', e.kind, '', count(DISTINCT e.message_id), 0
    FROM gone_through g JOIN campaigns_messageevent e ON e.message_id = g.message_id
    WHERE NOT e.machine AND NOT {IN_A_BURST} GROUP BY 1, 2, 4
), written AS (
    INSERT INTO triggers_rulecount (rule_id, day, step_id, kind, state, reason, number, cost)
    SELECT %(rule)s, day, step_id, kind, state, reason, number, cost FROM now_counted
    ON CONFLICT (rule_id, day, kind, step_id, state, reason) DO UPDATE
    SET number = excluded.number, cost = excluded.cost
    WHERE (triggers_rulecount.number, triggers_rulecount.cost) IS DISTINCT FROM (excluded.number, excluded.cost)
    RETURNING 1
), no_more AS (
    DELETE FROM triggers_rulecount c WHERE c.rule_id = %(rule)s
        AND c.day >= CASE c.kind WHEN 'firing' THEN %(ladders_day)s::date ELSE %(steps_day)s::date END
        AND NOT EXISTS (SELECT FROM now_counted n WHERE (n.day, n.kind, n.state, n.reason)
            = (c.day, c.kind, c.state, c.reason) AND n.step_id IS NOT DISTINCT FROM c.step_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM no_more)
"""


def refresh(now: dt.datetime, *, everything: bool = False) -> int:
    """Count what may have changed of every rule that is on or has ladders going on; `everything`: the kept year of all
    rules. Returns how many stored numbers have changed."""
    if everything:  # what no page shows any more
        RuleCount.objects.filter(day__lt=timezone.localdate(now) - dt.timedelta(days=2 * KEPT_DAYS)).delete()
    going_on = Firing.objects.filter(rule=OuterRef("pk"), state=Firing.State.OPEN)
    rules = TriggerRule.objects.all() if everything else TriggerRule.objects.filter(Q(enabled=True) | Exists(going_on))
    return sum(_refresh(rule, now, everything) for rule in rules.only("pk"))


def refresh_rule(rule: TriggerRule, now: dt.datetime) -> int:
    """Everything of one rule."""
    return _refresh(rule, now, everything=True)


def _refresh(rule: TriggerRule, now: dt.datetime, everything: bool) -> int:
    today = timezone.localdate(now)
    useful, length = _lasts(rule)
    back = KEPT_DAYS if everything else CHANGING_DAYS + useful
    steps_day = today - dt.timedelta(days=back)
    # A step due on a day belongs to a ladder that began at most so much earlier.
    ladders_day = steps_day - dt.timedelta(days=length)
    params: dict[str, Any] = {
        "rule": rule.pk, "zone": settings.TIME_ZONE, "steps_day": steps_day, "ladders_day": ladders_day,
        "steps_from": _midnight(steps_day), "ladders_from": _midnight(ladders_day),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        # Two countings at once would undo each other's deletions; the other one has just counted the same.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, rule.pk])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(_COUNT, params)
        return int(cursor.fetchone()[0])


def _lasts(rule: TriggerRule) -> tuple[int, int]:
    """Days for which a message may still be of use, and days from the first step to the last; retired steps too."""
    known = TriggerStep.objects.filter(rule=rule).values("unit").annotate(
        first=Min("offset"), last=Max("offset"), useful=Max("useful_hours")
    )  # fmt: skip
    rows = list(known)
    if not rows:
        return 0, 0
    useful = max(row["useful"] for row in rows) // 24 + 1
    first = min(row["first"] // _IN_DAYS[row["unit"]] for row in rows)
    last = max(row["last"] // _IN_DAYS[row["unit"]] + 1 for row in rows)
    return min(useful, LONGEST_DAYS), min(last - first + 1, KEPT_DAYS)


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
