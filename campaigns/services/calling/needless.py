"""Calls nobody need make any more: of no use, or whoever knows what they are about says so.

An app above this one knows whether the patient has booked meanwhile. It is asked every minute, and right before a
manager takes a call. A call that somebody is making is not taken out of their hands.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from django.db.models import F, Q, QuerySet

from campaigns.models import CallTask
from campaigns.selectors.calls import open_tasks

# Of these messages, which need no call any more, and why (CallTask.Closed).
Asked = Callable[[Sequence[int], dt.datetime], dict[int, str]]
_asked: list[Asked] = []
_BATCH = 5000
Closed = CallTask.Closed


def also_ask(reasons: Asked) -> Asked:
    """Ask this about the calls of messages of no campaign. Told twice, it is asked once."""
    if reasons not in _asked:
        _asked.append(reasons)
    return reasons


def why(task: CallTask, now: dt.datetime) -> str:
    """Why this call is needless (CallTask.Closed), or ""."""
    return _reasons([task.message_id], now).get(task.message_id, "") if task.message_id else ""


def free(now: dt.datetime) -> Q:
    """Nobody is calling right now."""
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)


def close(tasks: QuerySet[CallTask], reason: str, now: dt.datetime, *, held_too: bool = False) -> int:
    """Close those of them that are open and that nobody holds. Who held a task last stays on it: whoever was still on
    the phone may write down what came of it."""
    free_ones = tasks if held_too else tasks.filter(free(now))
    return free_ones.filter(done_at__isnull=True).update(done_at=now, closed_why=reason)


def sweep(now: dt.datetime) -> int:
    """Close what is needless, bring back what is not any more; how many tasks changed."""
    return close_expired(now) + close_needless(now) + bring_back(now)


def close_expired(now: dt.datetime) -> int:
    """Tasks that are of no use any more close themselves."""
    expired = CallTask.objects.filter(free(now), done_at__isnull=True, useful_until__lte=now)
    return expired.update(done_at=F("useful_until"), closed_why=Closed.LATE)


def close_needless(now: dt.datetime) -> int:
    """Close the open calls of rules whose patient has booked meanwhile, whose occasion is no more."""
    closed = 0
    for ids in _messages_of(open_tasks(now).filter(free(now))):
        by_reason: dict[str, list[int]] = {}
        for message, reason in _reasons(ids, now).items():
            by_reason.setdefault(reason, []).append(message)
        for reason, messages in by_reason.items():
            closed += close(CallTask.objects.filter(message__in=messages), reason, now)
    return closed


def bring_back(now: dt.datetime) -> int:
    """The appointment that closed a call was cancelled while the call is of use: it is to be made after all."""
    opened = 0
    gone = CallTask.objects.filter(closed_why=Closed.GOAL_MET, useful_until__gt=now)
    for ids in _messages_of(gone):
        still = _reasons(ids, now)
        again = gone.filter(message__in=[pk for pk in ids if pk not in still])
        opened += again.update(done_at=None, closed_why="", claimed_by=None, claimed_until=None)
    return opened


def _messages_of(tasks: QuerySet[CallTask]) -> Iterator[list[int]]:
    of_rules = tasks.filter(message__isnull=False, message__campaign__isnull=True)
    ids = list(of_rules.values_list("message_id", flat=True))
    yield from (ids[at : at + _BATCH] for at in range(0, len(ids), _BATCH))


def _reasons(message_ids: Sequence[int], now: dt.datetime) -> dict[int, str]:
    found: dict[int, str] = {}
    for ask in _asked:
        found.update(ask(message_ids, now))
    return found
