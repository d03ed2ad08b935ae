"""Lines as lived by patients: who follows which line, with which doctor, on which days, until when."""

from typing import NamedTuple

import numpy as np

from patients.demo import catalogue, stories
from patients.demo.lines import FEMALE_ONLY, KIND_INDEX, KINDS, LINE_INDEX, LINES, MALE_ONLY, Line
from patients.demo.people import People
from patients.demo.plan import UPCOMING_DAYS, Plan

UPCOMING_RATE = 0.5  # share of the visits due in the next weeks that are booked already
LEADS_WHO_BOOK = 0.25
LEAVES_ALTOGETHER = 0.72  # who is lost to the main line is lost to the clinic


class Threads(NamedTuple):
    """One row per patient and line followed."""

    patient: np.ndarray
    line: np.ndarray
    doctor: np.ndarray
    first_day: np.ndarray
    planned: np.ndarray  # visits until the patient is lost
    course: np.ndarray  # visits of the course paid up front, 0 for none


class Steps(NamedTuple):
    """One row per visit that took place or is booked."""

    thread: np.ndarray
    step: np.ndarray
    day: np.ndarray
    last: np.ndarray


class Roster:
    """Who works where: draws doctors of a specialty at a branch by their share of the work."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}
        for specialty in {line.specialty for line in LINES} - {catalogue.DESK}:
            for branch in range(len(catalogue.BRANCHES)):
                found = [
                    (position, doctor.weight)
                    for position, doctor in enumerate(catalogue.DOCTORS)
                    if doctor.specialty == specialty and doctor.branch == branch
                ]
                weights = np.cumsum([weight for _, weight in found])
                self._members[specialty, branch] = np.array([p for p, _ in found]), weights / weights[-1]

    def draw(self, line: np.ndarray, branch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A doctor per row; -1 where none is needed (a certificate is sold at the desk)."""
        doctor = np.full(len(line), -1)
        u = rng.random(len(line))
        for number, spec in enumerate(LINES):
            if spec.specialty == catalogue.DESK:
                continue
            here = np.flatnonzero(line == number)
            for place in range(len(catalogue.BRANCHES)):
                rows = here[branch[here] == place]
                members, cumulative = self._members[spec.specialty, place]
                doctor[rows] = members[np.searchsorted(cumulative, u[rows], side="right")]
        return doctor


ROSTER = Roster()
_LOSING = next(i for i, doctor in enumerate(catalogue.DOCTORS) if doctor.code == stories.LOSING_DOCTOR)


def threads_and_steps(plan: Plan, people: People, rng: np.random.Generator) -> tuple[Threads, Steps]:
    main = _main_threads(people, rng)
    main_steps = _steps(plan, people, main, rng, np.full(len(main.patient), 10**6))
    others, cut = _other_threads(plan, people, main, main_steps, rng)
    other_steps = _steps(plan, people, others, rng, cut)
    threads = Threads(*(np.concatenate(pair) for pair in zip(main, others, strict=True)))
    other_steps = other_steps._replace(thread=other_steps.thread + len(main.patient))
    return threads, Steps(*(np.concatenate(pair) for pair in zip(main_steps, other_steps, strict=True)))


def _main_threads(people: People, rng: np.random.Generator) -> Threads:
    line_of_kind = np.array([LINE_INDEX.get(kind.line, -1) for kind in KINDS])
    line = line_of_kind[people.kind]
    # Some leads book a first visit; it is cancelled or missed (see visits).
    books = is_lead(people) & (rng.random(len(line)) < LEADS_WHO_BOOK)
    line = np.where(books, np.where(people.male, LINE_INDEX["hygiene"], LINE_INDEX["care"]), line)
    patient = np.flatnonzero(line >= 0)
    line = line[patient]
    first_day = people.registered[patient] + 1 + rng.exponential(4.0, len(patient)).astype(np.int64)
    doctor = ROSTER.draw(line, people.branch[patient], rng)
    first_loss, step_loss = _losses(people, patient, line)
    coupon = people.channel[patient] == catalogue.CHANNEL_INDEX[stories.ONE_OFF_CHANNEL]
    first_loss = np.where(coupon, np.maximum(first_loss, stories.ONE_OFF_CHANNEL_LOSS), first_loss)
    first_loss = np.where(doctor == _LOSING, first_loss + stories.LOSING_DOCTOR_EXTRA_LOSS, first_loss)
    threads = _planned(patient, line, doctor, first_day, first_loss, step_loss, rng)
    return threads._replace(planned=np.where(books[patient], 1, threads.planned))


def is_lead(people: People) -> np.ndarray:
    return people.kind == KIND_INDEX["lead"]


