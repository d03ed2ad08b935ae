"""docs/segmentation.md written down a second time, in plain Python: default thresholds, one patient after another."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, exp, floor, inf, lgamma, log
from typing import Any

from tests.scenarios.recomputed_forecasts import Forecasts
from tests.scenarios.recomputed_metrics import CLINIC, DAY, Facts, metrics_of

Day = dt.date
MONTH = 30.4375
Row = dict[str, Any]


def quantile(values: list[float], share: Fraction) -> float:
    """The smallest x of the base such that at least this share of the base is ≤ x."""
    ordered = sorted(values)
    return next((x for n, x in enumerate(ordered, 1) if Fraction(n, len(ordered)) >= share), 0.0)


def band(value: float, borders: list[float], before: int | None) -> int:
    """1 … n; stays what it was unless the value is beyond a border of that band by more than 10 %."""
    raw = 1 + sum(value > border for border in borders)
    if before:
        edges = [-inf, *borders, inf]
        low, high = edges[before - 1], edges[before]
        ease_low = 0.1 * abs(low) if low > -inf else 0
        ease_high = 0.1 * abs(high) if high < inf else 0
        if low < high and low - ease_low < value <= high + ease_high:
            return before
    return raw


@dataclass
class Conclusion:
    """What a night says of one patient; the segments are None where the patient is in none."""

    r: int = 0
    f: int = 0
    m: int = 0
    profit_band: int | None = None
    ltv: float | None = None
    value_reasons: tuple[str, ...] = ()
    lifecycle_reason: str = ""
    segments: dict[str, str | None] = field(default_factory=dict)
    falling: dict[str, Any] | None = None  # the cause, should the patient have moved

    def scores(self) -> tuple[int, int, int, int]:
        return self.r, self.f, self.m, self.profit_band or 0


@dataclass
class Clinic:
    """The nights one after another: what was concluded, the borders in force, who was where since when."""

    fits: dict[str, Any] = field(default_factory=dict)
    fitted_on: Day | None = None
    fitted_visited: int = 0
    last: dict[int, Conclusion] = field(default_factory=dict)
    forecasts: Forecasts = field(default_factory=Forecasts)
    expected: dict[int, Row] = field(default_factory=dict)  # the forecasts of the last night
    # (patient, segmentation) -> [segment, came_from, entered, left, money]
    stories: dict[tuple[int, str], list[list[Any]]] = field(default_factory=dict)

    def night(self, facts: Facts, as_of: Day) -> tuple[dict[int, Row], dict[int, Conclusion]]:
        """Metrics of all and conclusions about those the clinic knew on `as_of`."""
        metrics = {pk: metrics_of(facts, pk, as_of) for pk in facts.living()}
        frame = {pk: row for pk, row in metrics.items() if row["visit_days"] or not _later(facts.people[pk], as_of)}
        self.expected = self.forecasts.night(facts, metrics, as_of)
        self._fit(frame, as_of)
        found = {pk: self._conclude(row, self.last.get(pk, Conclusion()), as_of) for pk, row in frame.items()}
        for pk, row in frame.items():
            before = self.last.get(pk, Conclusion()).segments.get("value_falling")
            found[pk].segments["value_falling"], found[pk].falling = falling(row, self.expected.get(pk), before, as_of)
        self._move(frame, found, as_of)
        self.last = found
        return metrics, found

    def _fit(self, frame: dict[int, Row], as_of: Day) -> None:
        base = [row for row in frame.values() if row["visit_days"]]
        if self.fitted_on and (as_of - self.fitted_on).days < 30 and len(base) < 2 * self.fitted_visited:
            return
        fifths = [Fraction(n, 5) for n in range(1, 5)]
        lifetime = mean_lifetime(base, as_of)
        values = [ltv_of(row, lifetime, as_of) for row in base]
        profits = [float(row["margin_365"]) for row in base if row["visits_365"]]
        self.fitted_on, self.fitted_visited = as_of, len(base)
        self.fits = {
            "f": [quantile([row["visit_days"] for row in base], share) for share in fifths],
            "m": [quantile([float(row["money"]) for row in base], share) for share in fifths],
            "lifetime": lifetime,
            "ltv": [quantile(values, Fraction(20, 100)), quantile(values, Fraction(90, 100))],
            "profit": [quantile(profits, Fraction(30, 100)), quantile(profits, Fraction(75, 100))],
        }

    def _conclude(self, row: Row, before: Conclusion, as_of: Day) -> Conclusion:
        found = Conclusion()
        state, found.lifecycle_reason = lifecycle(row, as_of)
        found.segments = {"rfm": None, "value": None, "satisfaction": None, "lifecycle": state}
        if not row["visit_days"]:
            return found
        self._rfm(row, before, found, as_of)
        self._value(row, before, found, as_of)
        found.profit_band = band(float(row["margin_365"]), self.fits["profit"], before.profit_band)
        found.segments["satisfaction"] = {
            "unhappy": ("g", "d", "d"),
            "neither": ("v", "v", "v"),
            "happy": ("b", "v", "a"),
            "unknown": ("unknown",) * 3,
        }[mood(row, as_of)][found.profit_band - 1]
        return found

    def _rfm(self, row: Row, before: Conclusion, found: Conclusion, as_of: Day) -> None:
        cycle = max(row["cycle_days"], 30) if row["cycle_days"] is not None else 180
        cycles = (as_of - row["last_visit_on"]).days / cycle
        found.r = 6 - band(cycles, [1, 1.5, 2, 3], 6 - before.r if before.r else None)
        if cycles > 1 or (row["due_on"] and row["due_on"] < as_of):
            found.r = min(found.r, 4)
        found.f = band(row["visit_days"], self.fits["f"], before.f)
        found.m = band(float(row["money"]), self.fits["m"], before.m)
        found.segments["rfm"] = rfm_segment(found.r, found.f, found.m)

    def _value(self, row: Row, before: Conclusion, found: Conclusion, as_of: Day) -> None:
        found.ltv = ltv_of(row, self.fits["lifetime"], as_of)
        was = before.segments.get("value")
        held = {"vip": 3, "stable": 2}.get(was or "") or (1 if was == "one_off" and row["visit_days"] > 1 else None)
        level = band(found.ltv, self.fits["ltv"], held)
        ease = 0.9 if was == "unprofitable" else 1.0
        reasons = []
        appointments = row["cancelled_365"] + row["visits_365"]
        if row["cancelled_365"] >= 3 and row["cancelled_365"] / appointments >= 0.5 * ease:
            reasons.append("cancels_often")
        if row["complaints_365"] >= 2:
            reasons.append("complains")
        if row["visits"] >= 3 and (row["discount_share"] or 0) >= 0.3 * ease:
            reasons.append("discount_hunter")
        if row["visits"] >= 2 and row["margin"] < 0:
            reasons.append("negative_margin")
        if "negative_margin" in reasons or (reasons and level < 3):
            tier = "unprofitable"
        elif level == 3:
            tier, reasons = "vip", ["high_ltv"]
        elif row["visit_days"] == 1:
            tier, reasons = "one_off", ["single_visit"]
        elif level == 1:
            tier, reasons = "one_off", ["low_ltv"]
        else:
            tier, reasons = "stable", ["regular"]
        found.segments["value"], found.value_reasons = tier, tuple(reasons)

    def _move(self, frame: dict[int, Row], found: dict[int, Conclusion], as_of: Day) -> None:
        for pk in self.last.keys() | found.keys():
            for code in ("rfm", "value", "satisfaction", "lifecycle", "value_falling"):
                was = self.last[pk].segments.get(code) if pk in self.last else None
                now = found[pk].segments.get(code) if pk in found else None
                if was == now:
                    continue
                story = self.stories.setdefault((pk, code), [])
                if was:
                    story[-1][3] = as_of
                if now:
                    at_stake = was or now == "falling"  # a fall is told of who comes from nowhere too
                    story.append([now, was, as_of, None, frame[pk]["money_365"] if at_stake else None])


def _later(person: Any, as_of: Day) -> bool:
    return bool(person.registered_at and person.registered_at.astimezone(CLINIC).date() > as_of)


def is_gone(row: Row, as_of: Day) -> bool:
    expected = (row["due_on"] and row["due_on"] >= as_of) or row["next_visit_on"]
    return (as_of - row["last_visit_on"]).days > 365 and not expected


def mean_lifetime(base: list[Row], as_of: Day) -> float:
    several = [row for row in base if row["visit_days"] >= 2]
    gone = [row for row in several if is_gone(row, as_of)]
    if not gone:
        return 5.0
    ends = [(row["last_visit_on"] if is_gone(row, as_of) else as_of) - row["first_visit_on"] for row in several]
    return min(round(sum(end.days for end in ends) / 365.25 / len(gone), 4), 5.0)


def ltv_of(row: Row, mean: float, as_of: Day) -> float:
    gone = is_gone(row, as_of)
    end = row["last_visit_on"] if gone else as_of
    years = max(floor((end - row["first_visit_on"]).days / MONTH) / 12, 1)
    lifetime = max(years, mean) if row["visit_days"] >= 2 and not gone else years
    bill, frequency = float(row["money"]) / row["visits"], row["visits"] / years
    return round(bill * frequency * lifetime, 2)


def mood(row: Row, as_of: Day) -> str:
    if row["complaints_365"]:
        return "unhappy"
    if row["last_nps"] is None or row["last_answer_on"] <= as_of - 365 * DAY:
        return "unknown"
    return "happy" if row["last_nps"] >= 9 else "unhappy" if row["last_nps"] <= 6 else "neither"


def lifecycle(row: Row, as_of: Day) -> tuple[str, str]:
    if not row["visit_days"]:
        return "lead", "no_visit"
    fresh = (as_of - row["first_visit_on"]).days <= 60
    if row["next_visit_on"] and (row["next_visit_on"] - as_of).days <= 90:
        return "new" if fresh else "active", "has_appointment"
    own = row["own_interval_days"]
    patience = (3 if own is not None and own <= 60 else 6 if own is not None and own <= 120 else 12) * MONTH
    due = row["due_on"]
    if not due:
        if (as_of - row["last_visit_on"]).days > patience:
            return "lost", "no_visit_months"
        return ("new", "first_visit") if fresh else ("active", "recent_visit")
    cycle = max(row["cycle_days"], 30) if row["cycle_days"] is not None else patience
    late = (as_of - max(due, row["last_visit_on"])).days - 14
    missed = floor(late / cycle) + 1 if late > 0 else 0
    if missed >= 2:
        return "lost", "missed_cycles"
    if missed:
        return "overdue", "past_due"
    if (due - as_of).days <= 14:
        return "due", "due_soon"
    return ("new", "first_visit") if fresh else ("active", "within_cycle")


def falling(row: Row, forecast: Row | None, before: str | None, as_of: Day) -> tuple[str | None, Row | None]:
    """The segment and the cause; nothing without a year of past, three days and money before the last 365 days."""
    if forecast is None or (as_of - row["last_visit_on"]).days > 365:
        return None, None
    past = (as_of - row["first_visit_on"]).days - 365
    money = float(row["money"] - row["money_365"])
    lately = row["visits_365"] * row["visit_days"] / row["visits"]
    earlier = row["visit_days"] - lately
    if past < 365 or earlier < 3 - 1e-9 or money <= 0:
        return None, None
    years = past / 365.25
    awaited = bool(row["next_visit_on"]) or bool(row["due_on"] and row["due_on"] >= as_of)
    alive = 1.0 if awaited else forecast["p_alive"]
    visits = modelled = alive * forecast["visits_12m"] / forecast["p_alive"]
    usual, chance = earlier / years, 0.1 if before == "falling" else 0.05
    tail = sum(exp(-usual + k * log(usual) - lgamma(k + 1)) for k in range(ceil(lately - 1e-9) + 1))
    if tail < chance:
        visits = min(visits, lately)
    bill, lately_paid = forecast["bill"], max(float(row["money_365"]), 0.0)
    if lately >= 3 - 1e-9:
        bill = min(bill, lately_paid / lately)
    was, expected = money / years, visits * bill
    ease = 0.2 if before == "falling" else 0.0
    if not (expected < 0.5 * (1 + ease) * was and was - expected >= 10_000 * (1 - ease)):
        return "steady", {"reasons": ["as_before"], "was": round(was), "expected": round(expected)}
    parts = {
        "silent": -log(max(alive, 1e-6)),
        "comes_rarer": log(max(modelled, 1e-6)) - log(max(visits, 1e-6)),
        "pays_less": max(log(money / earlier) - log(max(bill, 1e-6)), 0) if lately >= 3 - 1e-9 else 0.0,
    }
    whole = sum(parts.values())
    named = [name for name in sorted(parts, key=lambda name: -parts[name]) if parts[name] >= max(whole / 3, 1e-9)]
    return "falling", {"reasons": named or ["silent"], "was": round(was), "expected": round(expected)}


def rfm_segment(r: int, f: int, m: int) -> str:
    rules = (
        (r >= 4 and f >= 4 and m >= 4, "champions"),
        (r <= 2 and f >= 4 and m >= 4, "cant_lose"),
        (r >= 3 and f + m >= 7, "loyal"),
        (r == 5 and f == 1, "new"),
        (r >= 4 and f >= 2, "promising"),
        (r >= 3, "needs_attention"),
        (f + m >= 6, "at_risk"),
        (r == 2, "hibernating"),
    )
    return next((name for fits, name in rules if fits), "lost")
