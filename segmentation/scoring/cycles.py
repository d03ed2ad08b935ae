"""After how many days patients come again for a service: Kaplan-Meier over the time from one use to the next.

A use is a day on which a patient had the service. It is followed by another one after so many days, or it has been
watched in vain for so long (censored): a patient who has not come again yet counts as "not within so many days". Some
never come again; the curve of return then levels off below 1, as in a cure model. The return interval is the median of
those who come again: the day t with F(t) = ½ F(horizon), F = 1 − S. docs/cycles.md explains and has the sources:
Kaplan & Meier 1958 (J. Am. Stat. Assoc. 53:457), Greenwood 1926, Woodruff 1952 (J. Am. Stat. Assoc. 47:635) and
Brookmeyer & Crowley 1982 (Biometrics 38:29) for the interval of a median, Maller & Zhou 1996 for long-term survivors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SEXES = ("female", "male")
# Ages in full years on the day of the use, both ends inclusive.
BANDS: tuple[tuple[int, int | None], ...] = ((0, 17), (18, 29), (30, 44), (45, 59), (60, None))

LEAST_RETURNS = 30  # the fewest from which a service gets an interval
LEAST_RETURNING = 0.2
LEAST_OF_GROUP = 10  # returns from which a group has a figure of its own to be mixed in
BORROWING = 50  # a group of so many returns is half its own figure and half the service's
LEAST_WATCHED = 30  # the curve ends where fewer uses could be followed
LONGEST = 1826  # five years; who comes after that has not come again but anew
# History must be half as long again as the interval within which three quarters of the returns fall, or the slow ones
# are not in it.
HISTORY = 1.5
NORMAL = 1.959964

# Below this share of uses that are followed by another one, nobody is to be told that the service is due again.
MOSTLY = 0.5
# (third quartile − first quartile) ÷ median. 1.58 for events that come at any time (exponential), 0.7 for a log-normal
# rhythm scattered by half; what clinics do in a rhythm is at 0.2 to 0.4.
WIDEST = 0.75
# Stages of one treatment follow within days; the next one is booked at the visit.
SHORTEST = 21


def band_of(age: int | None) -> int | None:
    """Index into BANDS of an age in full years."""
    if age is None or age < 0:
        return None
    return sum(age > to for _from, to in BANDS if to is not None)


def why_unused(days: int, days_from: int, days_to: int, returning: float) -> str:
    """Why an interval is no reason to call a patient: "seldom", "any_time", "course"; empty: it is one."""
    if returning < MOSTLY:
        return "seldom"
    if days < SHORTEST:
        return "course"
    return "any_time" if days_to - days_from > WIDEST * days else ""


@dataclass(frozen=True)
class Uses:
    """Uses of one service, one row each: whose, how long until the next one or in vain, in which group, and for how
    long the use could be watched at most. Days are at least 1."""

    person: Ints
    days: Ints
    again: Mask
    watched: Ints

    def __len__(self) -> int:
        return len(self.days)

    def among(self, mask: Mask) -> "Uses":
        return Uses(self.person[mask], self.days[mask], self.again[mask], self.watched[mask])


def follow(person: Ints, day: Ints, as_of: int) -> tuple[Uses, Mask]:
    """Uses from (person, day) sorted by both, each pair once; and which of the rows they are.

    What happened on `as_of` itself has not been watched yet.
    """
    same = np.append(person[1:] == person[:-1], False)
    following = np.append(day[1:], as_of)
    days = np.where(same, following - day, as_of - day)
    seen = days > 0
    return Uses(person[seen], days[seen], same[seen], (as_of - day)[seen]), seen


@dataclass(frozen=True)
class Curve:
    """Product-limit estimate by day 0 … horizon: `share[t]` = F(t), the share that has come again within t days."""

    returned: Ints  # d(t): who came again on day t
    at_risk: Ints  # Y(t): who was still watched on day t and had not come before
    share: Floats

    @property
    def horizon(self) -> int:
        return len(self.share) - 1

    @property
    def returning(self) -> float:
        return float(self.share[-1])

    def quantile(self, part: float) -> int:
        """The first day by which this part of those who come again (within the horizon) has come."""
        return int(np.searchsorted(self.share, min(part, 1.0) * self.returning - 1e-12))

    @cached_property
    def greenwood(self) -> Floats:
        """Σ d ÷ (Y (Y − d)) up to each day: the variance of log S."""
        left = self.at_risk - self.returned
        product = (self.at_risk * left).astype(np.float64)
        return np.cumsum(np.divide(self.returned, product, out=np.zeros(len(left)), where=product > 0))


def horizon_of(watched: Ints) -> int:
    """The longest time for which at least LEAST_WATCHED uses could be followed, whether or not they were; 0: none.

    It depends on the days of the uses alone: a limit on those still at risk would end the curve the sooner, the more
    come again.
    """
    if len(watched) < LEAST_WATCHED:
        return 0
    return int(min(np.partition(watched, len(watched) - LEAST_WATCHED)[-LEAST_WATCHED], LONGEST))


def kaplan_meier(days: Ints, again: Mask, horizon: int) -> Curve:
    """F(t) = 1 − Π (1 − d(u) ÷ Y(u)), u ≤ t ≤ horizon. Who is censored on a day was still watched on it."""
    size = horizon + 1
    kept = np.minimum(days, size)  # beyond the horizon: watched until its end, and nothing happened
    returned = np.bincount(kept[again], minlength=size + 1)[:size]
    leaving = np.bincount(kept, minlength=size + 1)
    at_risk = (len(days) - np.append(0, np.cumsum(leaving)[:-1]))[:size]
    hazard = np.divide(returned, at_risk, out=np.zeros(size), where=at_risk > 0)
    return Curve(returned, at_risk, 1 - np.cumprod(1 - hazard))


def _influence(curve: Curve, day: int) -> tuple[Floats, Floats]:
    """What one use does to F(day), by the day on which it ended: in vain, and with a return.

    The derivative of the product-limit estimate by the weight of a use (infinitesimal jackknife):
    ∂ log S(t) = Σ d ÷ (Y (Y − d)) up to min(x, t), minus 1 ÷ (Y(x) − d(x)) when it ended with a return at x ≤ t.
    """
    days = np.arange(curve.horizon + 2)
    watched = np.append(curve.greenwood, curve.greenwood[-1])[np.minimum(days, day)]
    left = np.append(curve.at_risk - curve.returned, 0)
    ended = np.divide(1.0, left, out=np.zeros(len(left)), where=(left > 0) & (days <= day))
    survived = 1 - curve.share[day]
    return -survived * watched, -survived * (watched - ended)


def median_error(curve: Curve, uses: Uses) -> tuple[float, float]:
    """Standard error of F(t) ÷ F(horizon) at the median t, and the design effect (1: intervals of a patient are as
    different as those of strangers).

    The patient is the unit: what the uses of one patient do to the figure is summed before it is squared.
    """
    median = curve.quantile(0.5)
    part = curve.share[median] / curve.returning
    vain, back = (
        (here - part * end) / curve.returning
        for here, end in zip(_influence(curve, median), _influence(curve, curve.horizon), strict=True)
    )
    ended = np.minimum(uses.days, curve.horizon + 1)
    moved = np.where(uses.again, back[ended], vain[ended])
    _people, number = np.unique(uses.person, return_inverse=True)
    by_person = np.bincount(number, weights=moved)
    people = len(by_person)
    alone = float(np.sum(moved**2))
    together = float(np.sum(by_person**2)) * people / max(people - 1, 1)
    return together**0.5, together / alone if alone > 0 else 1.0


@dataclass(frozen=True)
class Cycle:
    """What is known of one group, or of everybody: days, shares, counts; `borrowed` 0 … 1 from the whole service."""

    days: int
    days_from: int
    days_to: int
    error_from: int
    error_to: int
    returning: float
    uses: int
    returns: int
    patients: int
    borrowed: float = 0.0


@dataclass(frozen=True)
class Learned:
    everybody: Cycle
    groups: dict[int, Cycle]
    points: list[tuple[int, float, float, float]]  # the curve of everybody: day, share, 95 % interval


def learn(uses: Uses, group: Ints) -> Learned | None:
    """The cycle of a service from its uses; `group` along them, 0 for those who belong to none. Nothing is learned
    from fewer than 30 returns, when less than a fifth comes again, or from too short a history."""
    horizon = horizon_of(uses.watched)
    if not horizon or int((uses.again & (uses.days <= horizon)).sum()) < LEAST_RETURNS:
        return None
    curve = kaplan_meier(uses.days, uses.again, horizon)
    if curve.returning < LEAST_RETURNING or horizon < HISTORY * curve.quantile(0.75):
        return None
    error, effect = median_error(curve, uses)
    everybody = _cycle(curve, uses, error)
    groups: dict[int, Cycle] = {}
    for number in np.unique(group[group > 0]).tolist():
        mine = uses.among(group == number)
        if int((mine.again & (mine.days <= horizon)).sum()) >= LEAST_OF_GROUP:
            own = kaplan_meier(mine.days, mine.again, horizon)
            groups[number] = borrowing(_cycle(own, mine, median_error(own, mine)[0]), everybody)
    return Learned(everybody, groups, points(curve, effect))


def _cycle(curve: Curve, uses: Uses, error: float) -> Cycle:
    returns = uses.again & (uses.days <= curve.horizon)
    return Cycle(
        days=curve.quantile(0.5),
        days_from=curve.quantile(0.25),
        days_to=curve.quantile(0.75),
        error_from=curve.quantile(max(0.5 - NORMAL * error, 0.0)),
        error_to=curve.quantile(min(0.5 + NORMAL * error, 1.0)),
        returning=curve.returning,
        uses=len(uses),
        returns=int(returns.sum()),
        patients=len(np.unique(uses.person)),
    )


def borrowing(own: Cycle, everybody: Cycle) -> Cycle:
    """The group's own days and the service's, mixed as logarithms with weights n ÷ (n + 50) and 50 ÷ (n + 50), n
    returns of the group. The ends of the interval are mixed alike: it is that of the mixture with both errors in step,
    which errs on the wide side, and says nothing about how much the group may differ from the service."""
    mine = own.returns / (own.returns + BORROWING)

    def mixed(name: str) -> int:
        one, other = (np.log(max(getattr(cycle, name), 1)) for cycle in (own, everybody))
        return round(float(np.exp(mine * one + (1 - mine) * other)))

    names = ("days", "days_from", "days_to", "error_from", "error_to")
    mixture: Mapping[str, Any] = {name: mixed(name) for name in names}
    return replace(own, **mixture, borrowed=1 - mine)


def points(curve: Curve, effect: float = 1.0, count: int = 60) -> list[tuple[int, float, float, float]]:
    """The curve at some days, with 95 % intervals on the scale log(−log S) from Greenwood's variance × the design
    effect; the days at which the share has grown by another step, evenly spaced ones, and the horizon."""
    shares = np.linspace(0, curve.returning, count // 2)
    days = {0, curve.horizon, *np.searchsorted(curve.share, shares[1:] - 1e-12).tolist()}
    days |= set(np.linspace(0, curve.horizon, count // 2, dtype=np.int64).tolist())
    found = []
    for day in sorted(days):
        share = float(curve.share[day])
        low = high = share
        if 0 < share < 1:
            logarithm = np.log1p(-share)
            spread = NORMAL * (effect * curve.greenwood[day]) ** 0.5 / logarithm
            low, high = (float(-np.expm1(logarithm * np.exp(sign * spread))) for sign in (1, -1))
        found.append((int(day), round(share, 4), round(low, 4), round(high, 4)))
    return found
