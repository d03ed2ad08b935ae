"""Bands between borders, and the memory that keeps a patient near a border where they were.

A band k of n is the half-open interval (border k−1, border k]; the first starts at −∞, the last ends at +∞. So equal
values are always in the same band, and a value on a border belongs to the lower one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bands = NDArray[np.int8]


def band_of(values: Floats, borders: Sequence[float]) -> Bands:
    """The band 1..len(borders)+1 of every value; 0 where the value is unknown (NaN)."""
    bands = np.searchsorted(np.asarray(borders, dtype=np.float64), values, side="left") + 1
    return np.where(np.isnan(values), 0, bands).astype(np.int8)


def quantile_borders(values: Floats, shares: Sequence[float]) -> list[float]:
    """Borders such that at least `shares[i]` of the known values are ≤ border i. Borders are values of the base.

    With ties a border may repeat; the band between equal borders is empty and nobody is put into it. An empty base
    has all its borders at 0.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return [0.0] * len(shares)
    return [float(border) for border in np.quantile(known, shares, method="inverted_cdf")]


def sticky_band_of(values: Floats, borders: Sequence[float], before: Bands, margin: float) -> Bands:
    """The band of every value, kept as it was `before` (0: not known) unless the value is clearly beyond the border.

    Clearly: further than `margin` × |border| (a relative margin, 0.1 = one tenth). A function of the band before and
    the value alone. Applying it twice to the same value changes nothing, and a value that swings between
    border × (1 − margin) and border × (1 + margin) moves once at the most.
    """
    raw = band_of(values, borders)
    edges = np.concatenate(([-np.inf], np.asarray(borders, dtype=np.float64), [np.inf]))
    slack = np.where(np.isfinite(edges), margin * np.abs(np.where(np.isfinite(edges), edges, 0)), 0)
    count = len(borders) + 1
    known = (before >= 1) & (before <= count) & (raw > 0)
    index = np.where(known, before, 1).astype(np.int64)
    lower, upper = edges[index - 1], edges[index]
    # After a refit the old band may have become empty (two equal borders): nothing to stay in.
    stays = known & (lower < upper) & (values > lower - slack[index - 1]) & (values <= upper + slack[index])
    return np.where(stays, before, raw).astype(np.int8)
