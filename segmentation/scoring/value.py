"""What a patient is worth: LTV and the four tiers (VIP, stable, one-off, unprofitable).

    LTV, ₽ = average bill, ₽ per visit × frequency, visits per year × lifetime, years

Let T be the time the patient has been with the clinic: from the first visit to today, or to the last visit if the
patient is gone; in whole months, and not less than one year (three visits in the first month are three visits a year
so far, not thirty-six).

    frequency = visits ÷ T
    lifetime  = the greater of T and L for a patient who came on two days or more and is not gone, otherwise T

L is the mean lifetime of a patient of this clinic. So LTV is never below what the patient has already brought,
equals it for the gone and for those who came once (from one visit no rhythm can be read), and looks ahead only for the
others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.hysteresis import Floats, sticky_band_of

TIERS = ("vip", "stable", "one_off", "unprofitable")
REASONS = (
    "cancels_often", "complains", "discount_hunter", "negative_margin",
    "high_ltv", "single_visit", "low_ltv", "regular",
)  # fmt: skip
UNPROFITABLE = REASONS[:4]
DAYS_IN_YEAR, DAYS_IN_MONTH = 365.25, 30.4375
Mask = NDArray[np.bool_]


def is_gone(last_visit_on: Floats, due_on: Floats, next_visit_on: Floats, as_of: float, gone_after_days: float) -> Mask:
    """No visit for more than `gone_after_days`, nothing due in the future, no appointment."""
    expected = (due_on >= as_of) | ~np.isnan(next_visit_on)
    return (as_of - last_visit_on > gone_after_days) & ~expected


def mean_lifetime(first_visit_on: Floats, last_visit_on: Floats, visit_days: Floats, gone: Mask, as_of: float) -> float:
    """L, years: the time spent with the clinic by all patients of two visit days or more ÷ how many of them are gone.

    The maximum-likelihood estimate of the mean of an exponential lifetime observed with right censoring (Cox & Oakes,
    Analysis of Survival Data, 1984, §3.2); the plain mean over the gone would be too short in a young base. Its
    relative standard error is 1/√(number of the gone). Infinite when nobody has gone yet.
    """
    several = visit_days >= 2
    end = np.where(gone, last_visit_on, as_of)
    spent = float(np.sum((end - first_visit_on)[several])) / DAYS_IN_YEAR
    events = int(np.sum(gone & several))
    return spent / events if events else float("inf")


def lifetime_value(
    money: Floats, visit_days: Floats, first_visit_on: Floats, last_visit_on: Floats, gone: Mask, as_of: float,
    lifetime_years: float,
) -> Floats:  # fmt: skip
    """LTV in ₽ (NaN without a completed visit): `money` ÷ visits × visits ÷ T × lifetime = money × lifetime ÷ T.

    `money` is all that was paid, that is average bill × visits. Whole months, so that the value of a patient for whom
    nothing happens changes once a month and not every night.
    """
    end = np.where(gone, last_visit_on, as_of)
    years = np.maximum(np.floor((end - first_visit_on) / DAYS_IN_MONTH) / 12, 1.0)
    ahead = (visit_days >= 2) & ~gone
    lifetime = np.where(ahead, np.maximum(years, lifetime_years), years)
    return np.where(visit_days > 0, np.round(money / years * lifetime, 2), np.nan)


@dataclass(frozen=True)
class Patience:
    """What has to happen before a patient is called unprofitable; events are counted, one is never enough.

    Shares are 0..1; `margin` is the relative margin by which a share must fall below its threshold before someone who
    was unprofitable is so no longer.
    """

    cancelled_share: float
    cancelled_events: int
    complaints: int
    discount_share: float
    discount_visits: int
    loss_visits: int
    margin: float


def unprofitable_reasons(
    *, cancelled_365: Floats, visits_365: Floats, complaints_365: Floats, discount_share: Floats, visits: Floats,
    margin: Floats, was_unprofitable: Mask, patience: Patience,
) -> NDArray[np.uint8]:  # fmt: skip
    """A bit per reason, in the order of UNPROFITABLE. Counts are of 365 days, except discounts and margin: of all."""
    ease = np.where(was_unprofitable, 1 - patience.margin, 1.0)
    appointments = cancelled_365 + visits_365
    share = np.divide(cancelled_365, appointments, out=np.zeros(len(visits)), where=appointments > 0)
    found = (
        (cancelled_365 >= patience.cancelled_events) & (share >= patience.cancelled_share * ease),
        complaints_365 >= patience.complaints,
        (visits >= patience.discount_visits) & (np.nan_to_num(discount_share) >= patience.discount_share * ease),
        (visits >= patience.loss_visits) & (margin < 0),
    )
    bits = np.zeros(len(visits), dtype=np.uint8)
    for position, mask in enumerate(found):
        bits |= mask.astype(np.uint8) << position
    return bits


def tiers_of(
    ltv: Floats, visit_days: Floats, bits: NDArray[np.uint8], borders: tuple[float, float], before: NDArray[np.int8],
    margin: float,
) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:  # fmt: skip
    """Tier (index into TIERS, −1 without a visit) and reason bits (in the order of REASONS). The first that fits:

    1. unprofitable: the margin is negative, or another reason of UNPROFITABLE and LTV not above the upper border
       (a VIP who complains is a VIP to be listened to);
    2. vip: LTV above the upper border, even after a single visit;
    3. one_off: one day with a visit, or LTV not above the lower border;
    4. stable: the others.
    """
    low, vip = borders
    # Remember the LTV band behind the tier. A one-off patient with a single visit may have had any LTV but a high one.
    band_before = np.select([before == 0, before == 1, (before == 2) & (visit_days > 1)], [3, 2, 1], 0).astype(np.int8)
    band = sticky_band_of(ltv, [low, max(low, vip)], band_before, margin)
    single = visit_days == 1
    lossy = (bits & 8) > 0
    bad = lossy | ((bits > 0) & (band < 3))
    tier = np.select([visit_days <= 0, bad, band == 3, single | (band == 1)], [-1, 3, 0, 2], 1).astype(np.int8)
    reasons = np.select(
        [tier == 3, tier == 0, (tier == 2) & single, tier == 2, tier == 1],
        [bits.astype(np.int64), 1 << 4, 1 << 5, 1 << 6, 1 << 7],
        0,
    ).astype(np.uint8)
    return tier, reasons
