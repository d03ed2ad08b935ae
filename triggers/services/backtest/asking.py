"""A back-test is asked for on a page, counted by a worker, and kept with the rule as it was asked about.

Whoever counts holds the advisory lock of the back-test. A worker that died leaves it free: the message that comes
again, or the page that waits, starts the counting anew. Asked twice for the same days, it is one back-test.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from triggers.models import Backtest, TriggerRule
from triggers.services import fitness
from triggers.services.backtest.running import run
from triggers.services.finding import steps_of

log = logging.getLogger(__name__)
TASK = "triggers.tasks.run_backtest"
LOCK = 0x70617374  # "past", the first half of the advisory lock's key; the id of the back-test is the second
LONGEST = 731  # days: two years
# Asked for and nobody began: the message or its worker is gone.
LOST = dt.timedelta(seconds=30)
EARLIEST = dt.date(1900, 1, 1)  # the API takes no earlier day
State = Backtest.State
UNDER_WAY = (State.WAITING, State.RUNNING)


class NotPossible(ValueError):
    """These days cannot be asked for; says why in words."""


def checked(first_day: dt.date, last_day: dt.date, now: dt.datetime) -> None:
    """NotPossible for days that do not exist yet, come in the wrong order, are too many or before any fact."""
    if first_day < EARLIEST:
        raise NotPossible(_("No facts are known from before the year 1900."))
    if last_day < first_day:
        raise NotPossible(_("The last day is before the first."))
    if last_day >= timezone.localdate(now):
        raise NotPossible(_("A back-test looks at the past: yesterday is the last day it can see."))
    if (last_day - first_day).days >= LONGEST:
        raise NotPossible(_("Two years at most."))


def unfit(rule: TriggerRule) -> str:
    """Why the past cannot be asked about this rule at all, in words, or ""."""
    return fitness.not_chosen(rule)


def ask(rule: TriggerRule, first_day: dt.date, last_day: dt.date, user: Any, now: dt.datetime) -> Backtest:
    """The back-test of these days, handed to a worker when this transaction ends."""
    checked(first_day, last_day, now)
    if why := unfit(rule):
        raise NotPossible(why)
    days = {"rule": rule, "first_day": first_day, "last_day": last_day}
    try:
        with transaction.atomic():
            made = Backtest.objects.create(**days, asked=as_asked(rule), requested_by=user)
    except IntegrityError:  # the same is waiting or being counted: one answer serves both
        found = Backtest.objects.filter(**days, state__in=UNDER_WAY).first()
        if found is None:
            raise
        return found
    transaction.on_commit(lambda: _send(made.pk))
    return made


def count(backtest_id: int, now: dt.datetime) -> bool:
    """Count it now. False: another process is at it, or there is nothing to do."""
    with alone(backtest_id) as mine:
        found = Backtest.objects.select_related("rule").filter(pk=backtest_id, state__in=UNDER_WAY).first()
        if not mine or found is None:
            return False
        row = Backtest.objects.filter(pk=backtest_id)
        row.update(state=State.RUNNING, progress=0, started_at=now, asked=as_asked(found.rule))
        began = time.monotonic()
        try:
            result = run(
                found.rule, found.first_day, found.last_day, lambda percent: _note(backtest_id, percent), now=now
            )
        except Exception as error:
            # The kind of error only: the database quotes rows in its details.
            log.error("back-test %s failed: %s", backtest_id, type(error).__name__, exc_info=error)
            row.update(state=State.FAILED, error=type(error).__name__, finished_at=timezone.now())
            return True
        row.update(
            state=State.DONE, progress=100, result=result, seconds=time.monotonic() - began, finished_at=timezone.now()
        )
    return True


def wake(found: Backtest, now: dt.datetime) -> None:
    """Send the message again when nobody counts what has been waiting for a while."""
    if found.state in UNDER_WAY and now - (found.started_at or found.created_at) > LOST and not _is_counted(found.pk):
        Backtest.objects.filter(pk=found.pk, state__in=UNDER_WAY).update(started_at=now)
        _send(found.pk)


@contextmanager
def alone(backtest_id: int) -> Iterator[bool]:
    """Whether this process is the only one at it. A lock of the session: the counting is no single transaction, so
    that its progress can be seen, and the server gives the lock back when the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, backtest_id])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, backtest_id])


def as_asked(rule: TriggerRule) -> dict[str, Any]:
    """Everything the answer depends on except the facts, as JSON. Rules that say the same have equal ones."""
    return {
        "rule_type": rule.rule_type,
        "params": rule.params,
        "purpose": rule.purpose,
        "goal": rule.goal,
        "goal_group": rule.goal_group_id,
        "include": sorted(rule.include.values_list("pk", flat=True)),
        "exclude": sorted(rule.exclude.values_list("pk", flat=True)),
        "branches": sorted(rule.branches.values_list("pk", flat=True)),
        "holdout_percent": rule.holdout_percent,
        "cooldown_days": rule.cooldown_days,
        "window_days": rule.window_days,
        "send_at": f"{rule.send_at:%H:%M}",
        "per_day": rule.per_day,
        "by_capacity": rule.by_capacity,
        "valid_from": rule.valid_from and rule.valid_from.isoformat(),
        "valid_until": rule.valid_until and rule.valid_until.isoformat(),
        "steps": [
            {
                "position": step.position,
                "offset": step.offset,
                "unit": step.unit,
                "at": step.at and f"{step.at:%H:%M}",
                "useful_hours": step.useful_hours,
                "channels": list(step.channels),
                "templates": {template.channel: template.template_id for template in step.templates.all()},
            }
            for step in steps_of(rule)
        ],
    }


def _note(backtest_id: int, percent: int) -> None:
    Backtest.objects.filter(pk=backtest_id).update(progress=percent)


def _is_counted(backtest_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
            "AND classid::bigint = %s AND objid::bigint = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [LOCK, backtest_id],
        )
        return bool(cursor.fetchone()[0])


def _send(backtest_id: int) -> None:
    try:
        current_app.send_task(TASK, [backtest_id], ignore_result=True)
    except Exception as error:  # whatever the broker's client raises: the page that waits asks again
        log.warning("back-test %s was not handed over: %s", backtest_id, type(error).__name__)
