"""RFM: recency, frequency and money of every patient on scales of 1 (worst) to 5 (best); 0 without a completed visit.

Recency is measured in days or in the patient's own cycles: days since the last visit ÷ the days after which this
patient is expected back. A yearly check-up is not "lost" in month four, a monthly course is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.hysteresis import Bands, Floats, quantile_borders, sticky_band_of

SEGMENTS = (
    "champions", "loyal", "promising", "new", "needs_attention", "at_risk", "cant_lose", "hibernating", "lost",
)  # fmt: skip
QUINTILES = (0.2, 0.4, 0.6, 0.8)


def cell_segment(r: int, f: int, m: int) -> str:
    """The segment of the cell r-f-m (each 1..5): the first rule that fits. docs/segmentation.md draws the table."""
    if r >= 4 and f >= 4 and m >= 4:
        return "champions"
    if r <= 2 and f >= 4 and m >= 4:
        return "cant_lose"
    if r >= 3 and f + m >= 7:
        return "loyal"
    if r == 5 and f == 1:
        return "new"
    if r >= 4 and f > 1:
        return "promising"
    if r >= 3:
        return "needs_attention"
    if f + m >= 6:
        return "at_risk"
    return "hibernating" if r == 2 else "lost"


def _table() -> NDArray[np.int8]:
    table = np.full((6, 6, 6), -1, dtype=np.int8)
    for r, f, m in np.ndindex(5, 5, 5):
        table[r + 1, f + 1, m + 1] = SEGMENTS.index(cell_segment(r + 1, f + 1, m + 1))
    return table


CELLS = _table()


def cycles_since(days: Floats, cycle_days: Floats, *, default_cycle: float, shortest_cycle: float) -> Floats:
    """Days since the last visit ÷ expected cycle, in cycles.

    A patient whose cycle is unknown is expected after `default_cycle` days. A cycle is not taken shorter than
    `shortest_cycle`: a course of daily procedures does not make a patient late on the third day after it.
    """
    cycle = np.where(np.isnan(cycle_days), default_cycle, np.maximum(cycle_days, shortest_cycle))
    return np.asarray(days / cycle, dtype=np.float64)


def fit_borders(values: Floats) -> list[float]:
    """Four borders that cut the base into fifths; ties share a score, so the fifths need not be equal."""
    return quantile_borders(values, QUINTILES)


def ascending_score(values: Floats, borders: Sequence[float], before: Bands, margin: float) -> Bands:
    """1..5, more is better (frequency, money)."""
    return sticky_band_of(values, borders, before, margin)


def recency_score(
    values: Floats, borders: Sequence[float], late: NDArray[np.bool_], before: Bands, margin: float
) -> Bands:
    """5..1, less is better. Nobody who is `late` scores 5, however fresh they are beside the others.

    The rule for the late stands above the memory: it needs no margin, because lateness ends only with a visit.
    """
    before_band = np.where(before > 0, 6 - before, 0).astype(np.int8)
    band = sticky_band_of(values, borders, before_band, margin)
    score = np.where(band > 0, 6 - band, 0)
    return np.where(late, np.minimum(score, 4), score).astype(np.int8)


def is_late(due_on: Floats, cycles: Floats, as_of: float) -> NDArray[np.bool_]:
    """Past the due date, or more than one expected cycle since the last visit."""
    return (due_on < as_of) | (cycles > 1)


def segments_of(r: Bands, f: Bands, m: Bands) -> NDArray[np.int8]:
    """Index into SEGMENTS for every patient, −1 without a completed visit."""
    return np.asarray(CELLS[r, f, m], dtype=np.int8)
