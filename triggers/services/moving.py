"""Patients who are on a ladder go over to another one."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from triggers import reasons, rule_types
from triggers.models import FiringStep, TriggerRule, TriggerStep
from triggers.services.finding import due_sql

Fate = FiringStep.State


def move(rule: TriggerRule, steps: Sequence[TriggerStep], now: datetime.datetime) -> None:
    """What waits of retired steps is skipped; every firing that is going on gets the steps it does not have.

    A new step that fell due before now is skipped as well: what it says has been said by the old ladder, or was not
    meant to be said then.
    """
    FiringStep.objects.filter(
        firing__rule=rule, firing__state="open", step__retired_at__isnull=False, state__in=[Fate.WAITING, Fate.HELD]
    ).update(state=Fate.SKIPPED, reason=reasons.CHANGED)
    anchored = rule_types.of(rule.rule_type).anchored
    with connection.cursor() as cursor:
        for step in steps:
            due = due_sql(step, rule, anchored, "f.anchor_at", "coalesce(b.timezone, %(home)s)")
            params: dict[str, Any] = {
                "rule": rule.pk, "step": step.pk, "now": now, "home": settings.TIME_ZONE, "hours": step.useful_hours,
                "changed": reasons.CHANGED,
            }  # fmt: skip
            cursor.execute(
                f"""INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state, reason)
                SELECT id, %(step)s, due, due + make_interval(hours => %(hours)s),
                    CASE WHEN due > %(now)s THEN 'waiting' ELSE 'skipped' END,
                    CASE WHEN due > %(now)s THEN '' ELSE %(changed)s END
                FROM (
                    SELECT f.id, {due} AS due FROM triggers_firing f
                    LEFT JOIN patients_branch b ON b.id = f.branch_id
                    WHERE f.rule_id = %(rule)s AND f.state = 'open'
                ) f
                ON CONFLICT DO NOTHING""",
                params,
            )
