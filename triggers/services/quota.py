"""How many new ladders a branch may begin today: the rule's own number, and its free slots.

    per_day        less the ladders of this rule begun there today, by the clock of the branch
    by_capacity    ⌈free slots of the coming seven days ÷ 7⌉, less those of every such rule begun there today

So over a week no more people are invited than there is room for in the week to come, and not all of them on its first
day. A patient without a branch is counted at a branch of their own (`NOWHERE`), whose slots are those of all.
"""

import datetime
import math

from django.conf import settings
from django.db import connection

from patients.selectors.capacity import free_slots_sql
from triggers.models import TriggerRule

NOWHERE = 0
DAYS = 7
# Free slots of a large clinic take the database a second; with people waiting they would be asked for every time.
KEPT = datetime.timedelta(minutes=2)
_kept: dict[int, tuple[datetime.datetime, dict[int, int]]] = {}
_ZONE = "coalesce(b.timezone, %(home)s)"
_BEGUN = f"""
SELECT coalesce(f.branch_id, {NOWHERE}), count(*) FILTER (WHERE f.rule_id = %(rule)s),
    count(*) FILTER (WHERE r.by_capacity)
FROM triggers_firing f
JOIN triggers_triggerrule r ON r.id = f.rule_id
LEFT JOIN patients_branch b ON b.id = f.branch_id
WHERE f.begun_at > %(now)s::timestamptz - interval '2 days'
    AND f.begun_at >= date_trunc('day', %(now)s::timestamptz AT TIME ZONE {_ZONE}) AT TIME ZONE {_ZONE}
GROUP BY 1
"""
_COMING = f"""
SELECT b.id AS branch_id, (%(now)s::timestamptz AT TIME ZONE b.timezone)::date AS asked_on,
    (%(now)s::timestamptz AT TIME ZONE b.timezone)::date + ahead AS day
FROM patients_branch b, generate_series(1, {DAYS}) ahead
"""


def rooms(rule: TriggerRule, now: datetime.datetime) -> dict[int, int] | None:
    """For every branch, and for NOWHERE, how many ladders of this rule may still begin today; None: no limit."""
    if rule.per_day is None and not rule.by_capacity:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_BEGUN, {"rule": rule.pk, "now": now, "home": settings.TIME_ZONE})
        begun = {branch: (own, by_capacity) for branch, own, by_capacity in cursor.fetchall()}
        cursor.execute("SELECT id FROM patients_branch")
        branches = [NOWHERE, *(row[0] for row in cursor.fetchall())]
    slots = _slots_a_day(rule, now) if rule.by_capacity else {}
    room = {}
    for branch in branches:
        own, by_capacity = begun.get(branch, (0, 0))
        limits = [slots.get(branch, 0) - by_capacity] if rule.by_capacity else []
        limits += [rule.per_day - own] if rule.per_day is not None else []
        room[branch] = max(min(limits), 0)
    return room


def _slots_a_day(rule: TriggerRule, now: datetime.datetime) -> dict[int, int]:
    """Free slots of the coming days, per day of them, by branch."""
    known = _kept.get(rule.pk)
    if known and datetime.timedelta(0) <= now - known[0] < KEPT:
        return known[1]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT branch_id, sum(free)::int FROM ({free_slots_sql(_COMING)}) coming GROUP BY 1", {"now": now}
        )
        free: dict[int, int] = dict(cursor.fetchall())
    free[NOWHERE] = sum(free.values())
    slots = {branch: math.ceil(number / DAYS) for branch, number in free.items()}
    _kept[rule.pk] = now, slots
    return slots
