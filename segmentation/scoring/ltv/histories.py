"""Histories of visits as the model of visits reads them: checked, identical ones counted once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAYS = 7.0
TOLERANCE = 1e-9  # weeks: what a division by 7 may have left behind
MOST_DAYS = 1 << 20


@dataclass(frozen=True)
class Histories:
    """Rows with their number of customers: those who never came again (`t0`, `w0`), and the others. `counts` has each
    distinct x with the number of its customers."""

    t0: Floats
    w0: Floats
    x: Floats
    t_x: Floats
    t: Floats
    w: Floats
    counts: tuple[Floats, Floats]

    @property
    def rows(self) -> int:
        return len(self.t0) + len(self.x)

    @property
    def customers(self) -> float:
        return float(np.sum(self.counts[1]))

    @property
    def repeaters(self) -> float:
        return float(np.sum(self.w))

    def thinned(self, most: int) -> "Histories":
        """Every k-th row of either kind: rows stand in the order of x, so that the sample is spread over it."""
        if self.rows <= most:
            return self
        every = -(-self.rows // most)
        here, there = slice(every // 2, None, every), slice(every // 2, None, every)
        x, w, w0 = self.x[there], self.w[there], self.w0[here]
        # The two kinds are reached by different numbers of customers a row; their shares must stay as they were.
        w = w * _ratio(self.w, w)
        w0 = w0 * _ratio(self.w0, w0)
        return Histories(self.t0[here], w0, x, self.t_x[there], self.t[there], w, _counts(x, w, w0))


def _ratio(all_of_them: Floats, some: Floats) -> float:
    return float(np.sum(all_of_them) / np.sum(some)) if len(some) else 1.0


def _counts(x: Floats, w: Floats, w0: Floats) -> tuple[Floats, Floats]:
    values, position = np.unique(x, return_inverse=True)
    found = np.bincount(position, weights=w, minlength=len(values)).astype(np.float64)
    never = float(np.sum(w0))
    return (np.r_[0.0, values], np.r_[never, found]) if never else (values, found)


def checked(x: Floats, t_x: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
    """The three as float arrays of one length. Raises ValueError for what is not a history of visits."""
    x, t_x, t = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (x, t_x, t))
    if not x.ndim == t_x.ndim == t.ndim == 1 or not len(x) == len(t_x) == len(t):
        raise ValueError("x, t_x and t must be of one length")
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(t_x)) and np.all(np.isfinite(t))):
        raise ValueError("x, t_x and t must be finite")
    if np.any(x < 0) or np.any(x != np.floor(x)):
        raise ValueError("x must be a number of visit days")
    if np.any(t_x < 0) or np.any(t_x > t + TOLERANCE):
        raise ValueError("t_x must lie between 0 and t")
    if np.any((x == 0) & (t_x > 0)):
        raise ValueError("t_x must be 0 without a repeat visit")
    return x, np.minimum(t_x, t), t


def collapsed(x: Floats, t_x: Floats, t: Floats, weights: Floats | None = None) -> Histories:
    """Identical rows become one with a weight. What a clinic has are whole days, and most of its patients share their
    row with others. Times that are no whole days are taken as they are: hardly two of them are equal."""
    x, t_x, t = checked(x, t_x, t)
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    again = x > 0
    t0, w0 = _collapse_ages(t[~again], weights[~again])
    x, t_x, t, w = x[again], t_x[again], t[again], weights[again]
    x, t_x, t, w = _collapse_rows(x, t_x, t, w)
    return Histories(t0, w0, x, t_x, t, w, _counts(x, w, w0))


def _whole_days(weeks: Floats) -> NDArray[np.int64] | None:
    days = np.rint(weeks * DAYS)
    if len(days) and (np.max(days) >= MOST_DAYS or np.max(np.abs(days / DAYS - weeks)) > TOLERANCE):
        return None
    return days.astype(np.int64)


def _collapse_ages(t: Floats, w: Floats) -> tuple[Floats, Floats]:
    days = _whole_days(t)
    if days is None:
        return t, w
    found = np.bincount(days, weights=w).astype(np.float64)
    used = np.flatnonzero(found)
    return used / DAYS, found[used]


def _collapse_rows(x: Floats, t_x: Floats, t: Floats, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    last, age = _whole_days(t_x), _whole_days(t)
    if last is None or age is None or not len(x) or np.max(x) >= MOST_DAYS:
        order = np.argsort(x, kind="stable")
        return x[order], t_x[order], t[order], w[order]
    key = (x.astype(np.int64) * MOST_DAYS + last) * MOST_DAYS + age
    if np.all(w == 1):
        rows, number = np.unique(key, return_counts=True)
        w = number.astype(np.float64)
    else:
        rows, position = np.unique(key, return_inverse=True)
        w = np.bincount(position, weights=w, minlength=len(rows)).astype(np.float64)
    rest, age = np.divmod(rows, MOST_DAYS)
    count, last = np.divmod(rest, MOST_DAYS)
    return count.astype(np.float64), last / DAYS, age / DAYS, w
