"""What a patient of an acquisition channel costs and brings. Pure: counts, sums and arrays in, estimates out.

    cost of acquisition, ₽ = spend of the period ÷ new patients of the period
    return, ₽ per ₽       = worth of all new patients ÷ spend = LTV ÷ cost of acquisition

Spend is a fact, patients are chance: how many came is a Poisson count, so the cost lies between spend ÷ upper and
spend ÷ lower bound of the count (Garwood 1936). The return is bounded by the bootstrap of the sum, in which both the
number of patients and their money vary (see intervals.total).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segmentation.scoring import intervals
from segmentation.scoring.intervals import Floats, Interval

Verdict = Literal["one_offs", "pays", "loses", "unsure", "too_few", "no_spend"]

FEW = 30  # patients; below it nothing is concluded
# A patient who came once may still come again. Who came first this long ago has had the time to.
WATCHED_DAYS = 183
# A forecast of the past that missed less than this of what it expected is believed: see reports/ltv/calibration.
NOTABLE_MISS = 0.10
# A channel brings one-off patients when their share is surely higher than elsewhere, and by so much at least.
MORE_ONE_OFFS = 0.10


@dataclass(frozen=True)
class Cohort:
    """New patients of a channel. `worth`: ₽ of each, any order. `watched`: how many first came WATCHED_DAYS ago or
    more; `once`: how many of them came on one day only. `spend`: ₽ of the same months, None when none was entered."""

    worth: Floats
    watched: int
    once: int
    spend: float | None

    @property
    def patients(self) -> int:
        return len(self.worth)


@dataclass(frozen=True)
class Check:
    """What was expected of the patients of a channel on a day of the past and what has happened since: visits and ₽.
    `low`, `high`, `money_low`, `money_high`: what chance allows of what happened. Money is None without a bill."""

    expected_visits: float
    actual_visits: int
    low: float
    high: float
    expected_money: float | None
    actual_money: float
    money_low: float | None
    money_high: float | None

    @property
    def factor(self) -> float | None:
        """What happened ÷ what was expected, where more than chance and NOTABLE_MISS lie between; else None.

        Money, because worth is money; where money proves nothing, visits, which scatter less.
        """
        if self.expected_money and self.money_low is not None and self.money_high is not None:
            found = _ratio(self.expected_money, self.actual_money, self.money_low, self.money_high)
            if found is not None:
                return found
        return _ratio(self.expected_visits, self.actual_visits, self.low, self.high)


def _ratio(expected: float, actual: float, low: float, high: float) -> float | None:
    if expected <= 0 or low <= expected <= high or abs(actual / expected - 1) < NOTABLE_MISS:
        return None
    return max(actual / expected, 0.0)


@dataclass(frozen=True)
class Judged:
    """`cost` of acquisition, ₽; `worth` per patient, ₽; `returned`: ₽ per ₽ spent; `once`: share of one-offs."""

    verdict: Verdict
    cost: Interval | None
    worth: Interval | None
    returned: Interval | None
    once: Interval | None
    once_elsewhere: Interval | None
    worth_elsewhere: Interval | None


def cost_of_acquisition(spend: float, patients: int) -> Interval | None:
    """Spend ÷ patients with the exact Poisson bounds of the count; None when nobody came: it is then unbounded."""
    if not patients:
        return None
    bounds = intervals.count(patients)
    assert bounds.low and bounds.high
    return Interval(spend / patients, spend / bounds.high, spend / bounds.low)


def judge(mine: Cohort, others: Sequence[Cohort]) -> Judged:
    """A channel against the rest of the new patients.

    In this order: nothing entered as spend; fewer than FEW patients; one-off patients (the whole interval of their
    share above that of the others, by MORE_ONE_OFFS at least, and the whole interval of the worth below the others');
    then by the interval of the return: wholly above 1 pays, wholly below 1 does not, else unsure. One-off patients
    come before the return: cheap patients pay back at once and never come again, and the average hides that.
    """
    rest = np.concatenate([other.worth for other in others]) if others else np.empty(0)
    found = intervals.total(mine.worth)
    worth, whole = found if found else (None, None)
    once = intervals.share(mine.once, mine.watched)
    elsewhere = intervals.share(sum(other.once for other in others), sum(other.watched for other in others))
    worth_elsewhere = intervals.mean(rest)
    paid = mine.spend or None
    cost = cost_of_acquisition(paid, mine.patients) if paid else None
    returned = _times(whole, 1 / paid) if whole and paid else None
    few = mine.patients < FEW
    one_offs = not few and mine.watched >= FEW and _brings_one_offs(once, elsewhere, worth, worth_elsewhere)
    return Judged(
        _verdict(few, one_offs, returned), cost, worth, returned, once, elsewhere, worth_elsewhere
    )  # fmt: skip


def _times(interval: Interval, factor: float) -> Interval:
    low, high = (bound if bound is None else bound * factor for bound in (interval.low, interval.high))
    return Interval(interval.value * factor, low, high)


def _brings_one_offs(
    once: Interval | None, elsewhere: Interval | None, worth: Interval | None, worth_elsewhere: Interval | None
) -> bool:
    if not (once and elsewhere and worth and worth_elsewhere):
        return False
    more = once.above(elsewhere.high or 1.0) and once.value >= elsewhere.value + MORE_ONE_OFFS
    return more and worth_elsewhere.low is not None and worth.below(worth_elsewhere.low)


def _verdict(few: bool, one_offs: bool, returned: Interval | None) -> Verdict:
    if one_offs:
        return "one_offs"
    if returned is None:
        return "no_spend"
    if few:
        return "too_few"
    if returned.above(1.0):
        return "pays"
    return "loses" if returned.below(1.0) else "unsure"


def cumulated(money: Floats, watched: Floats) -> Floats:
    """What a new patient has brought by the end of each month after the first visit, ₽.

    `money[k]`: Σ paid in month k by those watched through it to its end; `watched[k]`: how many they are. The mean of
    each month is of those who could be watched through it, so young patients do not pull the later months down (Lin et
    al., Biometrics 53, 1997, the estimator by intervals, without deaths). Ends with the first month nobody was watched.
    """
    seen = int(np.argmax(watched <= 0)) if np.any(watched <= 0) else len(watched)
    return np.cumsum(money[:seen] / watched[:seen])


def payback_months(curve: Floats, cost: float) -> int | None:
    """The first month by whose end the mean patient has brought what they cost (1: within the first month); None: not
    within what can be watched."""
    reached = np.flatnonzero(curve >= cost)
    return int(reached[0]) + 1 if len(reached) else None
