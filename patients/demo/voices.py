"""What patients said about the clinic, and what they allowed it to do."""

import datetime
from typing import NamedTuple

import numpy as np

from patients.demo import catalogue, stories
from patients.demo.comments import COMPLAINTS, CONTENT, DISCONTENT, IN_BETWEEN
from patients.demo.people import People
from patients.demo.plan import DAY_US, MINUTE_US, Plan, day_number
from patients.demo.threads import is_lead
from patients.demo.visits import COMPLETED, Visits

ANSWER_RATE = 0.13  # answers per completed visit
NO_SCORE = -1
COMMENTS = np.array([text.encode() for text in ("", *CONTENT, *IN_BETWEEN, *DISCONTENT, *COMPLAINTS)])

CHANNELS = np.array([b"sms", b"call", b"email", b"messenger", b"push"])
PURPOSES = np.array([b"service", b"marketing"])
# Share of patients with a word on the channel, by purpose, and of the words that are a refusal.
ASKED = {"service": (0.97, 0.9, 0.9, 0.6, 0.25), "marketing": (0.78, 0.55, 0.8, 0.5, 0.2)}
REFUSED = {"service": 0.01, "marketing": 0.10}
WITHDRAWN = {"service": 0.006, "marketing": 0.09}
OBTAINED_BY = np.array([text.encode() for text in ("Стойка администратора", "Сайт", "Приложение", "Колл-центр")])
# Texts of the consent and the day from which each was in use.
TEXT_VERSIONS = np.array([b"2018-05", b"2022-09", b"2025-05", b"2025-09"])
_IN_USE_SINCE = (datetime.date(2022, 9, 1), datetime.date(2025, 5, 30), datetime.date(2025, 9, 1))


class Answers(NamedTuple):
    visit: np.ndarray
    patient: np.ndarray
    score: np.ndarray  # NO_SCORE for a complaint without one
    comment: np.ndarray  # position in COMMENTS
    complaint: np.ndarray
    given_at: np.ndarray


class Words(NamedTuple):
    """Consents: each word said, valid from `at` to `until` (0: still)."""

    patient: np.ndarray
    channel: np.ndarray
    purpose: np.ndarray
    granted: np.ndarray
    text_version: np.ndarray
    source: np.ndarray
    at: np.ndarray
    until: np.ndarray


def answers(plan: Plan, people: People, visits: Visits, rng: np.random.Generator) -> Answers:
    """Answers follow the patient's satisfaction and the doctor's; complaints come from low ones and from hunters."""
    done = visits.status == COMPLETED
    u = rng.random(len(done))
    grumbles = done & people.hunter[visits.patient] & (rng.random(len(done)) < stories.HUNTER_COMPLAINT_RATE)
    visit = np.flatnonzero((done & (u < ANSWER_RATE)) | grumbles)
    n, patient = len(visit), visits.patient[visit]
    quality = np.append([doctor.quality for doctor in catalogue.DOCTORS], 0.0)[visits.doctor[visit]]
    score = np.clip(np.round(people.satisfaction[patient] + quality + rng.normal(0, 0.9, n)), 0, 10).astype(np.int64)
    grumble = grumbles[visit]
    score = np.where(grumble, np.minimum(score, rng.integers(1, 6, n)), score)
    complaint = grumble | ((score <= 4) & (rng.random(n) < 0.45))
    score = np.where(complaint & (rng.random(n) < 0.25), NO_SCORE, score)
    day = visits.day[visit] + rng.integers(1, 4, n)
    given_at = plan.calendar.moment(day, rng.integers(9 * 60, 22 * 60, n), visits.branch[visit])
    told = day < plan.end
    columns = (visit, patient, score, _comments(score, complaint, rng), complaint, given_at)
    return Answers(*(column[told] for column in columns))


def _comments(score: np.ndarray, complaint: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sizes = np.array([len(CONTENT), len(IN_BETWEEN), len(DISCONTENT), len(COMPLAINTS)])
    firsts = 1 + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    mood = np.where(complaint, 3, np.where(score >= 9, 0, np.where(score >= 7, 1, 2)))
    chosen = firsts[mood] + (rng.random(len(score)) * sizes[mood]).astype(np.int64)
    writes = rng.random(len(score)) < np.array([0.3, 0.3, 0.5, 0.95])[mood]
    return np.where(writes, chosen, 0)


def consents(plan: Plan, people: People, rng: np.random.Generator) -> Words:
    """A word per channel and purpose from those who were asked; some take it back later."""
    parts = []
    for purpose_number, purpose in enumerate(("service", "marketing")):
        for channel_number, asked in enumerate(ASKED[purpose]):
            reachable = _reachable(people, channel_number)
            patient = np.flatnonzero(reachable & (rng.random(len(reachable)) < asked * _lead_factor(people)))
            parts.append(_words(plan, people, patient, channel_number, purpose_number, purpose, rng))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[6], columns[2], columns[1], columns[0]))
    return Words(*(column[order] for column in columns))


def _reachable(people: People, channel: int) -> np.ndarray:
    return people.email != b"" if CHANNELS[channel] == b"email" else people.phone != b""


def _lead_factor(people: People) -> np.ndarray:
    return np.where(is_lead(people), 0.7, 1.0)


def _words(
    plan: Plan, people: People, patient: np.ndarray, channel: int, purpose_number: int, purpose: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    n = len(patient)
    at = people.registered_at[patient] + rng.integers(1, 15, n) * MINUTE_US
    granted = rng.random(n) >= REFUSED[purpose]
    source = rng.choice(len(OBTAINED_BY), n, p=[0.62, 0.2, 0.1, 0.08])
    withdrawn_at = at + rng.integers(5 * 1440, 900 * 1440, n) * MINUTE_US
    annoyed = np.where(people.unhappy[patient], 2.5, 1.0)
    withdraws = granted & (rng.random(n) < WITHDRAWN[purpose] * annoyed) & (withdrawn_at < (plan.end - 1) * DAY_US)
    again = np.flatnonzero(withdraws)
    until = np.where(withdraws, withdrawn_at, 0)
    moments = np.concatenate([at, withdrawn_at[again]])
    total = n + len(again)
    return (
        np.concatenate([patient, patient[again]]), np.full(total, channel), np.full(total, purpose_number),
        np.concatenate([granted, np.zeros(len(again), dtype=bool)]), _text_versions(moments),
        np.concatenate([source, np.full(len(again), 3)]), moments, np.concatenate([until, np.zeros(len(again), int)]),
    )  # fmt: skip


def _text_versions(moments: np.ndarray) -> np.ndarray:
    since = np.array([day_number(day) * DAY_US for day in _IN_USE_SINCE])
    return np.searchsorted(since, moments, side="right")
