"""What the models are told of a patient: repeat visit days, weeks, payments. Read from Metrics as they are, but for
the days with a visit within a year, which only the visits know."""

import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.frames import COUNT, DAY, ID, MONEY, Wire, read_query
from segmentation.scoring.ltv import level
from segmentation.services.divided import Ids, spread

Floats = NDArray[np.float64]
METRICS = "segmentation_metrics"
DAYS_IN_WEEK = 7
COLUMNS: dict[str, Wire] = {
    "patient_id": ID,
    **dict.fromkeys(("as_of", "first_visit_on", "last_visit_on", "next_visit_on", "due_on"), DAY),
    "visit_days": COUNT,
    "money": MONEY,
}

_DAYS_LATELY = """
SELECT COALESCE(card.merged_into_id, card.id) AS patient_id, count(DISTINCT visit.starts_on)::int AS days
FROM patients_visit AS visit JOIN patients_patient AS card ON card.id = visit.patient_id
WHERE visit.deleted_at IS NULL AND visit.status = 'completed'
    AND visit.starts_on > %(as_of)s::date - %(year)s AND visit.starts_on <= %(as_of)s::date
GROUP BY 1
"""


class Visits(NamedTuple):
    """The arguments of BG/NBD: repeat visit days, weeks from the first to the last visit, weeks from the first on."""

    x: Floats
    t_x: Floats
    t: Floats


class Payments(NamedTuple):
    """The arguments of Gamma-Gamma: days with a visit, ₽ per day; 0 days where nothing was paid.

    Every day counts, the first too: a clinic is paid for a package at the first visit.
    """

    days: Floats
    mean: Floats

    def paid(self) -> "Payments":
        """Of those who have paid anything."""
        return Payments(self.days[self.days > 0], self.mean[self.days > 0])


def visits_of(known: pd.DataFrame, as_of: float | Floats) -> Visits:
    """`as_of`: one day number, or one for each patient."""
    first = known["first_visit_on"].to_numpy(dtype=np.float64)
    last = known["last_visit_on"].to_numpy(dtype=np.float64)
    return Visits(
        known["visit_days"].to_numpy(dtype=np.float64) - 1,
        (last - first) / DAYS_IN_WEEK,
        (as_of - first) / DAYS_IN_WEEK,
    )


def payments_of(known: pd.DataFrame) -> Payments:
    money = known["money"].to_numpy(dtype=np.float64)
    days = known["visit_days"].to_numpy(dtype=np.float64)
    return Payments(np.where(money > 0, days, 0.0), np.where(money > 0, money / days, 0.0))


def days_lately(patients: Ids, as_of: datetime.date) -> Floats:
    """Days with a visit within the 365 days up to `as_of`, along the sorted ids of `patients`."""
    found = read_query(_DAYS_LATELY, {"patient_id": ID, "days": COUNT}, {"as_of": as_of, "year": level.DAYS})
    days = found["days"].to_numpy(dtype=np.float64)
    return np.asarray(spread(patients, found["patient_id"].to_numpy(), days, 0.0), dtype=np.float64)
