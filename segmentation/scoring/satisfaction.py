"""Satisfaction × profit: who is happy with the clinic, and what the clinic earns on them.

                profit low   middle   high
    happy           b          v        a
    neither         v          v        v
    unhappy         g          d        d

а: happy and profitable; б: happy, hardly profitable; в: the large middle; д: profitable but unhappy; г: neither. Those
whose opinion is not known (no answer and no complaint within the period) are `unknown`.
"""

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.hysteresis import Bands, Floats, quantile_borders

GROUPS = ("a", "b", "v", "d", "g", "unknown")
MOODS = ("no_answer", "unhappy", "neutral", "happy")
LOW, MIDDLE, HIGH = 1, 2, 3
_TABLE = np.full((4, 4), -1, dtype=np.int8)
_TABLE[0, 1:] = GROUPS.index("unknown")
_TABLE[1, 1:] = [GROUPS.index(code) for code in ("g", "d", "d")]
_TABLE[2, 1:] = GROUPS.index("v")
_TABLE[3, 1:] = [GROUPS.index(code) for code in ("b", "v", "a")]


def mood_of(
    last_nps: Floats, last_answer_on: Floats, complaints_365: Floats, as_of: float, *, answer_days: float,
    happy_from: float, unhappy_to: float,
) -> NDArray[np.int8]:  # fmt: skip
    """Index into MOODS. The last answer counts for `answer_days`; a complaint within 365 days makes unhappy."""
    known = ~np.isnan(last_nps) & (as_of - last_answer_on < answer_days)
    mood = np.select([~known, last_nps <= unhappy_to, last_nps >= happy_from], [0, 1, 3], 2)
    return np.where(complaints_365 > 0, 1, mood).astype(np.int8)


def fit_profit_borders(margin_365: Floats, visits_365: Floats, low_share: float, high_share: float) -> list[float]:
    """Two borders of the margin of 365 days, ₽, over those who came in that time: others would drag them to 0."""
    came = margin_365[visits_365 > 0]
    return quantile_borders(came, (low_share, 1 - high_share))


def groups_of(mood: NDArray[np.int8], profit_band: Bands) -> NDArray[np.int8]:
    """Index into GROUPS, −1 for patients without a completed visit (profit band 0)."""
    return np.asarray(_TABLE[mood, profit_band], dtype=np.int8)