def _other_threads(
    plan: Plan, people: People, main: Threads, steps: Steps, rng: np.random.Generator
) -> tuple[Threads, np.ndarray]:
    """Those who came twice may take up other lines, and mostly drop them when they leave the main one."""
    came = (steps.day < plan.end) & (steps.step == 1)
    second_day = np.full(len(main.patient), -1)
    second_day[steps.thread[came]] = steps.day[came]
    last_day = np.zeros(len(main.patient), dtype=np.int64)
    last_day[steps.thread[steps.last]] = steps.day[steps.last]
    longest = np.array([line.longest for line in LINES])[main.line]
    leaves = (last_day > 0) & (main.planned < longest) & (rng.random(len(last_day)) < LEAVES_ALTOGETHER)
    leave_day = np.where(leaves, last_day + 20, 10**6)

    rows, lines = [], []
    for number, kind in enumerate(KINDS):
        candidates = np.flatnonzero((people.kind[main.patient] == number) & (second_day >= 0))
        for code, probability in kind.others:
            factor = np.where(people.vip[main.patient[candidates]], 1.9, 1.0)
            taken = candidates[rng.random(len(candidates)) < probability * factor]
            male = people.male[main.patient[taken]]
            taken = taken[~((male & (code in FEMALE_ONLY)) | (~male & (code in MALE_ONLY)))]
            rows.append(taken)
            lines.append(np.full(len(taken), LINE_INDEX[code]))
    row, line = np.concatenate(rows), np.concatenate(lines)
    patient = main.patient[row]
    first_day = second_day[row] + 3 + rng.exponential(70.0, len(row)).astype(np.int64)
    first_day = np.where(line == LINE_INDEX["certificate"], _before_holidays(plan, first_day, rng), first_day)
    first_loss, step_loss = _losses(people, patient, line)
    doctor = ROSTER.draw(line, people.branch[patient], rng)
    return _planned(patient, line, doctor, first_day, first_loss, step_loss, rng), leave_day[row]


def _before_holidays(plan: Plan, day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Certificates are bought before the New Year, 23 February and 8 March: move the day into the next such time."""
    reachable = np.minimum(day, plan.end + UPCOMING_DAYS)
    month = plan.calendar.month(reachable)
    waiting = np.where(month <= 3, 0, (12 - month) * 30)
    return day + waiting + rng.integers(0, 25, len(day))


def _losses(people: People, patient: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = np.array([spec.first_loss for spec in LINES])[line]
    step = np.array([spec.step_loss for spec in LINES])[line]
    unhappy, vip, hunter = people.unhappy[patient], people.vip[patient], people.hunter[patient]
    first = np.where(unhappy, first + 0.24, np.where(vip, first * 0.12, np.where(hunter, first * 0.7, first)))
    step = np.where(unhappy, step * 3.0, np.where(vip, step * 0.2, step))
    return first, step


def _planned(
    patient: np.ndarray,
    line: np.ndarray,
    doctor: np.ndarray,
    first_day: np.ndarray,
    first_loss: np.ndarray,
    step_loss: np.ndarray,
    rng: np.random.Generator,
) -> Threads:
    n = len(patient)
    longest = np.array([spec.longest for spec in LINES])[line]
    is_course = np.array([spec.package for spec in LINES])[line]
    longest = np.where(is_course, rng.integers(6, 9, n), longest)
    stays = rng.random(n) >= first_loss
    planned = np.minimum(np.where(stays, 1 + rng.geometric(np.clip(step_loss, 1e-4, 1.0)), 1), longest)
    # A trial session is paid singly; who goes on has bought the course.
    return Threads(patient, line, doctor, first_day, planned, np.where(is_course & (planned > 1), longest, 0))


def _steps(plan: Plan, people: People, threads: Threads, rng: np.random.Generator, cut: np.ndarray) -> Steps:
    none = np.zeros(0, dtype=np.int64)
    parts = [Steps(none, none, none, none.astype(bool))]
    for number, spec in enumerate(LINES):
        rows = np.flatnonzero(threads.line == number)
        if len(rows):
            parts.append(_line_steps(plan, people, threads, spec, rows, rng, cut))
    return Steps(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _line_steps(
    plan: Plan, people: People, threads: Threads, spec: Line, rows: np.ndarray, rng: np.random.Generator,
    cut: np.ndarray,
) -> Steps:  # fmt: skip
    patient = threads.patient[rows]
    cycle = spec.cycle * rng.lognormal(0.0, 0.6 * spec.spread, len(rows)) * np.where(people.vip[patient], 0.8, 1.0)
    horizon = plan.end + UPCOMING_DAYS - plan.start
    reach = min(int(threads.planned[rows].max()), int(horizon / (0.35 * spec.cycle)) + 2)
    gaps = rng.lognormal(0.0, spec.spread, (len(rows), reach)).astype(np.float32) * cycle[:, None].astype(np.float32)
    gaps[:, 0] = 0
    days = threads.first_day[rows, None] + np.maximum(np.cumsum(gaps, axis=1), np.arange(reach)).astype(np.int64)
    step = np.broadcast_to(np.arange(reach), days.shape)
    takes_place = (step < threads.planned[rows, None]) & (days <= plan.end + UPCOMING_DAYS) & (days < cut[rows, None])
    future = takes_place & (days >= plan.end)
    booked = rng.random(len(rows)) < np.where(threads.first_day[rows] >= plan.end, 0.85, UPCOMING_RATE)
    takes_place &= ~future | ((np.cumsum(future, axis=1) == 1) & booked[:, None])
    takes_place &= _kept(plan, people, spec, patient, days, step, rng)
    last = takes_place & (step == threads.planned[rows, None] - 1)
    where, _ = np.nonzero(takes_place)
    return Steps(rows[where], step[takes_place], days[takes_place], last[takes_place])


def _kept(
    plan: Plan, people: People, spec: Line, patient: np.ndarray, days: np.ndarray, step: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Visits that do not fall out: summer pauses, VIPs turned cold, children grown up."""
    cold = days > people.cold_since[patient, None]
    chance = np.where(cold, stories.COLD_KEPT_VISITS, 1.0).astype(np.float32)
    if spec.summer < 1:
        within = np.minimum(days, plan.end + UPCOMING_DAYS)
        chance *= np.where(np.isin(plan.calendar.month(within), (7, 8)) & (step > 0), spec.summer, 1.0)
    if spec.code == "kids":
        chance *= days < people.birth[patient, None] + round(17.9 * 365.25)
    return rng.random(days.shape, dtype=np.float32) < chance
