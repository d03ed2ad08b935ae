"""The back-test, from the question to its figures.

    found ─► cooldown, hold-out ─► steps ─► goal, gate, caps, quota ─► figures, cost, expected visits
    (services.finding)  (services.looking)   (services.ladders, goals, campaigns' gate)

Every part is the code of the live run, or the pure arithmetic it uses. It is asked as if the rule had been switched on
at the first moment of the period with nothing of its own behind it; what other campaigns and rules sent is in the
ledger and counts for the caps. Ladders that begin in the period are followed to their last step, up to `now`.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from campaigns.planning.quiet_hours import at_wall_time
from triggers.models import TriggerRule
from triggers.services.backtest import deciding, expecting, figures, tables
from triggers.services.finding import Window, steps_of

Progress = Callable[[int], None]
ONE_DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(microseconds=1)
FOUND, DECIDED, COUNTED = 35, 85, 95  # percent of the work done after each part


def run(
    rule: TriggerRule, first_day: dt.date, last_day: dt.date, progress: Progress | None = None, *, now: dt.datetime
) -> dict[str, Any]:
    """Every figure of the page (see figures.gather), of the ladders whose first message falls due on these days."""
    said = progress or (lambda _percent: None)
    steps = steps_of(rule)
    window = window_of(first_day, last_day)
    began = timezone.now()
    said(2)
    with tables.made():
        tables.fill_firings(rule, window, steps)
        said(FOUND)
        deciding.decide(rule, steps, now)
        said(DECIDED)
        found = figures.gather(rule, steps, first_day, last_day, now)
        said(COUNTED)
        found["expected"] = expecting.expected(rule, now)
    found["seconds"] = round((timezone.now() - began).total_seconds(), 2)
    return found


def window_of(first_day: dt.date, last_day: dt.date) -> Window:
    """From the first midnight up to the one after the last day, which is not in it; by the clinic's clock."""
    zone = str(settings.TIME_ZONE)
    starts, ends = (at_wall_time(day, dt.time(), zone) for day in (first_day, last_day + ONE_DAY))
    return Window(starts - MOMENT, ends - MOMENT)


def written_rows() -> list[tuple[Any, ...]]:
    """(patient, moment, step's position, channel, fate) of every message; for tests and files, inside `tables.made`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.patient_id, s.goes_at, s.position, s.channel, s.fate FROM backtest_step s "
            "JOIN backtest_firing f ON f.id = s.firing_id ORDER BY s.id"
        )
        return cursor.fetchall()
