"""The level of bills: what was paid lately against what the model of the bill says of the same days.

Gamma-Gamma knows one mean of a patient's whole past. Where prices rise that mean lags behind, and so does everything
foretold with it; one factor for the whole base takes the bills to the level of the last year:

    level = Σ money of the last 365 days ÷ Σ (days with a visit within 365 days × expected bill)

over the patients with a visit within these days. No unit. 1 below `FEWEST` payers; never outside `BOUNDS`: a base that
has halved or doubled its bills is not the one the model was fitted on, or its money is not in order.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAYS = 365
FEWEST = 100
BOUNDS = (0.5, 2.0)


def bill_level(days: Floats, money: Floats, bill: Floats) -> float:
    """`days` with a visit and `money` (₽, payments minus refunds) of the last 365 days, `bill` the expected one, ₽."""
    came = days > 0
    told = float(np.sum(days[came] * bill[came]))
    if np.count_nonzero(money[came] > 0) < FEWEST or not told > 0:
        return 1.0
    return float(np.clip(np.sum(money[came]) / told, *BOUNDS))
