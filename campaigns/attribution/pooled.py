"""Campaigns put together. Always campaign by campaign, then summed: adding up the patients of campaigns with
different hold-outs and different patients would compare unlike with unlike (Simpson's paradox)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from campaigns.attribution.groups import LEVEL, Group, Interval
from campaigns.attribution.money import mean_variance
from campaigns.attribution.shares import standard_error


@dataclass(frozen=True)
class Stratum:
    """One campaign: its treated and its hold-out, watched alike."""

    treated: Group
    holdout: Group

    @property
    def weight(self) -> float:
        """Mantel–Haenszel: n₁ · n₀ ÷ (n₁ + n₀); what a campaign can tell, not how large it is."""
        total = self.treated.n + self.holdout.n
        return self.treated.n * self.holdout.n / total if total else 0.0


@dataclass(frozen=True)
class Pooled:
    """`difference`: of the shares that came, common to the campaigns. `extra`: patients who came because of them, in
    all. `money_each`, `money`: ₽ per treated patient and in all. `chance`: p value that no campaign did anything.
    `unlike`: p value that all campaigns have one effect; below 0.05 they differ and the mean hides it.
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
    used = [stratum for stratum in strata if stratum.weight]
    if not used:
        return None
    z = float(stats.norm.ppf(0.5 + level / 2))
    treated = sum((stratum.treated for stratum in used), Group())
    holdout = sum((stratum.holdout for stratum in used), Group())
    money = _total(
        [_money(s) * s.treated.n for s in used], [_money_variance(s, z) * s.treated.n**2 for s in used], z
    )  # fmt: skip
    return Pooled(
        campaigns=len(used),
        treated=treated,
        holdout=holdout,
        difference=_common_difference(used, z),
        extra=_total([_share(s) * s.treated.n for s in used], [(_error(s) * s.treated.n) ** 2 for s in used], z),
        money_each=money.times(1 / treated.n),
        money=money,
        chance=_chance(used),
        unlike=_unlike(used),
    )


def _share(stratum: Stratum) -> float:
    return (stratum.treated.share or 0.0) - (stratum.holdout.share or 0.0)


def _error(stratum: Stratum) -> float:
    return standard_error(stratum.treated, stratum.holdout)


def _money(stratum: Stratum) -> float:
    return (stratum.treated.per_patient or 0.0) - (stratum.holdout.per_patient or 0.0)


def _money_variance(stratum: Stratum, z: float) -> float:
    both = stratum.treated + stratum.holdout
    return mean_variance(stratum.treated, both, z) + mean_variance(stratum.holdout, both, z)


def _total(values: Sequence[float], variances: Sequence[float], z: float) -> Interval:
    """A sum of independent estimates, each weighted by its treated patients: the effect on those written to."""
    value, half = math.fsum(values), z * math.sqrt(math.fsum(variances))
    return Interval(value, value - half, value + half)


def _common_difference(strata: Sequence[Stratum], z: float) -> Interval:
    """The Mantel–Haenszel risk difference with the variance of T. Sato (Biometrics 45 (1989) 1323–1324).

    Σ w_k d_k ÷ Σ w_k with w_k = n₁ n₀ ÷ N; consistent for few large and for many small campaigns alike.
    S. Greenland, J. Robins. Biometrics 41 (1985) 55–68.
    """
    weights = math.fsum(stratum.weight for stratum in strata)
    value = math.fsum(stratum.weight * _share(stratum) for stratum in strata) / weights
    p = q = 0.0
    for stratum in strata:
        n1, x1, n0, x0 = stratum.treated.n, stratum.treated.came, stratum.holdout.n, stratum.holdout.came
        total = n1 + n0
        p += (n1 * n1 * x0 - n0 * n0 * x1 + n1 * n0 * (n0 - n1) / 2) / total**2
        q += (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * total)
    half = z * math.sqrt(max(value * p + q, 0.0)) / weights
    return Interval(value, value - half, value + half)


def _chance(strata: Sequence[Stratum]) -> float:
    """Cochran–Mantel–Haenszel test with continuity correction (Mantel, Haenszel 1959): the pooled Fisher's exact."""
    excess = variance = 0.0
    for stratum in strata:
        n1, n0 = stratum.treated.n, stratum.holdout.n
        total, came = n1 + n0, stratum.treated.came + stratum.holdout.came
        excess += stratum.treated.came - n1 * came / total
        if total > 1:
            variance += n1 * n0 * came * (total - came) / (total**2 * (total - 1))
    if variance <= 0:
        return 1.0
    return float(stats.chi2.sf(max(abs(excess) - 0.5, 0.0) ** 2 / variance, 1))


def _unlike(strata: Sequence[Stratum]) -> float | None:
    """Cochran's Q over the campaigns (Cochran 1954); None of a single campaign."""
    if len(strata) < 2:
        return None
    weights = [1 / _error(stratum) ** 2 for stratum in strata]
    mean = math.fsum(w * _share(s) for w, s in zip(weights, strata, strict=True)) / math.fsum(weights)
    q = math.fsum(w * (_share(s) - mean) ** 2 for w, s in zip(weights, strata, strict=True))
    return float(stats.chi2.sf(q, len(strata) - 1))
