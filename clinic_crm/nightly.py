"""The night: every date once, its steps in order, one night at a time on the whole installation.

    cycles -> metrics -> forecasts -> scores -> memberships -> totals -> results -> reach -> standing -> rules
    -> rule_results -> rule_counts

A step and the note that it is done are one transaction. Killed anywhere and started again, a night goes on with the
step that was interrupted and ends in the same rows. An app adds a step by one line in STEPS.
"""

import datetime
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from campaigns.services.consents import channel_reach
from campaigns.services.crediting import results
from campaigns.services.running import standing
from clinic_crm.celery import app
from patients.locks import lock_connection
from patients.models import Visit
from segmentation.models import NightlyRun, NightlyStep
from segmentation.services import cycles, forecasts, memberships, metrics, scores, totals
from segmentation.services.night import Night
from segmentation.services.rewind import rewind
from triggers.services import counting, looking
from triggers.services import results as rule_results

log = logging.getLogger(__name__)
Report = Callable[[str], None]
State = NightlyRun.State


@dataclass(frozen=True)
class Step:
    name: str
    run: Callable[[Night], int]  # inside a transaction; returns how many rows it wrote


STEPS = (
    Step("cycles", cycles.refresh),
    Step("metrics", lambda night: metrics.refresh(night.as_of, full=night.full, previous=night.previous)),
    Step("forecasts", forecasts.refresh),
    Step("scores", scores.refresh),
    Step("memberships", memberships.refresh),
    Step("totals", totals.refresh),
    Step("results", results.refresh),
    Step("reach", channel_reach.refresh),
    Step("standing", lambda night: standing.take(moment_of(night.as_of))),
    # Whose facts have changed is forgotten by the step "metrics": what no rule has seen of it is found here.
    Step("rules", lambda night: looking.look_all(moment_of(night.as_of), deep=True)),
    Step("rule_results", lambda night: rule_results.refresh_as_of(night.as_of)),
    Step("rule_counts", lambda night: counting.refresh(moment_of(night.as_of), everything=True)),
)

# More missed dates than these are lived through week by week: nobody reads the daily totals of a month without power;
# more than a year of them month by month.
DAILY_CATCH_UP, WEEKLY_CATCH_UP = 31, 366
LOCK = 0x6E69676874  # "night"; advisory lock keys are shared by everybody in the database
LOG_ONLY: Report = log.info


class NightIsRunning(Exception):
    """Another process holds the lock."""


class NightIsInThePast(Exception):
    """A later night is finished; memberships know only one direction of time unless rewound."""


class NightFailed(Exception):
    """A step failed; the cause is chained, the message is safe to show: it holds no data of patients."""


def moment_of(as_of: datetime.date) -> datetime.datetime:
    """When the night of a date plans messages: now for the night of today, the end of the day for any other."""
    if as_of == timezone.localdate():
        return timezone.now()
    return timezone.make_aware(datetime.datetime.combine(as_of, datetime.time(23, 59, 59)))


