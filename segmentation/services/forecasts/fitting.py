"""The models of visits and of the bill, fitted on the whole base every week and kept with the day of the fit."""

import datetime
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from segmentation.frames import MONEY, day_number, read_frame
from segmentation.models import LtvFit, Metrics
from segmentation.scoring.ltv import bg_nbd, gamma_gamma, level
from segmentation.services.fitting import GROWTH
from segmentation.services.forecasts.histories import COLUMNS, METRICS, Payments, days_lately, payments_of, visits_of
from segmentation.services.night import Night

EVERY_DAYS = 7
# From fewer payers a correlation is chance.
FEWEST_FOR_CORRELATION = 30


def fit_for(night: Night) -> tuple[LtvFit, bool]:
    """The fit in force on `night.as_of`, and whether it is a new one.

    A new one when there is none, when asked for, when the last is a week old, or when the base has doubled.
    """
    last = LtvFit.objects.filter(as_of__lte=night.as_of).order_by("-as_of").first()
    if last and not night.refit and _holds(last, night.as_of):
        return last, False
    began = time.monotonic()
    found = _fit(night)
    found["seconds"] = round(time.monotonic() - began, 3)
    fit, _created = LtvFit.objects.update_or_create(as_of=night.as_of, defaults=found)
    night.report(f"  forecasts: visits {fit.visits_method}, bill {fit.money_method}")
    return fit, True


def _holds(last: LtvFit, as_of: datetime.date) -> bool:
    if last.as_of == as_of:  # the same night again
        return True
    fresh = (as_of - last.as_of).days < EVERY_DAYS
    return fresh and Metrics.objects.filter(visit_days__gt=0).count() < GROWTH * last.customers


def _fit(night: Night) -> dict[str, Any]:
    names = ("patient_id", "first_visit_on", "last_visit_on", "visit_days", "money")
    columns = {name: COLUMNS[name] for name in names} | {"money_365": MONEY}
    known = read_frame(METRICS, columns, where="visit_days > 0")
    everybody = payments_of(known)
    payments = everybody.paid()
    visits = bg_nbd.fit(*visits_of(known, day_number(night.as_of)))
    bill = gamma_gamma.fit(*payments)
    bill_level = None
    if bill.params:
        days, money = days_lately(known["patient_id"].to_numpy(), night.as_of), known["money_365"].to_numpy()
        bill_level = level.bill_level(days, money, gamma_gamma.expected_mean(bill.params, *everybody))
    return {
        "visits_method": visits.method, "visits_reason": visits.reason,
        "visits_params": asdict(visits.params) if visits.params else {},
        "visits_log_likelihood": visits.log_likelihood,
        "money_method": bill.method, "money_reason": bill.reason,
        "money_params": asdict(bill.params) if bill.params else {}, "money_log_likelihood": bill.log_likelihood,
        "bill_level": bill_level,
        "customers": visits.customers, "repeaters": visits.repeaters, "payers": len(payments.days),
        "correlation": correlation(payments),
    }  # fmt: skip


def correlation(payments: Payments) -> float | None:
    """Pearson's, between the number of days and the mean payment; None where one of them does not vary."""
    if len(payments.days) < FEWEST_FOR_CORRELATION or not np.ptp(payments.days) or not np.ptp(payments.mean):
        return None
    return float(np.corrcoef(payments.days, payments.mean)[0, 1])


def visits_model(fit: LtvFit) -> bg_nbd.Params | None:
    return bg_nbd.Params(**fit.visits_params) if fit.visits_params else None


def bill_model(fit: LtvFit) -> gamma_gamma.Params | None:
    return gamma_gamma.Params(**fit.money_params) if fit.money_params else None
