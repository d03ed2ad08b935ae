"""A forecast made for a day of the past from what was known then, beside what has happened since.

`Calibration.figures`, sums over patients unless it says otherwise:

    deciles    [{decile, patients, expected_visits, actual_visits, low, high, expected_money, actual_money}]: patients
               in order of the visits expected, ten equal parts, the tenth expected to come most. `low` and `high`: the
               95 % interval of the actual visits, by how much they differ between the patients of the part
    by_visits  [{visits_before, patients, expected, actual}]: by repeat visit days before the split, "0" to "7+"
    by_week    [{week, expected, actual}]: visit days since the split, cumulative
    by_channel [{channel, patients, expected_visits, actual_visits, low, high, expected_money, actual_money, money_low,
               money_high}]: by acquisition channel (its id; null where not known). The bounds are the 99 % intervals
               of what happened, by how far it is from the expectation patient by patient: the model does not know
               channels, so a miss beyond them is the channel's. 99 and not 95, because ten channels are looked at

A visit is a day with a completed visit; money is paid money minus refunds. Only patients who had come by the day of the
split are compared, in bills of the level (scoring/ltv/level.py) of that day. Facts count as they are known now: what
was posted late is taken as if it had been known then.
"""

import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from django.db import connection
from numpy.typing import NDArray

from segmentation.frames import COUNT, DAY, ID, MONEY, REFERENCE, day_number, read_frame
from segmentation.models import Calibration, LtvFit
from segmentation.scoring.ltv import bg_nbd, gamma_gamma, level
from segmentation.services.forecasts.histories import DAYS_IN_WEEK, Floats, payments_of, visits_of
from segmentation.services.forecasts.predicting import LARGEST
from segmentation.services.night import Night

EVERY_DAYS = 28
HORIZON_DAYS = 182
# Two months are compared at least; a shorter time says nothing.
SHORTEST_DAYS = 56
NORMAL_95 = 1.959964
NORMAL_99 = 2.575829
MOST_VISITS = 7

_DAYS = """
CREATE TEMPORARY TABLE night_days_of_visits ON COMMIT DROP AS
SELECT DISTINCT kept.patient_id, visit.starts_on AS day
FROM patients_visit AS visit
JOIN patients_patient AS card ON card.id = visit.patient_id
JOIN segmentation_metrics AS kept ON kept.patient_id = COALESCE(card.merged_into_id, card.id)
WHERE visit.deleted_at IS NULL AND visit.status = 'completed' AND visit.starts_on <= %(as_of)s::date
"""
_PAID = "CASE WHEN payment.kind = 'refund' THEN -payment.amount ELSE payment.amount END"
_LATELY = "{0} > %(split)s::date - 365 AND {0} <= %(split)s::date"
_KNOWN = f"""
CREATE TEMPORARY TABLE night_split ON COMMIT DROP AS
SELECT visits.*, kept.channel_id, COALESCE(paid.money, 0) AS money, COALESCE(paid.money_365, 0) AS money_365,
    COALESCE(paid.money_after, 0) AS money_after
FROM (
    SELECT patient_id, min(day) AS first_visit_on, max(day) FILTER (WHERE day <= %(split)s::date) AS last_visit_on,
        (count(*) FILTER (WHERE day <= %(split)s::date))::int AS visit_days,
        (count(*) FILTER (WHERE {_LATELY.format("day")}))::int AS days_365,
        (count(*) FILTER (WHERE day > %(split)s::date))::int AS days_after
    FROM night_days_of_visits GROUP BY patient_id HAVING min(day) <= %(split)s::date
) AS visits
JOIN patients_patient AS kept ON kept.id = visits.patient_id
LEFT JOIN (
    SELECT COALESCE(card.merged_into_id, card.id) AS patient_id,
        sum({_PAID}) FILTER (WHERE payment.paid_on <= %(split)s::date) AS money,
        sum({_PAID}) FILTER (WHERE {_LATELY.format("payment.paid_on")}) AS money_365,
        sum({_PAID}) FILTER (WHERE payment.paid_on > %(split)s::date) AS money_after
    FROM patients_payment AS payment JOIN patients_patient AS card ON card.id = payment.patient_id
    WHERE payment.deleted_at IS NULL AND payment.paid_on <= %(as_of)s::date
    GROUP BY 1
) AS paid ON paid.patient_id = visits.patient_id
"""
_SPLIT = {
    "patient_id": ID, "first_visit_on": DAY, "last_visit_on": DAY, "visit_days": COUNT, "days_365": COUNT,
    "days_after": COUNT, "money": MONEY, "money_365": MONEY, "money_after": MONEY, "channel_id": REFERENCE,
}  # fmt: skip
_BY_DAY = """
SELECT (days.day - %(split)s::date)::int, count(*)
FROM night_days_of_visits AS days JOIN night_split ON night_split.patient_id = days.patient_id
WHERE days.day > %(split)s::date GROUP BY 1
"""


