"""What became of appointments in the last year: moved, confirmed, cancelled, missed, and when the MIS said so."""

from typing import NamedTuple

import numpy as np

from patients.demo.people import People
from patients.demo.plan import DAY_US, MINUTE_US, Plan, weekday
from patients.demo.visits import BOOKED, CANCELLED, COMPLETED, CONFIRMED, NO_SHOW, Visits

SINCE_DAYS = 400
MOVED = 0.05  # share of the visits that took place or are booked, and once had another day
MOVED_BY_DAYS = 7
CANCELLED_BEFORE_HOURS = 26  # median
HOUR_US = 60 * MINUTE_US
# Midnight in Novosibirsk comes seven hours before that of Greenwich: what is known has happened everywhere.
ZONE_US = 7 * HOUR_US


class Changes(NamedTuple):
    """In the order in which they were learned of."""

    visit: np.ndarray
    was_status: np.ndarray
    status: np.ndarray
    was_starts_at: np.ndarray
    starts_at: np.ndarray
    at: np.ndarray


def changes(plan: Plan, people: People, visits: Visits, rng: np.random.Generator) -> Changes:
    parts = [_moved(plan, visits, rng), _confirmed(visits, rng), _cancelled(visits, rng), _missed(visits, rng)]
    found = Changes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    now = plan.end * DAY_US - ZONE_US
    first = np.maximum(now - SINCE_DAYS * DAY_US, people.registered_at[visits.patient[found.visit]])
    known = np.flatnonzero((found.at > first) & (found.at < now))
    order = known[np.argsort(found.at[known], kind="stable")]
    return Changes(*(column[order] for column in found))


def _of(visits: Visits, visit: np.ndarray, was: np.ndarray | int, status: int, at: np.ndarray) -> Changes:
    starts_at = visits.starts_at[visit]
    was_status = np.broadcast_to(was, len(visit))
    return Changes(visit, was_status, np.full(len(visit), status), starts_at, starts_at, at)


def _moved(plan: Plan, visits: Visits, rng: np.random.Generator) -> Changes:
    """To an earlier or a later day, said one to three days before the earlier of the two."""
    takes_place = np.isin(visits.status, (COMPLETED, BOOKED, CONFIRMED))
    visit = np.flatnonzero(takes_place & (rng.random(len(takes_place)) < MOVED))
    days = rng.integers(1, MOVED_BY_DAYS + 1, len(visit)) * np.where(rng.random(len(visit)) < 0.35, -1, 1)
    before = visits.day[visit] - days
    open_then = (weekday(before) != 6) & ~plan.calendar.new_year_holidays(before)
    visit, days = visit[open_then], days[open_then]
    starts_at = visits.starts_at[visit]
    was_starts_at = starts_at - days * DAY_US
    at = np.minimum(starts_at, was_starts_at) - rng.integers(24 * 60, 72 * 60, len(visit)) * MINUTE_US
    booked = np.full(len(visit), BOOKED)
    return Changes(visit, booked, booked, was_starts_at, starts_at, at)


def _confirmed(visits: Visits, rng: np.random.Generator) -> Changes:
    visit = np.flatnonzero(visits.status == CONFIRMED)
    at = visits.starts_at[visit] - rng.integers(20 * 60, 24 * 60 * 4, len(visit)) * MINUTE_US
    return _of(visits, visit, BOOKED, CONFIRMED, at)


def _cancelled(visits: Visits, rng: np.random.Generator) -> Changes:
    """Mostly on the day before, some weeks before, some in the last hour."""
    visit = np.flatnonzero(visits.status == CANCELLED)
    hours = np.clip(CANCELLED_BEFORE_HOURS * rng.lognormal(0.0, 1.2, len(visit)), 0.5, 24 * 14)
    at = visits.starts_at[visit] - (hours * 60).astype(np.int64) * MINUTE_US
    return _of(visits, visit, np.where(rng.random(len(visit)) < 0.3, CONFIRMED, BOOKED), CANCELLED, at)


def _missed(visits: Visits, rng: np.random.Generator) -> Changes:
    visit = np.flatnonzero(visits.status == NO_SHOW)
    at = visits.starts_at[visit] + rng.integers(20, 120, len(visit)) * MINUTE_US
    return _of(visits, visit, np.where(rng.random(len(visit)) < 0.4, CONFIRMED, BOOKED), NO_SHOW, at)
