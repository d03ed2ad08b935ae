"""Whether a discount goes with coming again, and what valuable patients ask for. Pure: counts in, codes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segmentation.scoring import intervals
from segmentation.scoring.intervals import Interval, Stratum

Answer = Literal["sensitive", "one_visit", "same", "too_few"]

FEW = 30  # patients on either side; below it nothing is concluded


@dataclass(frozen=True)
class Sensitivity:
    """`full`, `cut`: shares who came again after paying the full price and after a discount; `change`: cut − full."""

    full: Interval | None
    cut: Interval | None
    change: Interval | None
    answer: Answer


def sensitivity(full_back: int, full_of: int, cut_back: int, cut_of: int) -> Sensitivity:
    """Patients are counted once, by their first visit of the window, so the two groups are independent.

    `sensitive`: more come again after a discount; `one_visit`: fewer do, the discount was all they came for; `same`: no
    difference is shown. Discounts are not dealt out by lot: this says who comes again, not what the discount did.
    """
    full, cut = intervals.share(full_back, full_of), intervals.share(cut_back, cut_of)
    change = intervals.difference(cut_back, cut_of, full_back, full_of)
    return Sensitivity(full, cut, change, _answer(change, min(full_of, cut_of)))


def sensitivity_within(strata: Sequence[Stratum]) -> Sensitivity:
    """The same within services and put together (intervals.stratified): cheap services of frequent use are discounted
    more often, and comparing all visits with all would take that for an effect. A stratum's first group had a discount;
    the shares are those over the same services, without bounds of their own."""
    found = intervals.stratified(strata)
    if found is None:
        return Sensitivity(None, None, None, "too_few")
    change, cut, full = found
    both = [one for one in strata if one.of and one.other_of]
    least = min(sum(one.of for one in both), sum(one.other_of for one in both))
    return Sensitivity(Interval(full, None, None), Interval(cut, None, None), change, _answer(change, least))


def _answer(change: Interval | None, least: int) -> Answer:
    if change is None or least < FEW:
        return "too_few"
    if change.above(0.0):
        return "sensitive"
    return "one_visit" if change.below(0.0) else "same"


@dataclass(frozen=True)
class Demand:
    """How many times as often valuable patients use a service as the others do."""

    mine: Interval
    others: Interval
    lift: Interval | None


def demand(mine: int, mine_of: int, others: int, others_of: int) -> Demand | None:
    """Shares of either group and the ratio of them; None while a group is empty."""
    one, other = intervals.share(mine, mine_of), intervals.share(others, others_of)
    if one is None or other is None:
        return None
    return Demand(one, other, intervals.ratio(mine, mine_of, others, others_of))
