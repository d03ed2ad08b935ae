"""Occasions that are there again: an appointment moved to and fro, a visit the source has corrected twice.

A ladder that was withdrawn goes on with the steps that are still of use. What was sent stays sent; a step somebody has
taken out of the rule meanwhile stays out.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection

from triggers import reasons, rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.services import finding, occasions
from triggers.services.finding import Window
from triggers.services.noting import BEGUN

_AHEAD = f"""FROM triggers_firingstep fs JOIN triggers_triggerstep s ON s.id = fs.step_id AND s.retired_at IS NULL
    WHERE fs.state = 'skipped' AND fs.reason = '{reasons.WITHDRAWN}' AND fs.useful_until > %(now)s"""
# The few who may be meant are asked about alone: the query for occasions is dear.
_AWAY = f"""
SELECT DISTINCT f.patient_id FROM triggers_firing f
WHERE f.rule_id = %(rule)s AND f.state = 'withdrawn' AND f.first_due > %(after)s AND {{among}}
    AND EXISTS (SELECT {_AHEAD} AND fs.firing_id = f.id)
"""
# Another ladder may have begun meanwhile, too near for this one to go on.
_BACK = f"""
WITH back AS (
    SELECT f.id FROM triggers_firing f
    JOIN ({{found}}) x ON x.patient_id = f.patient_id AND x.occasion = f.occasion
    WHERE f.rule_id = %(rule)s AND f.state = 'withdrawn' AND NOT ({{withdrawn}})
        AND NOT EXISTS (SELECT FROM triggers_firing o
            WHERE o.rule_id = f.rule_id AND o.patient_id = f.patient_id AND o.id <> f.id AND o.state = ANY(%(begun)s)
                AND o.first_due > f.first_due - %(rest)s AND o.first_due < f.first_due + %(rest)s)
), ahead AS (
    SELECT fs.id {_AHEAD} AND fs.firing_id IN (SELECT id FROM back)
), waiting AS (
    UPDATE triggers_firingstep fs SET state = 'waiting', reason = '' FROM ahead WHERE fs.id = ahead.id
    RETURNING fs.firing_id
)
UPDATE triggers_firing f SET state = 'open', closed_at = NULL WHERE f.id IN (SELECT firing_id FROM waiting)
"""


def revive(
    rule: TriggerRule, steps: Sequence[TriggerStep], window: Window, now: datetime.datetime,
    among: Sequence[int] | None = None,
) -> int:  # fmt: skip
    """Take up the withdrawn ladders (of `among`, or of everybody) whose occasion is found again; how many. The caller
    holds the row of the rule."""
    params: dict[str, Any] = {
        "rule": rule.pk, "now": now, "after": window.after, "among": list(among or ()), "begun": list(BEGUN),
        "rest": datetime.timedelta(days=rule.cooldown_days),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_AWAY.format(among="true" if among is None else "f.patient_id = ANY(%(among)s)"), params)
        away = [row[0] for row in cursor.fetchall()]
        if not away:
            return 0
        found = finding.found(rule, window, "SELECT unnest(%(e_among)s::bigint[])", steps=steps)
        withdrawn = occasions.withdrawn(rule_types.of(rule.rule_type), rule)
        cursor.execute(
            _BACK.format(found=found.sql, withdrawn=withdrawn), {**params, **found.params, "e_among": away}
        )  # fmt: skip
        return int(cursor.rowcount)
