"""New patients of a period by the channel they came from: what they paid, what is expected of them, what they cost."""

import datetime as dt
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from django.db import connection

from segmentation.models import Calibration
from segmentation.scoring import acquisition, intervals
from segmentation.scoring.acquisition import FEW, Check, Cohort, Judged
from segmentation.scoring.intervals import Interval

Basis = Literal["margin", "income"]
DAYS_IN_MONTH = 30.4375
LONGEST_MONTHS = 60
# The curves of money by month are drawn over so many new patients at most, the same ones every time.
SAMPLE = 100_000

_COHORT = """
WITH new AS MATERIALIZED (
    SELECT p.channel_id AS channel, m.patient_id, m.money::float8 AS money, m.margin::float8 AS margin, m.visit_days,
           f.money_36m::float8 AS ahead, f.money_36m IS NOT NULL AS foreseen,
           %(as_of)s::date - m.first_visit_on AS days
    FROM segmentation_metrics m JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN segmentation_forecast f ON f.patient_id = m.patient_id
    WHERE m.first_visit_on BETWEEN %(since)s AND %(until)s AND p.deleted_at IS NULL AND p.merged_into_id IS NULL
)
"""
_PATIENTS = f"""{_COHORT}
SELECT channel, array_agg(money), array_agg(margin), array_agg(coalesce(ahead, 0)), count(*) FILTER (WHERE foreseen),
       count(*) FILTER (WHERE days >= %(watched)s), count(*) FILTER (WHERE days >= %(watched)s AND visit_days = 1)
FROM new GROUP BY channel
"""
_MONTHS = f"""{_COHORT},
seen AS MATERIALIZED (
    SELECT channel, patient_id, least(floor(days / %(month)s)::int, %(longest)s) AS months, days
    FROM new ORDER BY hashint8(patient_id) LIMIT %(sample)s
)
SELECT 'watched', channel, months, count(*)::float8 FROM seen GROUP BY channel, months
UNION ALL
SELECT 'paid', channel, k, sum(amount)::float8 FROM (
    SELECT s.channel, s.months,
           greatest(floor((pay.paid_on - %(as_of)s::date + s.days) / %(month)s), 0)::int AS k,
           CASE WHEN pay.kind = 'refund' THEN -pay.amount ELSE pay.amount END AS amount
    FROM seen s JOIN patients_payment pay ON pay.patient_id = s.patient_id
    WHERE pay.deleted_at IS NULL AND pay.paid_on <= %(as_of)s
) AS each WHERE k < months GROUP BY channel, k
"""
_SPEND = """
SELECT channel_id, sum(amount)::float8 FROM patients_channelspend WHERE month BETWEEN %(since)s AND %(until)s GROUP BY 1
"""


@dataclass
class ChannelFigures:
    """One channel (None: patients of whom it is not known). `so_far`: ₽ per new patient until now; `curve`: what the
    mean patient has brought by the end of each month; `payback`: the month in which the cost is back; `check`: how the
    forecast of half a year ago held for this channel."""

    channel: int | None
    patients: int
    spend: float | None
    judged: Judged
    so_far: Interval | None
    watched: int
    once: int
    curve: list[float]
    payback: int | None
    check: Check | None = None

    @property
    def scaled_by(self) -> float | None:
        """By what the forecast of this channel is multiplied, because it missed by more than chance."""
        return self.check.factor if self.check else None

    @property
    def watched_months(self) -> int:
        return len(self.curve)


@dataclass
class Acquisition:
    """`basis`: what is counted as worth; `foreseen`: whether the forecast of 36 months is in the worth;
    `margin_share`: of the money of all new patients, what is left after the cost of what was rendered."""

    basis: Basis
    foreseen: bool
    margin_share: float | None
    channels: list[ChannelFigures] = field(default_factory=list)

    @property
    def patients(self) -> int:
        return sum(one.patients for one in self.channels)

    @property
    def spend(self) -> float:
        return sum(one.spend or 0.0 for one in self.channels)


@dataclass
class _Rows:
    money: np.ndarray
    margin: np.ndarray
    ahead: np.ndarray
    foreseen: int
    watched: int
    once: int


