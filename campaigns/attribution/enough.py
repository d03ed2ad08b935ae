"""How many patients are needed to believe, and about when there will be as many."""

import math
from dataclasses import dataclass

from scipy import stats

from campaigns.attribution.groups import LEVEL, Group
from campaigns.attribution.shares import standard_error

POWER = 0.80
# An effect seen in a small sample is drawn towards nothing before anything is foreseen from it. True effects are
# supposed to have a standard deviation of a third of the share that comes, but of 2 points at least: an invitation to
# the few who are due moves more than a digest to everybody.
USUAL_EFFECT, USUAL_PART = 0.02, 1 / 3
LONGEST_WEEKS = 156  # beyond three years nobody waits, and the base is another one


@dataclass(frozen=True)
class Enough:
    """`needed`: patients in both groups together for 80 % power at `effect`, the shrunk difference of shares; None
    when the effect is nothing. `more`: how many of them are missing. `weeks`: at the pace given; None: not within
    three years, or the pace is unknown."""

    effect: float
    needed: int | None
    more: int | None
    weeks: int | None


def enough(
    treated: Group, holdout: Group, *, per_week: float | None = None, level: float = LEVEL, power: float = POWER
) -> Enough:  # fmt: skip
    """At the effect seen so far, drawn towards 0, and the hold-out's share of today.

    Shrinkage: d · τ² ÷ (τ² + se²), the mean of the normal posterior with prior N(0, τ²). Size: N = (z_{1−α/2} +
    z_{power})² · (p₁q₁ ÷ f + p₀q₀ ÷ (1 − f)) ÷ d², f the treated part (Fleiss, Levin, Paik 2003, ch. 4, without
    continuity correction; good to about a tenth). `per_week`: patients whose window ends within a week, both groups.
    ValueError when a group is empty.
    """
    if not treated.n or not holdout.n:
        raise ValueError("Without patients in both groups nothing can be foreseen")
    seen = treated.came / treated.n - holdout.came / holdout.n
    error = standard_error(treated, holdout)
    total = treated.n + holdout.n
    part = treated.n / total
    base = (holdout.came + treated.came) / total
    usual = max(USUAL_EFFECT, USUAL_PART * base)
    effect = seen * usual**2 / (usual**2 + error**2)
    first, second = min(max(base + effect * (1 - part), 1e-4), 1 - 1e-4), min(max(base - effect * part, 1e-4), 1 - 1e-4)
    if abs(effect) < 1e-6:
        return Enough(effect, None, None, None)
    spread = first * (1 - first) / part + second * (1 - second) / (1 - part)
    needed = math.ceil(_sum_of_z(level, power) ** 2 * spread / effect**2)
    more = max(needed - total, 0)
    weeks = math.ceil(more / per_week) if per_week and per_week > 0 else None
    return Enough(effect, needed, more, weeks if weeks is not None and weeks <= LONGEST_WEEKS else None)


def smallest_visible(treated: int, holdout: int, share: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest difference of shares that groups of these sizes show with 80 % power, when `share` come anyway."""
    q = min(max(share, 1e-4), 1 - 1e-4)
    return _sum_of_z(level, power) * math.sqrt(q * (1 - q) * (1 / treated + 1 / holdout))


def _sum_of_z(level: float, power: float) -> float:
    return float(stats.norm.ppf(0.5 + level / 2) + stats.norm.ppf(power))
