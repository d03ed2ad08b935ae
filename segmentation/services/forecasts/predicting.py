"""Rows of Forecast from a fit and what is known of each patient."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.models import Forecast, LtvFit
from segmentation.scoring.ltv import bg_nbd, gamma_gamma
from segmentation.services.forecasts.fitting import bill_model, visits_model
from segmentation.services.forecasts.histories import DAYS_IN_WEEK, Floats, payments_of, visits_of

HORIZONS = {"3m": 91, "12m": 365, "36m": 1096}  # days
# A day further away than the forecast itself looks ahead is no expectation.
FURTHEST_DAYS = max(HORIZONS.values())
LIKELY_ALIVE = 0.5
LARGEST = 10.0**15  # sums of a confused source must find room in the column
# The last digits of a double depend on who is computed together (expectation.py interpolates among many): a night run
# again must not write them anew.
DIGITS = 9


def predict(fit: LtvFit, known: pd.DataFrame, days: Floats) -> pd.DataFrame:
    """The columns of Forecast; `days` is the day number each row is computed for."""
    params = visits_model(fit)
    assert params is not None, "without a model of visits nothing is predicted"
    visits, payments, bills = visits_of(known, days), payments_of(known), bill_model(fit)
    p_alive = bg_nbd.p_alive(params, *visits)
    rows = {
        "patient_id": known["patient_id"].to_numpy(),
        "as_of": dates(days),
        # Nobody leaves before the first repeat visit, says the model: of who came once its 1 is no knowledge.
        "p_alive": np.where(visits.x > 0, np.round(p_alive, DIGITS), np.nan),
    }
    expected = {name: bg_nbd.expected(params, *visits, length / DAYS_IN_WEEK) for name, length in HORIZONS.items()}
    bill = gamma_gamma.expected_mean(bills, *payments) if bills else np.full(len(known), np.nan)
    bill = bill * (1.0 if fit.bill_level is None else fit.bill_level)
    rows |= {f"visits_{name}": np.round(number, DIGITS) for name, number in expected.items()}
    rows["bill"] = money(bill)
    rows |= {f"money_{name}": money(number * bill) for name, number in expected.items()}
    to_next = bg_nbd.days_to_next(params, visits.x, visits.t)
    rows["next_visit_on"], rows["next_visit_by"] = next_visit(known, days, p_alive, to_next)
    return pd.DataFrame(rows)


def next_visit(
    known: pd.DataFrame, days: Floats, p_alive: Floats, to_next: Floats
) -> tuple[NDArray[np.datetime64], NDArray[np.str_]]:
    """The appointment; without one the day something is due; without it the middle of the wait of one who has probably
    not left: as likely before it as after it. Nothing further away than the forecast looks. `p_alive` is that of the
    model, 1 for who came once: the middle of their wait is that of patients of whom nobody can be told to have left."""
    booked = known["next_visit_on"].to_numpy(dtype=np.float64)
    due = known["due_on"].to_numpy(dtype=np.float64)
    own = np.where((p_alive >= LIKELY_ALIVE) & (to_next <= FURTHEST_DAYS), days + np.ceil(to_next), np.nan)
    cases = [booked >= days, (due >= days) & (due <= days + FURTHEST_DAYS), ~np.isnan(own)]
    kinds = Forecast.NextBy
    by = np.select(cases, [kinds.APPOINTMENT.value, kinds.DUE.value, kinds.RHYTHM.value], "")
    return dates(np.select(cases, [booked, due, own], np.nan)), by


def money(amounts: Floats) -> Floats:
    return np.asarray(np.round(np.clip(amounts, -LARGEST, LARGEST), 2), dtype=np.float64)


def dates(days: Floats) -> NDArray[np.datetime64]:
    """Day numbers as PostgreSQL reads them; NaN becomes NULL."""
    known = np.where(np.isnan(days), 0, days).astype("datetime64[D]").astype("datetime64[s]")
    return np.where(np.isnan(days), np.datetime64("NaT", "s"), known)