def acquisition_of(since: dt.date, until: dt.date, as_of: dt.date, basis: Basis) -> Acquisition:
    """Patients whose first visit was within [since, until], judged channel by channel against the rest.

    Worth = paid so far, and what the forecast expects in 36 months when it is there. On the basis of margin the cost of
    what was rendered is taken off; the forecast is of money, so it counts with the margin share of the whole cohort.
    The forecast knows visits and payments, not channels: where the last check shows that it missed a channel by more
    than chance, what is expected of its patients is multiplied by what happened ÷ what was expected.
    """
    asked = {
        "since": since, "until": until, "as_of": as_of, "watched": acquisition.WATCHED_DAYS, "month": DAYS_IN_MONTH,
        "longest": LONGEST_MONTHS, "sample": SAMPLE,
    }  # fmt: skip
    rows = {
        channel: _Rows(np.array(money), np.array(margin), np.array(ahead), *counts)
        for channel, money, margin, ahead, *counts in _fetch(_PATIENTS, asked)
    }
    spend = dict(_fetch(_SPEND, asked))
    paid = sum(float(row.money.sum()) for row in rows.values())
    kept = sum(float(row.margin.sum()) for row in rows.values())
    share = kept / paid if paid > 0 else None
    factor = share if basis == "margin" and share is not None else 1.0
    foreseen = any(row.foreseen for row in rows.values())
    checks = _checks(as_of) if foreseen else {}
    cohorts = {
        channel: Cohort(
            _so_far(row, basis) + row.ahead * factor * _scale(checks.get(channel)), row.watched, row.once,
            spend.get(channel),
        )
        for channel, row in rows.items()
    }  # fmt: skip
    curves = _curves(asked, factor)
    found = Acquisition(basis, foreseen, share)
    for channel, row in rows.items():
        others = [cohort for other, cohort in cohorts.items() if other != channel]
        judged = acquisition.judge(cohorts[channel], others)
        curve = curves.get(channel, np.empty(0))
        payback = acquisition.payback_months(curve, judged.cost.value) if judged.cost else None
        found.channels.append(
            ChannelFigures(
                channel, len(row.money), spend.get(channel), judged, intervals.mean(_so_far(row, basis)), row.watched,
                row.once, [float(value) for value in curve], payback, checks.get(channel),
            )
        )  # fmt: skip
    for channel in spend.keys() - rows.keys():  # money went out and nobody came
        nobody = acquisition.judge(Cohort(np.empty(0), 0, 0, spend[channel]), list(cohorts.values()))
        found.channels.append(ChannelFigures(channel, 0, spend[channel], nobody, None, 0, 0, [], None))
    found.channels.sort(key=lambda one: (-one.patients, one.channel or 0))
    return found


def _checks(as_of: dt.date) -> dict[int | None, Check]:
    """How the last checked forecast held, by channel; of the smallest nothing is concluded."""
    last = Calibration.objects.filter(as_of__lte=as_of).order_by("-as_of").first()
    names = [one.name for one in fields(Check)]
    return {
        row["channel"]: Check(**{name: row[name] for name in names})
        for row in (last.figures.get("by_channel", []) if last else [])
        if row["patients"] >= FEW
    }


def _scale(check: Check | None) -> float:
    factor = check.factor if check else None
    return 1.0 if factor is None else factor


def _so_far(row: _Rows, basis: Basis) -> np.ndarray:
    return row.margin if basis == "margin" else row.money


def _curves(asked: dict[str, Any], factor: float) -> dict[int | None, np.ndarray]:
    """What the mean new patient of each channel has brought by the end of each month."""
    paid: dict[int | None, np.ndarray] = {}
    ended: dict[int | None, np.ndarray] = {}
    for what, channel, month, amount in _fetch(_MONTHS, asked):
        table = ended if what == "watched" else paid
        table.setdefault(channel, np.zeros(LONGEST_MONTHS + 1))[month] = amount
    curves = {}
    for channel, histogram in ended.items():
        # Watched through month k: those with more than k whole months behind them.
        watched = np.append(histogram[::-1].cumsum()[::-1][1:], 0.0)
        money = paid.get(channel, np.zeros(LONGEST_MONTHS + 1)) * factor
        curves[channel] = acquisition.cumulated(money, watched)
    return curves


def _fetch(sql: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())
