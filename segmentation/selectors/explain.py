"""Why a patient has these scores: the numbers behind each of them, as of the last night.

Everything is recomputed here from the patient's metrics and the borders stored with the night, by the rules of
`segmentation.scoring`; where the stored score differs from the plain band, hysteresis kept it and `kept` says so.
The words are written by the pages.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from django.utils.functional import Promise

from segmentation.kinds import KINDS, reason_label
from segmentation.models import Membership, Metrics, NightlyRun, Score, Segment, Segmentation
from segmentation.scoring import lifecycle, value
from segmentation.scoring.hysteresis import Floats

Number = float | Decimal


@dataclass(frozen=True)
class Step:
    """One score of a scale: greater than `above`, up to `up_to` (inclusive); None is open."""

    score: int
    above: float | None
    up_to: float | None
    current: bool

    @property
    def decimals(self) -> int:
        """As many as the border needs: 1.5 has one, 2 none."""
        border = self.above if self.up_to is None else self.up_to
        return len(f"{border or 0:.4f}".rstrip("0").partition(".")[2])


@dataclass(frozen=True)
class Recency:
    """R: `days` since the last visit; `cycles` = days ÷ `cycle_days`."""

    score: int
    days: int
    cycles: float
    cycle_days: float
    cycle_known: bool
    in_cycles: bool
    steps: list[Step]
    late: bool
    capped: bool
    kept: bool


@dataclass(frozen=True)
class Amount:
    """F (days with a visit) or M (₽ paid), over all time or over 365 days."""

    score: int
    value: Number
    year_only: bool
    steps: list[Step]
    kept: bool


@dataclass(frozen=True)
class Worth:
    """LTV, ₽ = average bill × visits per year × years; `years_known` is the time the visits are spread over."""

    segment: Segment | None
    ltv: Decimal | None
    average_bill: float
    per_year: float
    years: float
    years_known: float
    gone: bool
    reasons: list[str | Promise]
    low: float | None
    vip: float | None


@dataclass(frozen=True)
class Mood:
    segment: Segment | None
    last_nps: int | None
    answered_on: dt.date | None
    fresh: bool
    complaints: int
    margin_365: Decimal
    band: int | None
    borders: list[float]


@dataclass(frozen=True)
class Stage:
    """Lifecycle; `missed` counts due dates that passed unused, `patience_days` replaces a cycle nobody knows."""

    segment: Segment | None
    reason: str | Promise
    due_on: dt.date | None
    days: int | None
    missed: int
    patience_days: int


@dataclass(frozen=True)
class Move:
    membership: Membership
    reason: str


@dataclass
class Explained:
    """Everything the card says about scores; a part is None while the night has not written it."""

    as_of: dt.date | None = None
    stale: list[Segmentation] = field(default_factory=list)
    recency: Recency | None = None
    frequency: Amount | None = None
    money: Amount | None = None
    worth: Worth | None = None
    mood: Mood | None = None
    stage: Stage | None = None


def last_night() -> NightlyRun | None:
    return NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of").first()


def moves_of(patient_id: int, limit: int = 40) -> list[Move]:
    """Memberships of a patient, the last first, each with its cause in words."""
    rows = Membership.objects.filter(patient=patient_id, segmentation__active=True).select_related(
        "segmentation", "segment", "came_from"
    )
    return [Move(row, _cause(row)) for row in rows.order_by("-entered_on", "-id")[:limit]]


def _cause(row: Membership) -> str:
    kind = KINDS.get(row.segmentation.kind)
    return kind.reason(row.cause) if kind and row.cause else ""


def explain(
    metrics: Metrics | None,
    score: Score | None,
    night: NightlyRun | None,
    segmentations: Collection[Segmentation],
    segments: Collection[Segment],
) -> Explained:
    """`segments` are those the patient is in now. Reads nothing from the database."""
    found = Explained(as_of=night.as_of if night else None)
    if not (metrics and score and night):
        return found
    now = {segment.segmentation_id: segment for segment in segments}
    for segmentation in segmentations:
        kind, write, fit = (
            KINDS.get(segmentation.kind),
            _WRITERS.get(segmentation.kind),
            night.fitted.get(segmentation.code),
        )
        if kind is None or write is None or fit is None:
            continue
        if fit["params"] != {**kind.defaults(), **segmentation.params}:
            found.stale.append(segmentation)
        segment = now.get(segmentation.pk)
        params = {**kind.defaults(), **fit["params"]}
        write(found, metrics, score, params, fit["borders"], segment, night.as_of)
    return found


def scale(borders: list[float], score: int, descending: bool = False) -> list[Step]:
    """The borders as the steps of a scale, best score first for recency and last for the others."""
    edges: list[float | None] = [None, *borders, None]
    count = len(borders) + 1
    scores = [count - i if descending else i + 1 for i in range(count)]
    return [Step(scores[i], edges[i], edges[i + 1], scores[i] == score) for i in range(count)]


def _rfm(
    found: Explained, metrics: Metrics, score: Score, params: dict[str, Any], fitted: dict[str, Any],
    segment: Segment | None, as_of: dt.date,
) -> None:  # fmt: skip
    if metrics.last_visit_on is None or not {"r", "f", "m"} <= fitted.keys():
        return
    days = (as_of - metrics.last_visit_on).days
    known = metrics.cycle_days is not None
    cycle = max(metrics.cycle_days or 0, params["shortest_cycle_days"]) if known else params["default_cycle_days"]
    cycles = days / cycle
    in_cycles = params["recency"] == "cycles"
    late = cycles > 1 or bool(metrics.due_on and metrics.due_on < as_of)
    plain = 5 - bisect_left(fitted["r"], cycles if in_cycles else days)
    capped = late and plain == 5
    found.recency = Recency(
        score.r, days, cycles, cycle, known, in_cycles, scale(fitted["r"], score.r, descending=True), late, capped,
        kept=score.r != min(plain, 4 if late else 5),
    )  # fmt: skip
    year_only = params["window"] == "365"
    visits = metrics.visits_365 if year_only else metrics.visit_days
    paid = metrics.money_365 if year_only else metrics.money
    found.frequency = _amount(score.f, visits, fitted["f"], year_only)
    found.money = _amount(score.m, paid, fitted["m"], year_only)


def _amount(score: int, amount: Number, borders: list[float], year_only: bool) -> Amount:
    plain = bisect_left(borders, float(amount)) + 1
    return Amount(score, amount, year_only, scale(borders, score), kept=score != plain)


def _number(day: dt.date | None) -> Floats:
    """A day as the scoring takes it: a column of one."""
    return np.array([np.nan if day is None else day.toordinal()], dtype=np.float64)


def _value(
    found: Explained, metrics: Metrics, score: Score, params: dict[str, Any], fitted: dict[str, Any],
    segment: Segment | None, as_of: dt.date,
) -> None:  # fmt: skip
    if metrics.first_visit_on is None or metrics.last_visit_on is None or not metrics.visits:
        return
    last, due, ahead_on = (_number(day) for day in (metrics.last_visit_on, metrics.due_on, metrics.next_visit_on))
    gone = bool(value.is_gone(last, due, ahead_on, as_of.toordinal(), params["gone_after_days"])[0])
    end = metrics.last_visit_on if gone else as_of
    spread = max(int((end - metrics.first_visit_on).days / value.DAYS_IN_MONTH) / 12, 1.0)
    ahead = metrics.visit_days >= 2 and not gone
    years = max(spread, fitted.get("lifetime_years", spread)) if ahead else spread
    low, vip = fitted.get("ltv") or (None, None)
    found.worth = Worth(
        segment, score.ltv, float(metrics.money) / metrics.visits, metrics.visits / spread, years, spread, gone,
        [reason_label(code) for code in score.value_reasons], low, vip,
    )  # fmt: skip


def _satisfaction(
    found: Explained, metrics: Metrics, score: Score, params: dict[str, Any], fitted: dict[str, Any],
    segment: Segment | None, as_of: dt.date,
) -> None:  # fmt: skip
    answered = metrics.last_answer_on
    fresh = answered is not None and (as_of - answered).days < params["answer_days"]
    found.mood = Mood(
        segment, metrics.last_nps, answered, fresh, metrics.complaints_365, metrics.margin_365, score.profit_band,
        list(fitted.get("profit", [])),
    )  # fmt: skip


def _lifecycle(
    found: Explained, metrics: Metrics, score: Score, params: dict[str, Any], fitted: dict[str, Any],
    segment: Segment | None, as_of: dt.date,
) -> None:  # fmt: skip
    patience = lifecycle.Patience(**{name: params[name] for name in lifecycle.Patience.__dataclass_fields__})
    own = np.array([np.nan if metrics.own_interval_days is None else metrics.own_interval_days])
    months = float(lifecycle.patience_days(own, patience)[0])
    cycle = months if metrics.cycle_days is None else max(metrics.cycle_days, patience.shortest_cycle_days)
    due, last = _number(metrics.due_on), _number(metrics.last_visit_on)
    missed = lifecycle.missed_cycles(due, last, np.array([cycle]), as_of.toordinal(), patience.grace_days)
    days = (as_of - metrics.last_visit_on).days if metrics.last_visit_on else None
    reason = reason_label(score.lifecycle_reason) if score.lifecycle_reason else ""
    found.stage = Stage(
        segment, reason, metrics.due_on, days, 0 if metrics.due_on is None else int(missed[0]), round(months)
    )


_WRITERS = {"rfm": _rfm, "value": _value, "satisfaction": _satisfaction, "lifecycle": _lifecycle}