@contextmanager
def the_lock() -> Iterator[None]:
    """Hold the night alone, or raise NightIsRunning."""
    with lock_connection("night") as held:
        row = held.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not row or not row[0]:
            raise NightIsRunning
        try:
            yield
        finally:
            # The server notices a closed connection a moment later; whoever looks right now must see the lock free.
            held.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def lock_is_held() -> bool:
    """Whether some process is living through a night right now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND (classid::bigint << 32 | objid::bigint) = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [LOCK],
        )
        return bool(cursor.fetchone()[0])


def last_finished() -> datetime.date | None:
    found: datetime.date | None = NightlyRun.objects.filter(state=State.DONE).aggregate(last=Max("as_of"))["last"]
    return found


def last_begun() -> datetime.date | None:
    """The last date any step has written for, finished or not: time has come so far and does not go back by itself."""
    written = NightlyStep.objects.filter(finished_at__isnull=False)
    found: datetime.date | None = written.aggregate(last=Max("run__as_of"))["last"]
    return found


def run_night(
    as_of: datetime.date, *, full: bool = False, refit: bool = False, allow_rewind: bool = False,
    report: Report = LOG_ONLY,
) -> NightlyRun:  # fmt: skip
    """Live through one date. A finished date is lived through again; an interrupted one goes on where it stopped."""
    return run_nights([as_of], full=full, refit=refit, allow_rewind=allow_rewind, report=report)[0]


def run_nights(
    dates: Iterable[datetime.date], *, full: bool = False, refit: bool = False, allow_rewind: bool = False,
    report: Report = LOG_ONLY,
) -> list[NightlyRun]:  # fmt: skip
    """Live through ascending dates under one lock. `full` and `refit` concern the first date: the others follow it."""
    days = list(dates)
    with the_lock():
        last = last_begun()
        if days and last and days[0] < last:
            if not allow_rewind:
                raise NightIsInThePast(f"{days[0]} is before the last night, {last}")
            report(f"rewinding to {days[0]}")
            _rewind(days[0])
            full = True
        first = [_live(days[0], full=full, refit=refit, report=report)] if days else []
        return first + [_live(day, full=False, refit=False, report=report) for day in days[1:]]


def catch_up(
    until: datetime.date, *, full: bool = False, refit: bool = False, report: Report = LOG_ONLY
) -> list[NightlyRun]:
    """Live through every date missed since the last night, and `until`."""
    return run_nights(missed_dates(until), full=full, refit=refit, report=report)


def missed_dates(until: datetime.date) -> list[datetime.date]:
    """The dates after the last night up to `until`, which is always among them; fewer when they are too many.

    A night that was begun and not finished comes first.
    """
    last = last_begun()
    if last is None or last >= until:
        return [until]
    days = (until - last).days
    every = 1 if days <= DAILY_CATCH_UP else 7 if days <= WEEKLY_CATCH_UP else 30
    missed = series(last + datetime.timedelta(days=every), until, every)
    finished = NightlyRun.objects.filter(as_of=last, state=State.DONE).exists()
    return missed if finished else [last, *missed]


def is_past(today: datetime.date) -> bool:
    """Whether the base is one of the past, looked at as of its end: by themselves its nights stand still.

    Lived on until today they would show everybody as lost. A clinic whose portal was off for a year is told apart by
    its visits: they go on after the last night as soon as its MIS posts.
    """
    last = last_finished()
    if last is None or (today - last).days <= WEEKLY_CATCH_UP:
        return False
    return not Visit.objects.filter(starts_on__gt=last).exists()


def series(first: datetime.date, last: datetime.date, every: int) -> list[datetime.date]:
    """`first`, then every so many days, and always `last`."""
    if first > last:
        return [last]
    days = [first + datetime.timedelta(days=n) for n in range(0, (last - first).days + 1, every)]
    return days if days[-1] == last else [*days, last]


def request_night(user: Any = None, *, full: bool = False) -> NightlyRun:
    """The button: the night of today, handed to a worker. While one waits or runs, that one.

    The message is sent when the row is committed. If the broker is away the row stays `waiting`, and the periodic
    check takes it up.
    """
    today = timezone.localdate()
    with transaction.atomic():
        run, created = NightlyRun.objects.get_or_create(as_of=today, defaults={"full": full, "requested_by": user})
        run = NightlyRun.objects.select_for_update().get(pk=run.pk)
        if run.state == State.RUNNING and lock_is_held():
            return run
        if not created and (run.state != State.WAITING or (full and not run.full)):
            run.state, run.full, run.requested_by, run.error = State.WAITING, full, user, ""
            run.save(update_fields=["state", "full", "requested_by", "error"])
        transaction.on_commit(lambda: _send(run.pk))
    return run


def _send(run_id: int) -> None:
    try:
        app.send_task("clinic_crm.tasks.run_night", [run_id], ignore_result=True)
    except Exception as error:  # whatever the broker's client raises, the row is there and will be found
        log.warning("the night waits for the periodic check: %s", type(error).__name__)


def _rewind(as_of: datetime.date) -> None:
    """Undo the nights from `as_of` on; give the scores back the memory they had after the night before."""
    with transaction.atomic():
        rewind(as_of)
        results.rewind(as_of)
        channel_reach.rewind(as_of)
        rule_results.rewind(as_of)
        before = last_finished()
        if before:
            cycles.refresh(Night(as_of=before))
            metrics.refresh(before, full=True, previous=None)
            scores.refresh(Night(as_of=before, again=True))


def _live(as_of: datetime.date, *, full: bool, refit: bool, report: Report) -> NightlyRun:
    """One date, the lock being held."""
    run = _begin(as_of, full)
    again = run.steps.filter(name="memberships", finished_at__isnull=False).exists()
    night = Night(
        as_of=as_of, previous=_previous(as_of), full=run.full, refit=refit, again=again, report=report
    )  # fmt: skip
    report(f"night of {as_of}{' (full)' if run.full else ''}")
    for step in STEPS:
        if run.steps.filter(name=step.name, done=True).exists():
            report(f"  {step.name}: done before")
            continue
        try:
            _take(step, night, run, report)
        except Exception as error:
            reason = f"{step.name}: {_safe(error)}"
            NightlyRun.objects.filter(pk=run.pk).update(state=State.FAILED, error=reason, finished_at=timezone.now())
            raise NightFailed(reason) from error
    run.state, run.finished_at = State.DONE, timezone.now()
    run.save(update_fields=["state", "finished_at"])
    report(f"  finished in {(run.finished_at - (run.started_at or run.finished_at)).total_seconds():.1f} s")
    return run


def _begin(as_of: datetime.date, full: bool) -> NightlyRun:
    """The row of the date, running. Only a night that was interrupted keeps its finished steps."""
    with transaction.atomic():
        run, _created = NightlyRun.objects.select_for_update().get_or_create(as_of=as_of, defaults={"full": full})
        interrupted = run.state in (State.RUNNING, State.FAILED)
        if not interrupted or (full and not run.full):
            run.steps.update(done=False)
            run.full = full or (run.full and run.state == State.WAITING)
            run.started_at = timezone.now()
        run.state, run.error, run.finished_at = State.RUNNING, "", None
        run.started_at = run.started_at or timezone.now()
        run.save()
    return run


def _previous(as_of: datetime.date) -> datetime.date | None:
    """The last date whose metrics are certain.

    A night that was begun and not finished may have moved the metrics on; counting from an earlier date recomputes a
    few patients too many, never too few.
    """
    found: datetime.date | None = NightlyRun.objects.filter(state=State.DONE, as_of__lte=as_of).aggregate(
        last=Max("as_of")
    )["last"]
    return found


def _take(step: Step, night: Night, run: NightlyRun, report: Report) -> None:
    began = time.monotonic()
    with transaction.atomic():
        rows = step.run(night)
        if step.name == "scores":
            run.fitted = {division.code: division.fitted for division in night.divisions}
            run.save(update_fields=["fitted"])
        seconds = time.monotonic() - began
        NightlyStep.objects.update_or_create(
            run=run, name=step.name,
            defaults={"done": True, "rows": rows, "seconds": seconds, "finished_at": timezone.now()},
        )  # fmt: skip
    report(f"  {step.name}: {rows} rows, {time.monotonic() - began:.1f} s")


def _safe(error: BaseException) -> str:
    """What went wrong without the values: the server's detail lines quote rows."""
    server = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    message = server.diag.message_primary if isinstance(server, psycopg.Error) else None
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {message or f'{Path(place.filename).name}, line {place.lineno}'}"
