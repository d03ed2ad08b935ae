"""One campaign: the estimates, and whether they may be believed."""

from dataclasses import dataclass
from enum import StrEnum

from campaigns.attribution.groups import LEVEL, Group, Interval
from campaigns.attribution.money import money_difference, payers_enough
from campaigns.attribution.shares import chance, share_difference

FEW_PATIENTS = 30  # in the smaller group
FEW_CAME = 5  # in both groups together


class Verdict(StrEnum):
    """What may be said. Only `gain` and `harm` may be believed, and only when every window has ended: whoever looks
    every night and stops at the first good one is fooled by chance several times as often as the 5 % they allow."""

    NOTHING_YET = "nothing_yet"  # no window has begun
    NO_HOLDOUT = "no_holdout"  # nothing can be proven, whatever came
    RUNNING = "running"  # figures so far
    SMALL = "small"  # too few to tell anything but a miracle
    GAIN = "gain"
    HARM = "harm"
    NOT_SHOWN = "not_shown"  # may be chance


@dataclass(frozen=True)
class Estimate:
    """Treated against hold-out. `difference` of the shares that came; `extra`: patients who came because of it;
    `money_each`, `money`: ₽ per treated patient and in all; None without a hold-out. `chance`: p value."""

    treated: Group
    holdout: Group
    verdict: Verdict
    difference: Interval | None = None
    extra: Interval | None = None
    money_each: Interval | None = None
    money: Interval | None = None
    chance: float | None = None
    money_rough: bool = True

    @property
    def returned(self) -> Interval | None:
        """₽ of extra money per ₽ of cost; None when it cost nothing."""
        if self.money is None or self.treated.cost <= 0:
            return None
        return self.money.times(1 / self.treated.cost)

    @property
    def believable(self) -> bool:
        return self.verdict in (Verdict.GAIN, Verdict.HARM)


def estimate(
    treated: Group, holdout: Group, *, complete: bool = True, planned_holdout: bool = True, level: float = LEVEL
) -> Estimate:
    """Compare. `complete`: every window has ended. `planned_holdout`: the campaign has a hold-out at all (one whose
    windows have not begun is "nothing yet"). `level`: of the intervals; wider when several are looked at together."""
    if not planned_holdout:
        verdict = Verdict.NO_HOLDOUT if treated.n else Verdict.NOTHING_YET
        return Estimate(treated, holdout, verdict)
    if not treated.n or not holdout.n:
        return Estimate(treated, holdout, Verdict.NOTHING_YET)
    difference = share_difference(treated, holdout, level)
    each = money_difference(treated, holdout, level)
    p = chance(treated, holdout)
    return Estimate(
        treated, holdout, _verdict(treated, holdout, difference, p, complete, level), difference,
        difference.times(treated.n), each, each.times(treated.n), p, not payers_enough(treated, holdout),
    )  # fmt: skip


def _verdict(treated: Group, holdout: Group, difference: Interval, p: float, complete: bool, level: float) -> Verdict:
    """Both the interval and the exact test must agree: together they call no more than 5 % of null campaigns real."""
    if not complete:
        return Verdict.RUNNING
    if difference.excludes_zero and p < 1 - level:
        return Verdict.GAIN if difference.value > 0 else Verdict.HARM
    if min(treated.n, holdout.n) < FEW_PATIENTS or treated.came + holdout.came < FEW_CAME:
        return Verdict.SMALL
    return Verdict.NOT_SHOWN
