"""Visits expected of a patient who has not left: the hypergeometric part of BG/NBD, stable and fast.

Eq. 10 of Fader, Hardie & Lee (2005) is P(alive) times

    E = c/(a − 1) · [1 − (1 − z)^n · ₂F₁(n, b + x; c; z)],   n = r + x, c = a + b + x − 1, z = h/(α + t + h)

for the horizon h. Euler's transformation (Abramowitz & Stegun 15.3.3) and (a − 1)_k = (a − 1)·(a)_(k−1) turn it into

    E = c · [1 − (1 − z)^(a−1)]/(a − 1) − (1 − z)^(a−1) · Σ_{k≥1} (d)_k (a)_(k−1) / ((c + 1)_(k−1) k!) · z^k

with d = a + b − 1 − r. Nothing is singular at a = 1 any more, and the terms fall the faster, the more visits there have
been. E is a smooth function of log(α + t) for a given x (its nearest singularities lie at a distance of π), so where
many patients share an x it is computed at Chebyshev nodes and interpolated to the last digits (Trefethen, Approximation
Theory and Approximation Practice, 2013, ch. 8).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_TERMS = 200_000
BLOCK, MOST_AT_ONCE = 1 << 14, 2048
CHUNK = 1 << 14
NEGLIGIBLE = 1e-15


def series(n: Floats, a: float, c: Floats, d: float, age: Floats, horizon: Floats) -> Floats:
    """E for arrays of one length; `age` = α + t, both it and `horizon` in weeks."""
    z = horizon / (age + horizon)
    log_rest = np.log1p(-z)
    power = np.exp((a - 1) * log_rest)
    total = _sum(a, c, d, z)
    first = -log_rest if a == 1 else -np.expm1((a - 1) * log_rest) / (a - 1)
    # Mathematics keeps E between nothing and the visits of someone who never leaves; so does the last digit.
    return np.clip(c * first - power * total, 0, n * horizon / age)


def _sum(a: float, c: Floats, d: float, z: Floats) -> Floats:
    """The sum over k, many terms at a time: near z = 1 there are thousands of them."""
    total = np.zeros(len(z))
    active = np.flatnonzero(z > 0)
    za, ca = z[active], c[active]
    term, partial, k = d * za, np.zeros(len(active)), 1
    while len(active) and k < MOST_TERMS:
        steps = np.arange(k, k + min(MOST_AT_ONCE, max(8, BLOCK // len(active))))
        ratios = (d + steps) * (a + steps - 1) / (steps + 1) * za[:, None] / (ca[:, None] + steps)
        products = np.cumprod(ratios, axis=1)
        partial += term * (1 + np.sum(products[:, :-1], axis=1))
        term = term * products[:, -1]
        k += len(steps)
        # The ratio tends to z; what is left is about a geometric series of it.
        going = np.abs(term) > NEGLIGIBLE * (1 - za) * np.maximum(np.abs(partial), 1e-300)
        going |= np.abs(ratios[:, -1]) >= 1
        total[active] = partial
        active, term, partial, za, ca = active[going], term[going], partial[going], za[going], ca[going]
    return total


class Shape(Protocol):
    """The parameters as bg_nbd.Params has them."""

    @property
    def r(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def a(self) -> float: ...
    @property
    def b(self) -> float: ...


def of_the_active(params: Shape, x: Floats, t: Floats, horizon: float) -> Floats:
    """E for every patient, the same horizon for all."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    if not len(x) or horizon <= 0:
        return np.zeros(len(x))
    kind = np.int16 if np.max(x) < 2**15 else np.int64
    order = np.argsort(x.astype(kind), kind="stable")
    xs, ages = x[order], alpha + t[order]
    starts = np.flatnonzero(np.r_[True, np.diff(xs) > 0])
    groups = [_Group(ages[begin:end], xs[begin]) for begin, end in zip(starts, [*starts[1:], len(xs)], strict=True)]
    at = np.concatenate([group.points for group in groups])
    counts = np.repeat([group.x for group in groups], [len(group.points) for group in groups])
    found = series(r + counts, a, a + b + counts - 1, a + b - 1 - r, at, np.full(len(at), horizon))
    found *= (at + horizon) / horizon  # per z: smoother than E itself
    result, begin = np.empty(len(x)), 0
    values = np.empty(len(x))
    for start, group in zip(starts, groups, strict=True):
        part = slice(begin, begin + len(group.points))
        group.fill(found[part], values[start : start + len(group.ages)])
        begin = part.stop
    values *= horizon / (ages + horizon)
    result[order] = np.clip(values, 0, (r + xs) * horizon / ages)
    return result


class _Group:
    """Patients with one x: their ages α + t, and the points at which the series is summed for them."""

    def __init__(self, ages: Floats, x: float) -> None:
        self.ages, self.x = ages, x
        low, high = np.log(np.min(ages)), np.log(np.max(ages))
        self.middle, self.half = (low + high) / 2, max((high - low) / 2, 1e-12)
        # The ellipse of analyticity reaches π above the interval: the error falls like its size to the power −nodes.
        reach = np.pi / self.half
        self.nodes = int(np.ceil(38 / np.log(reach + np.sqrt(reach**2 + 1)))) + 2
        self.direct = len(ages) <= self.nodes
        if self.direct:
            self.points = ages
        else:
            angles = np.pi * (np.arange(self.nodes) + 0.5) / self.nodes
            self.points = np.exp(self.middle + self.half * np.cos(angles))

    def fill(self, found: Floats, values: Floats) -> None:
        """What was found at the points, carried over to everybody."""
        if self.direct:
            values[:] = found
            return
        size = self.nodes
        angles = np.pi * (np.arange(size) + 0.5) / size
        coefficients = 2 / size * np.cos(np.outer(np.arange(size), angles)) @ found
        coefficients[0] /= 2
        for begin in range(0, len(self.ages), CHUNK):
            part = slice(begin, begin + CHUNK)
            position = np.clip((np.log(self.ages[part]) - self.middle) / self.half, -1, 1)
            values[part] = np.polynomial.chebyshev.chebval(position, coefficients)
