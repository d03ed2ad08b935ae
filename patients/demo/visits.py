"""The visits of a block: completed, cancelled, missed and upcoming ones, in working hours of their branch."""

from typing import NamedTuple

import numpy as np

from patients.demo import catalogue
from patients.demo.lines import LINES
from patients.demo.people import People
from patients.demo.plan import Plan, weekday
from patients.demo.threads import ROSTER, Steps, Threads, is_lead

STATUSES = np.array([b"booked", b"confirmed", b"completed", b"cancelled", b"no_show"])
BOOKED, CONFIRMED, COMPLETED, CANCELLED, NO_SHOW = range(5)
OWN_DOCTOR = 0.86  # share of visits with the doctor of the first one
OTHER_BRANCH = 0.05  # share of Moscow visits at the other Moscow branch


class Visits(NamedTuple):
    """Sorted by patient and moment; `thread` and `step` tell what the visit belongs to."""

    patient: np.ndarray
    thread: np.ndarray
    line: np.ndarray
    step: np.ndarray
    day: np.ndarray
    starts_at: np.ndarray
    branch: np.ndarray
    doctor: np.ndarray  # -1 for none
    status: np.ndarray
    return_due: np.ndarray  # day number, 0 for none


def visits(plan: Plan, people: People, threads: Threads, steps: Steps, rng: np.random.Generator) -> Visits:
    thread, step, day, held = _with_missed(plan, people, threads, steps, rng)
    patient, line = threads.patient[thread], threads.line[thread]
    branch = _branches(people.branch[patient], step, rng)
    day = _working_days(plan, day, people.registered[patient] + 1, branch, rng)
    status = _statuses(plan, day, held, rng)
    # A cancelled or missed visit lies in the past; what moved past the end has not happened.
    keep = held | (day < plan.end)
    doctor = _doctors(threads, thread, line, branch, people.branch[patient], step, rng)
    starts_at = plan.calendar.moment(day, _minutes(branch, day, rng), branch)
    return_due = _return_due(line, day, status, rng)
    order = np.lexsort((starts_at, patient))
    order = order[keep[order]]
    columns = (patient, thread, line, step, day, starts_at, branch, doctor, status, return_due)
    return Visits(*(column[order] for column in columns))


def _with_missed(
    plan: Plan, people: People, threads: Threads, steps: Steps, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Add the visits that were booked and did not happen: before one that did, or after the last one."""
    rate = people.missed_per_visit[threads.patient[steps.thread]]
    before = np.flatnonzero((rng.random(len(rate)) < rate) & (steps.day < plan.end))
    after = np.flatnonzero(steps.last & (rng.random(len(rate)) < 0.10) & (steps.day < plan.end))
    cycle = np.array([line.cycle for line in LINES])[threads.line[steps.thread[after]]]
    after_day = steps.day[after] + (cycle * rng.lognormal(0.0, 0.2, len(after))).astype(np.int64)
    thread = np.concatenate([steps.thread, steps.thread[before], steps.thread[after]])
    step = np.concatenate([steps.step, steps.step[before], steps.step[after]])
    day = np.concatenate([steps.day, steps.day[before] - rng.integers(1, 9, len(before)), after_day])
    held = (np.arange(len(thread)) < len(steps.thread)) & (
        ~is_lead(people)[threads.patient[thread]] | (day >= plan.end)
    )
    soon = day <= plan.end + 60
    return thread[soon], step[soon], day[soon], held[soon]


def _branches(home: np.ndarray, step: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    elsewhere = (home < 2) & (step > 0) & (rng.random(len(home)) < OTHER_BRANCH)
    return np.where(elsewhere, 1 - home, home)


def _working_days(
    plan: Plan, day: np.ndarray, earliest: np.ndarray, branch: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Away from the New Year holidays and, wholly or partly, from Sundays."""
    day = _after_holidays(plan, np.maximum(day, earliest))
    sundays = np.array([place.sundays for place in catalogue.BRANCHES])[branch]
    moved = (weekday(day) == 6) & (~sundays | (rng.random(len(day)) < 0.5))
    aside = np.where(rng.random(len(day)) < 0.5, -1, 1)
    # Only forward when the day before is a holiday or before the patient is known.
    aside = np.where(plan.calendar.new_year_holidays(day - 1) | (day - 1 < earliest), 1, aside)
    # A New Year's Eve on Sunday may have been moved into the holidays again.
    return _after_holidays(plan, np.where(moved, day + aside, day))


def _after_holidays(plan: Plan, day: np.ndarray) -> np.ndarray:
    return np.where(plan.calendar.new_year_holidays(day), day + 3, day)


def _statuses(plan: Plan, day: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    u = rng.random(len(day))
    upcoming = np.where((day <= plan.end + 3) & (u < 0.8) | (u < 0.3), CONFIRMED, BOOKED)
    missed = np.where(u < 0.6, CANCELLED, NO_SHOW)
    return np.where(held, np.where(day < plan.end, COMPLETED, upcoming), missed)


def _doctors(
    threads: Threads, thread: np.ndarray, line: np.ndarray, branch: np.ndarray, home: np.ndarray, step: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    changed = (branch != home) | ((step > 0) & (rng.random(len(thread)) >= OWN_DOCTOR))
    doctor = threads.doctor[thread]
    rows = np.flatnonzero(changed)
    doctor[rows] = ROSTER.draw(line[rows], branch[rows], rng)
    return doctor


def _minutes(branch: np.ndarray, day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slots of 15 minutes between opening and an hour before closing; evenings are fuller on weekdays."""
    opens = np.array([place.opens for place in catalogue.BRANCHES])[branch]
    closes = np.array([place.closes for place in catalogue.BRANCHES])[branch]
    u = rng.random(len(day))
    u = np.where(weekday(day) < 5, u**0.8, u)
    return opens * 60 + (u * ((closes - opens - 1) * 4 + 1)).astype(np.int64) * 15


def _return_due(line: np.ndarray, day: np.ndarray, status: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The doctor's word, in round intervals."""
    word = np.array([spec.word for spec in LINES])[line]
    cycle = np.array([spec.cycle for spec in LINES])[line]
    rounded = np.where(cycle < 45, np.round(cycle / 7) * 7, np.round(cycle / 30) * 30).astype(np.int64)
    said = (status == COMPLETED) & (rng.random(len(line)) < word)
    return np.where(said, day + rounded, 0)
