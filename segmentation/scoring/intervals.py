"""Estimates with the bounds between which the truth lies 95 times in 100. Counts and values in, numbers out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEVEL = 0.95
# Money of patients is skewed: below this many the bootstrap, from here on the central limit theorem serves. With a
# skewness of 5 (a log-normal bill of σ ≈ 1.1) the third moment then shifts a bound by 5 × (z² + 2) ÷ (6√n) ≈ 0.1 of a
# standard error at most (Johnson, JASA 73, 1978).
MANY = 2_000
RESAMPLES = 1_000
SEED = 20_050_401


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds; a bound that is not known is None."""

    value: float
    low: float | None
    high: float | None

    def above(self, border: float) -> bool:
        """Whether the whole interval lies above."""
        return self.low is not None and self.low > border

    def below(self, border: float) -> bool:
        return self.high is not None and self.high < border


def z_of(level: float = LEVEL) -> float:
    return float(stats.norm.ppf(0.5 + level / 2))


def share(came: int, of: int, level: float = LEVEL) -> Interval | None:
    """A share by Wilson's score interval (Wilson, JASA 22, 1927); None of nobody. Covers well from ten people on."""
    if not of:
        return None
    z, p = z_of(level), came / of
    centre, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    # The score equation has the exact roots 0 and 1 at its ends; rounding must not move them.
    low = 0.0 if came == 0 else max((centre - half) / (1 + z * z / of), 0.0)
    high = 1.0 if came == of else min((centre + half) / (1 + z * z / of), 1.0)
    return Interval(p, low, high)


def count(events: int, level: float = LEVEL) -> Interval:
    """The mean of a Poisson count, exact (Garwood, Biometrika 28, 1936): quantiles of χ² ÷ 2 with 2n and 2n + 2
    degrees of freedom."""
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    return Interval(float(events), low, float(stats.chi2.ppf(1 - tail, 2 * events + 2)) / 2)


def mean(values: Floats, level: float = LEVEL, seed: int = SEED) -> Interval | None:
    """The mean over patients. Below MANY values the percentile bootstrap (Efron & Tibshirani, An Introduction to the
    Bootstrap, 1993, ch. 13), with a fixed seed: the same values give the same bounds. One value has no bounds."""
    found = total(values, level, seed)
    return found[0] if found else None


def total(values: Floats, level: float = LEVEL, seed: int = SEED) -> tuple[Interval, Interval] | None:
    """Mean and sum over patients, where also how many come is left to chance; None of nobody.

    Every resample gives each patient a Poisson(1) weight w: Σwx ÷ Σw is the bootstrap of the mean, Σwx that of the sum
    of a Poisson number of patients (Hanley & MacGibbon, Comput. Methods Programs Biomed. 83, 2006). From MANY on:
    mean ± z·s/√n and sum ± z·√Σx², the variance of a compound Poisson sum.
    """
    n = len(values)
    if not n:
        return None
    average, whole = float(values.mean()), float(values.sum())
    if n == 1:
        return Interval(average, None, None), Interval(whole, None, None)
    if n >= MANY:
        z = z_of(level)
        half, wide = z * float(values.std(ddof=1)) / math.sqrt(n), z * math.sqrt(float(values @ values))
        return Interval(average, average - half, average + half), Interval(whole, whole - wide, whole + wide)
    draws = np.random.default_rng(seed)
    # In blocks, so that memory stays bounded; sorted, so that the order of the rows changes nothing.
    ordered = np.sort(values)
    weights, sums = np.empty(RESAMPLES), np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 200):
        drawn = draws.poisson(1.0, size=(200, n)).astype(np.float64)
        weights[start : start + 200], sums[start : start + 200] = drawn.sum(axis=1), drawn @ ordered
    tails = [(1 - level) / 2, (1 + level) / 2]
    kept = weights > 0
    low, high = (float(bound) for bound in np.quantile(sums[kept] / weights[kept], tails))
    least, most = (float(bound) for bound in np.quantile(sums, tails))
    return Interval(average, low, high), Interval(whole, least, most)


def difference(came: int, of: int, other_came: int, other_of: int, level: float = LEVEL) -> Interval | None:
    """The first share minus the other, by Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method
    10): the distances to the Wilson bounds are added in squares. None when a group is empty."""
    one, other = share(came, of, level), share(other_came, other_of, level)
    if one is None or other is None:
        return None
    value = one.value - other.value
    # Wilson's bounds are always there for a group of somebody.
    down = math.hypot(one.value - (one.low or 0.0), (other.high or 0.0) - other.value)
    up = math.hypot((one.high or 0.0) - one.value, other.value - (other.low or 0.0))
    return Interval(value, value - down, value + up)


@dataclass(frozen=True)
class Stratum:
    """Two groups alike in something: `came` of `of` in the first, `other_came` of `other_of` in the other."""

    came: int
    of: int
    other_came: int
    other_of: int


def stratified(strata: Iterable[Stratum], level: float = LEVEL) -> tuple[Interval, float, float] | None:
    """The difference of shares within strata, and both shares as they would be over the same strata.

    Mantel–Haenszel: Σwd ÷ Σw with w = n₁n₀ ÷ N, so that like is compared with like; the variance of Sato (Biometrics
    45, 1989), which holds for a few large strata and for many small ones. None when no stratum has both groups.
    """
    weights = value = first = second = p = q = 0.0
    for one in strata:
        a, n, b, m = one.came, one.of, one.other_came, one.other_of
        if not n or not m:
            continue
        total = n + m
        weight = n * m / total
        weights, first, second = weights + weight, first + weight * a / n, second + weight * b / m
        value += weight * (a / n - b / m)
        p += (n * n * b - m * m * a + n * m * (m - n) / 2) / (total * total)
        q += (a * (m - b) + b * (n - a)) / (2 * total)
    if not weights:
        return None
    value /= weights
    half = z_of(level) * math.sqrt(max(value * p + q, 0.0)) / weights
    return Interval(value, max(value - half, -1.0), min(value + half, 1.0)), first / weights, second / weights


def ratio(came: int, of: int, other_came: int, other_of: int, level: float = LEVEL) -> Interval | None:
    """The first share ÷ the other, with the interval on the logarithm (Katz, Baptista, Azen & Pike, Biometrics 34,
    1978), half a person added to every count (Walter's correction), which keeps it defined at zero. None when a
    group is empty or the other share is 0."""
    if not of or not other_of or not other_came:
        return None
    value = (came / of) / (other_came / other_of)
    a, n, b, m = came + 0.5, of + 0.5, other_came + 0.5, other_of + 0.5
    middle = math.log((a / n) / (b / m))
    half = z_of(level) * math.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    return Interval(value, min(math.exp(middle - half), value), max(math.exp(middle + half), value))
