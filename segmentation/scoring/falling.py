"""Whose value is falling: much less is expected of a patient than the same patient used to bring.

    was      = money before the last 365 days ÷ years from the first visit to then, ₽ a year
    expected = visits ahead × bill ahead, ₽ of the 12 months to come

    visits ahead = P(alive) × the visits of 12 months that the model of visits expects of one who has not left;
                   not more than in the last 365 days, where these are so few that chance does not explain it
    bill ahead   = the bill the model expects; not more than the mean of the last 365 days, given a few visits in them

The models are averages over all the time with the clinic: by themselves they see a patient fall silent, and nothing
else. What the last year says is therefore taken where it says less. A patient who has an appointment, or for whom
nothing is due yet, is no less alive for being silent: then P(alive) counts as 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr

from segmentation.scoring.hysteresis import Floats

SEGMENTS = ("falling", "steady")
REASONS = ("silent", "comes_rarer", "pays_less")
BACK = "as_before"
YEAR, DAYS_IN_YEAR = 365, 365.25
# A cause is named when it makes this share of the fall.
NAMED_SHARE = 1 / 3
# Who has been found to fall needs so much more chance as an explanation before the rhythm counts as usual again.
CHANCE_EASE = 2
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Patience:
    """How much must be lost before it is called a fall.

    `drop`: share of the yearly money, 0..1. `least_money`: ₽ a year at stake. `least_visits` and `least_past_days`: the
    past before the last 365 days from which a patient's own measure can be taken. `gone_after_days`: longer without a
    visit, a patient is not falling but gone. `chance`: visits rarer than before are taken for a change when chance
    would bring so few with less than this probability. `margin`: relative margin of every border, for hysteresis.
    """

    drop: float
    least_money: float
    least_visits: float
    least_past_days: float
    gone_after_days: float
    chance: float
    margin: float


@dataclass(frozen=True)
class Past:
    """What is known of each patient. Dates are day numbers, money ₽; NaN: none."""

    first_visit_on: Floats
    last_visit_on: Floats
    next_visit_on: Floats
    due_on: Floats
    visits: Floats
    visit_days: Floats
    visits_365: Floats
    money: Floats
    money_365: Floats
    p_alive: Floats
    visits_12m: Floats
    bill: Floats


@dataclass(frozen=True)
class Judgement:
    """`segments`: index into SEGMENTS, −1 where nothing can be said. `parts`: how much of the fall is due to each of
    REASONS, as logarithms of a ratio (a column each); they say why and do not add up to the whole."""

    segments: NDArray[np.int8]
    was: Floats
    expected: Floats
    parts: Floats

    def reasons(self, row: int) -> list[str]:
        """Codes of what makes the fall, the largest first."""
        parts = self.parts[row]
        order = np.argsort(-parts, kind="stable")
        named = [REASONS[i] for i in order if parts[i] >= max(NAMED_SHARE * parts.sum(), 1e-9)]
        return named or [REASONS[0]]


def judge(past: Past, was_falling: Mask, as_of: float, patience: Patience) -> Judgement:
    """Who is falling, who is steady, and of whom nothing can be said.

    Judged is who came at least `least_visits` days in at least `least_past_days` before the last 365 days, paid then,
    has been here within `gone_after_days`, and has a forecast. Falling: `expected` < (1 − drop) × `was`, and
    `was` − `expected` ≥ `least_money`; who was falling stays so until either border is passed by `margin`.
    """
    days_per_visit = past.visit_days / np.maximum(past.visits, 1)
    days_now = past.visits_365 * days_per_visit
    days_before = past.visit_days - days_now
    money_before = past.money - past.money_365
    past_days = as_of - YEAR - past.first_visit_on
    years = np.maximum(past_days, 1) / DAYS_IN_YEAR
    judged = (
        (past_days >= patience.least_past_days)
        & (days_before >= patience.least_visits - 1e-9)
        & (money_before > 0)
        & (as_of - past.last_visit_on <= patience.gone_after_days)
        & ~np.isnan(past.p_alive + past.visits_12m + past.bill)
    )
    was = money_before / years
    alive = np.where((past.next_visit_on >= as_of) | (past.due_on >= as_of), 1.0, past.p_alive)
    modelled = alive * past.visits_12m / np.maximum(past.p_alive, 1e-12)
    visits = np.where(
        _rarer(days_now, days_before / years, was_falling, patience), np.fmin(modelled, days_now), modelled
    )
    before = money_before / np.maximum(days_before, 1e-9)
    now = np.maximum(past.money_365, 0) / np.maximum(days_now, 1e-9)
    enough = days_now >= patience.least_visits - 1e-9
    bill = np.where(enough, np.fmin(past.bill, now), past.bill)
    expected = visits * bill
    ease = np.where(was_falling, patience.margin, 0.0)
    falls = (expected < (1 - patience.drop) * (1 + ease) * was) & (was - expected >= patience.least_money * (1 - ease))
    parts = np.column_stack([
        -_log(alive), _log(modelled) - _log(visits), np.where(enough, np.maximum(_log(before) - _log(bill), 0), 0)
    ])  # fmt: skip
    segments = np.where(judged, np.where(falls, 0, 1), -1).astype(np.int8)
    return Judgement(segments, was, expected, parts)


def _rarer(days_now: Floats, yearly: Floats, was_falling: Mask, patience: Patience) -> Mask:
    """Whether visits as often as before would hardly ever have left so few days with a visit in 365: the lower tail of
    the Poisson distribution. A broken number of days (several visits on one day, on average) is rounded up."""
    chance = patience.chance * np.where(was_falling, CHANCE_EASE, 1)
    tail = pdtr(np.ceil(days_now - 1e-9), np.maximum(yearly, 0))
    return np.asarray(tail < chance)


def _log(values: Floats) -> Floats:
    """Zero visits and zero bills are as good as a millionth: the logarithm must stay a number."""
    return np.log(np.maximum(np.nan_to_num(values), 1e-6))
