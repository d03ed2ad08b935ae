"""Whether a discount goes with coming again, and what valuable patients ask for. Pure: counts in, codes out."""

from dataclasses import dataclass
from typing import Literal

from segmentation.scoring import intervals
from segmentation.scoring.intervals import Interval

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
    answer: Answer = "same"
    if change is None or min(full_of, cut_of) < FEW:
        answer = "too_few"
    elif change.above(0.0):
        answer = "sensitive"
    elif change.below(0.0):
        answer = "one_visit"
    return Sensitivity(full, cut, change, answer)


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
