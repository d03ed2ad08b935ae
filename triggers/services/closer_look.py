"""The last look at a message of a ladder, right before it is sent: hours may lie between planning and sending. A call
that waits in the list is looked at the same way."""

import datetime
from collections.abc import Sequence

from django.db import connection, transaction

from campaigns import reasons
from campaigns.services.deciding.gate import Verdict
from triggers import rule_types
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import goals, occasions

_LOOK = """
SELECT fs.message_id, fs.id, CASE WHEN f.state = 'stopped' THEN '{stopped}'
    WHEN f.state = 'withdrawn' OR {withdrawn} THEN '{withdrawn_reason}'
    WHEN {met} THEN '{goal_met}' ELSE '' END
FROM triggers_firingstep fs JOIN triggers_firing f ON f.id = fs.firing_id
WHERE fs.message_id = ANY(%(messages)s) AND f.rule_id = %(rule)s
"""


def verdicts(message_ids: Sequence[int], now: datetime.datetime) -> dict[int, Verdict]:
    """Which of these messages may not go, for good: its ladder was stopped, its occasion is no more, its goal is met.
    A step whose goal is met is held, and its ladder is not done yet: should the appointment be cancelled while the
    message is of use, it goes on."""
    rows = _looked_at(message_ids, now)
    if held := [step for _message, step, reason in rows if reason == reasons.GOAL_MET]:
        with transaction.atomic():
            FiringStep.objects.filter(pk__in=held, state=FiringStep.State.PLANNED).update(state=FiringStep.State.HELD)
            ended = Firing.objects.filter(steps__in=held, state=Firing.State.DONE)
            ended.update(state=Firing.State.OPEN, closed_at=None)
    return {message: Verdict(reason) for message, _step, reason in rows}


def needless_calls(message_ids: Sequence[int], now: datetime.datetime) -> dict[int, str]:
    """Which of these messages, calls that wait in the list, need not be made any more, and why. The ladder stays as it
    is: the list itself brings the call back."""
    return {message: reason for message, _step, reason in _looked_at(message_ids, now)}


def _looked_at(message_ids: Sequence[int], now: datetime.datetime) -> list[tuple[int, int, str]]:
    """(message, step, reason) of those for which something speaks against them."""
    steps = FiringStep.objects.filter(message__in=message_ids)
    rules = TriggerRule.objects.filter(pk__in=steps.values("firing__rule").distinct())
    return [row for rule in rules for row in _of_rule(rule, message_ids, now)]


def _of_rule(rule: TriggerRule, message_ids: Sequence[int], now: datetime.datetime) -> list[tuple[int, int, str]]:
    kind = rule_types.TYPES.get(rule.rule_type)
    sql = _LOOK.format(
        stopped=reasons.STOPPED, withdrawn_reason=reasons.WITHDRAWN, goal_met=reasons.GOAL_MET,
        withdrawn=occasions.withdrawn(kind, rule) if kind else "false", met=goals.met("f", rule=rule),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, {"messages": list(message_ids), "rule": rule.pk, "now": now})
        return [row for row in cursor.fetchall() if row[2]]