class Compared(NamedTuple):
    """One entry per patient known at the split; `expected_money` is NaN where the bill could not be modelled."""

    repeats: Floats
    expected: Floats
    actual: Floats
    expected_money: Floats
    actual_money: Floats


def refresh(night: Night) -> Calibration | None:
    """Write a calibration when the last one is four weeks old; None when it is not."""
    last = Calibration.objects.filter(as_of__lte=night.as_of).order_by("-as_of").first()
    if last and not night.refit and (night.as_of - last.as_of).days < EVERY_DAYS:
        return None
    found, _created = Calibration.objects.update_or_create(as_of=night.as_of, defaults=_calibrate(night.as_of))
    return found


def _calibrate(as_of: datetime.date) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS night_days_of_visits, night_split")
        cursor.execute(_DAYS, {"as_of": as_of})
        cursor.execute("ANALYZE night_days_of_visits")
        cursor.execute("SELECT min(day) FROM night_days_of_visits")
        first = cursor.fetchone()[0]
        history = (as_of - first).days if first else 0
        horizon = min(HORIZON_DAYS, history // 2)
        split = as_of - datetime.timedelta(days=horizon)
        empty: dict[str, Any] = {
            "split_on": split, "method": LtvFit.Method.FORMULA, "reason": "too_short", "customers": 0,
            "expected_visits": None, "actual_visits": 0, "expected_money": None, "actual_money": 0,
            "correlation": None, "figures": {},
        }  # fmt: skip
        if horizon < SHORTEST_DAYS:
            return empty
        window = {"as_of": as_of, "split": split}
        cursor.execute(_KNOWN, window)
        known = read_frame("night_split", _SPLIT)
        cursor.execute(_BY_DAY, window)
        by_day = np.zeros(horizon + 1)
        for day, count in cursor.fetchall():
            by_day[day] = count
    return empty | _compare(known, day_number(split), horizon, by_day)


def _compare(known: pd.DataFrame, split: int, horizon: int, by_day: Floats) -> dict[str, Any]:
    visits, payments = visits_of(known, split), payments_of(known)
    fit, bill = bg_nbd.fit(*visits), gamma_gamma.fit(*payments.paid())
    found: dict[str, Any] = {"method": fit.method, "reason": fit.reason, "customers": len(known)}
    if fit.params is None:
        return found
    expected = bg_nbd.expected(fit.params, *visits, horizon / DAYS_IN_WEEK)
    bills = np.full(len(known), np.nan)
    if bill.params:
        bills = gamma_gamma.expected_mean(bill.params, *payments)
        bills *= level.bill_level(known["days_365"].to_numpy(), known["money_365"].to_numpy(), bills)
    compared = Compared(
        visits.x, expected, known["days_after"].to_numpy(dtype=np.float64), np.clip(expected * bills, 0, LARGEST),
        known["money_after"].to_numpy(dtype=np.float64),
    )  # fmt: skip
    return found | {
        "expected_visits": float(expected.sum()),
        "actual_visits": int(compared.actual.sum()),
        "expected_money": _roubles(compared.expected_money.sum()) if bill.params else None,
        "actual_money": _roubles(compared.actual_money.sum()),
        "correlation": _correlation(compared),
        "figures": {
            "deciles": deciles(compared),
            "by_visits": by_visits(compared),
            "by_channel": by_channel(compared, known["channel_id"].to_numpy()),
            "by_week": [
                {
                    "week": day // DAYS_IN_WEEK,
                    "expected": float(bg_nbd.expected(fit.params, *visits, day / DAYS_IN_WEEK).sum()),
                    "actual": int(by_day[: day + 1].sum()),
                }
                for day in range(DAYS_IN_WEEK, horizon + 1, DAYS_IN_WEEK)
            ],
        },
    }


def deciles(compared: Compared) -> list[dict[str, Any]]:
    order = np.argsort(compared.expected, kind="stable")
    return [_decile(number, rows, compared) for number, rows in enumerate(np.array_split(order, 10), 1) if len(rows)]


def _decile(number: int, rows: Any, compared: Compared) -> dict[str, Any]:
    actual, money = compared.actual[rows], float(compared.expected_money[rows].sum())
    slack = NORMAL_95 * float(np.std(actual)) * len(rows) ** 0.5
    total = float(actual.sum())
    return {
        "decile": number, "patients": len(rows), "expected_visits": float(compared.expected[rows].sum()),
        "actual_visits": int(total), "low": max(total - slack, 0.0), "high": total + slack,
        "expected_money": None if np.isnan(money) else round(money, 2),
        "actual_money": round(float(compared.actual_money[rows].sum()), 2),
    }  # fmt: skip


def by_visits(compared: Compared) -> list[dict[str, Any]]:
    repeats = np.minimum(compared.repeats, MOST_VISITS)
    groups = [(str(n) if n < MOST_VISITS else f"{n}+", repeats == n) for n in range(MOST_VISITS + 1)]
    return [
        {
            "visits_before": name, "patients": int(rows.sum()), "expected": float(compared.expected[rows].sum()),
            "actual": int(compared.actual[rows].sum()),
        }
        for name, rows in groups if rows.any()
    ]  # fmt: skip


def by_channel(compared: Compared, channels: NDArray[np.int32]) -> list[dict[str, Any]]:
    return [_channel(int(pk), channels == pk, compared) for pk in np.unique(channels)]


def _channel(pk: int, rows: NDArray[np.bool_], compared: Compared) -> dict[str, Any]:
    visits, paid = compared.actual[rows], compared.actual_money[rows]
    expected, money = compared.expected[rows], compared.expected_money[rows]
    low, high = _chance(visits, expected)
    found = {
        "channel": pk or None, "patients": int(rows.sum()), "expected_visits": float(expected.sum()),
        "actual_visits": int(visits.sum()), "low": low, "high": high, "actual_money": round(float(paid.sum()), 2),
    }  # fmt: skip
    if np.isnan(money).any():
        return found | {"expected_money": None, "money_low": None, "money_high": None}
    low, high = (round(bound, 2) for bound in _chance(paid, money))
    return found | {"expected_money": round(float(money.sum()), 2), "money_low": low, "money_high": high}


def _chance(actual: Floats, expected: Floats) -> tuple[float, float]:
    """Between which sums lies what such patients bring 99 times in 100."""
    total = float(actual.sum())
    slack = NORMAL_99 * float(np.std(actual - expected)) * len(actual) ** 0.5
    return max(total - slack, 0.0), total + slack


def _correlation(compared: Compared) -> float | None:
    if len(compared.actual) < 2 or not np.ptp(compared.actual) or not np.ptp(compared.expected):
        return None
    return float(np.corrcoef(compared.expected, compared.actual)[0, 1])


def _roubles(amount: float) -> Decimal:
    return Decimal(str(round(float(amount), 2)))
