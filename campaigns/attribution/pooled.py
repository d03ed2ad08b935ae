"""Campaigns put together. Always campaign by campaign, then summed: adding up the patients of campaigns with
different hold-outs and different patients would compare unlike with unlike (Simpson's paradox).

Every campaign weighs as many as it wrote to. So the mean difference, the extra patients and the extra money of all are
the sums of those of the campaigns, whether or not the campaigns have one effect; with the same hold-out percentage
everywhere these weights are those of Mantel and Haenszel (n₁n₀ ÷ N).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from campaigns.attribution.groups import LEVEL, Group, Interval
from campaigns.attribution.money import mean_variance
from campaigns.attribution.shares import border, restricted_variance, standard_error


@dataclass(frozen=True)
class Stratum:
    """One campaign: its treated and its hold-out, watched alike."""

    treated: Group
    holdout: Group

    @property
    def complete(self) -> bool:
        return bool(self.treated.n and self.holdout.n)

    @property
    def difference(self) -> float:
        """Of the shares that came."""
        return self.treated.came / self.treated.n - self.holdout.came / self.holdout.n


@dataclass(frozen=True)
class Pooled:
    """`difference`: of the shares that came, the mean over all who were written to. `extra`: patients who came because
    of the campaigns, in all. `money_each`, `money`: ₽ per treated patient and in all. `chance`: p value that nothing
    was done. `unlike`: p value that all campaigns have one effect; below 0.05 they differ and the mean hides it.
    """

    campaigns: int
    treated: Group
    holdout: Group
    difference: Interval
    extra: Interval
    money_each: Interval
    money: Interval
    chance: float
    unlike: float | None

    @property
    def cost(self) -> float:
        return self.treated.cost

    @property
    def real(self) -> bool:
        return self.difference.excludes_zero and self.chance < 1 - LEVEL


def pooled(strata: Sequence[Stratum], level: float = LEVEL) -> Pooled | None:
    """Every campaign with patients in both groups; None when there is none."""
    used = [stratum for stratum in strata if stratum.complete]
    if not used:
        return None
    z = float(stats.norm.ppf(0.5 + level / 2))
    treated = sum((stratum.treated for stratum in used), Group())
    holdout = sum((stratum.holdout for stratum in used), Group())
    difference = _difference(used, treated.n, z)
    money = _money(used, z)
    return Pooled(
        campaigns=len(used),
        treated=treated,
        holdout=holdout,
        difference=difference,
        extra=difference.times(treated.n),
        money_each=money.times(1 / treated.n),
        money=money,
        chance=_chance(used, treated.n),
        unlike=_unlike(used),
    )


def _difference(strata: Sequence[Stratum], treated: int, z: float) -> Interval:
    """Σ n₁ d ÷ Σ n₁ with the stratified score interval of Miettinen and Nurminen (1985, section 5).

    The bounds are the common differences at which the weighted sum lies z restricted standard errors off. Of a single
    campaign it is the interval of `share_difference`.
    """
    value = _mean(strata, treated)

    def score(supposed: float) -> float:
        gap, variance = value - supposed, _variance(strata, treated, supposed)
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    return Interval(value, border(score, value, -1.0, z), border(score, value, 1.0, z))


def _mean(strata: Sequence[Stratum], treated: int) -> float:
    return math.fsum(stratum.treated.n * stratum.difference for stratum in strata) / treated


def _variance(strata: Sequence[Stratum], treated: int, supposed: float) -> float:
    return math.fsum(
        (stratum.treated.n / treated) ** 2 * restricted_variance(stratum.treated, stratum.holdout, supposed)
        for stratum in strata
    )


def _chance(strata: Sequence[Stratum], treated: int) -> float:
    """The score test of no difference with continuity correction: half of the step the sum takes when one patient who
    came moves from one group to the other, N ÷ n₀, in the mean over the campaigns (Yates 1934; Mantel, Haenszel 1959).
    """
    variance = _variance(strata, treated, 0.0)
    if variance <= 0:
        return 1.0
    steps = (s.treated.n * (s.treated.n + s.holdout.n) / s.holdout.n for s in strata)
    step = math.fsum(steps) / treated / treated
    off = max(abs(_mean(strata, treated)) - step / 2, 0.0) / math.sqrt(variance)
    return float(2 * stats.norm.sf(off))


def _money(strata: Sequence[Stratum], z: float) -> Interval:
    """Σ over the campaigns of money per patient, treated minus held-out, × those written to, ₽."""
    value, variance = 0.0, 0.0
    for stratum in strata:
        one, two = stratum.treated, stratum.holdout
        value += one.n * (one.money / one.n - two.money / two.n)
        variance += one.n**2 * (mean_variance(one, one + two, z) + mean_variance(two, one + two, z))
    half = z * math.sqrt(variance)
    return Interval(value, value - half, value + half)


def _unlike(strata: Sequence[Stratum]) -> float | None:
    """Cochran's Q over the campaigns (Cochran 1954); None of a single campaign."""
    if len(strata) < 2:
        return None
    weights = [standard_error(stratum.treated, stratum.holdout) ** -2 for stratum in strata]
    mean = math.fsum(w * s.difference for w, s in zip(weights, strata, strict=True)) / math.fsum(weights)
    q = math.fsum(w * (s.difference - mean) ** 2 for w, s in zip(weights, strata, strict=True))
    return float(stats.chi2.sf(q, len(strata) - 1))
