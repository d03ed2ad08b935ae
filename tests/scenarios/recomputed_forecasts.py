"""docs/metrics.md, "Forecasts", read a second time: what the models are told of a patient, from visits and payments.

The models themselves are those of `segmentation.scoring.ltv`, which have tests of their own against published figures.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Any

import numpy as np

from segmentation.scoring.ltv import bg_nbd, gamma_gamma
from tests.scenarios.recomputed_metrics import DAY, Facts, completed

Day = dt.date
Row = dict[str, Any]
HORIZONS = {"3m": 91, "12m": 365, "36m": 1096}


@dataclass
class Forecasts:
    """The nights one after another: the fit in force, and since when the numbers of each patient are as they are."""

    fitted_on: Day | None = None
    visits: Any = None
    bill: Any = None
    level: float = 1.0
    changed_on: dict[int, Day] = field(default_factory=dict)
    seen: dict[int, Row] = field(default_factory=dict)

    def night(self, facts: Facts, metrics: dict[int, Row], as_of: Day) -> dict[int, Row]:
        """Patient -> the columns of Forecast."""
        self._notice(metrics, as_of)
        stories = {pk: story_of(facts, pk, as_of) for pk, row in metrics.items() if row["visit_days"]}
        if self.fitted_on is None or (as_of - self.fitted_on).days >= 7:
            self._fit(list(stories.values()), as_of)
            self.level = self._level(facts, stories, as_of)
        return {pk: self._of(story, metrics[pk], self.changed_on[pk]) for pk, story in stories.items()}

    def _notice(self, metrics: dict[int, Row], as_of: Day) -> None:
        for pk, row in metrics.items():
            # Who or where at one moment is a set of possible ones: not to be compared.
            plain = {name: value for name, value in row.items() if not isinstance(value, set)}
            if self.seen.get(pk) != plain:
                self.seen[pk], self.changed_on[pk] = plain, as_of

    def _fit(self, stories: list[Story], as_of: Day) -> None:
        self.fitted_on = as_of
        x, t_x, t = np.array([one.repeats(as_of) for one in stories]).T
        self.visits = bg_nbd.fit(x, t_x, t).params
        paid = [one for one in stories if one.money > 0]
        self.bill = gamma_gamma.fit(
            np.array([len(one.days) for one in paid], dtype=float),
            np.array([float(one.money) / len(one.days) for one in paid]),
        ).params

    def _level(self, facts: Facts, stories: dict[int, Story], as_of: Day) -> float:
        """What came in within 365 days ÷ what the expected bills of the days within them come to."""
        came_in, told, payers = 0.0, 0.0, 0
        for pk, story in stories.items():
            lately = [day for day in story.days if day > as_of - 365 * DAY]
            if lately:
                paid = float(paid_by(facts, pk, as_of) - paid_by(facts, pk, as_of - 365 * DAY))
                came_in, told, payers = came_in + paid, told + len(lately) * self._bill(story), payers + (paid > 0)
        assert payers > 150, "from fewer than a hundred payers there would be nothing to check"
        return min(max(came_in / told, 0.5), 2.0)

    def _bill(self, story: Story) -> float:
        """Of the patient's own past, before it is brought to the level of the last year."""
        count, mean = (len(story.days), float(story.money) / len(story.days)) if story.money > 0 else (0, 0.0)
        return float(gamma_gamma.expected_mean(self.bill, np.array([float(count)]), np.array([mean]))[0])

    def _of(self, story: Story, row: Row, changed_on: Day) -> Row:
        assert self.fitted_on is not None
        day = max(changed_on, self.fitted_on)
        x, t_x, t = (np.array([value]) for value in story.repeats(day))
        history = (x, t_x, t)
        bill = self.level * self._bill(story)
        alive = float(bg_nbd.p_alive(self.visits, *history)[0])
        found: Row = {"as_of": day, "p_alive": alive if len(story.days) > 1 else None, "bill": round(bill, 2)}
        for name, days in HORIZONS.items():
            visits = float(bg_nbd.expected(self.visits, *history, days / 7)[0])
            found |= {f"visits_{name}": visits, f"money_{name}": round(visits * bill, 2)}
        wait = float(bg_nbd.days_to_next(self.visits, x, t)[0])
        return found | next_visit(row, day, alive, wait)


@dataclass
class Story:
    """The days on which a patient came, and what was paid in all."""

    days: list[Day]
    money: Decimal

    def repeats(self, day: Day) -> tuple[float, float, float]:
        """x, t_x, T: repeat days; weeks from the first to the last, and from the first to `day`."""
        first, last = self.days[0], self.days[-1]
        return len(self.days) - 1.0, (last - first).days / 7, (day - first).days / 7


def story_of(facts: Facts, patient: int, as_of: Day) -> Story:
    days = sorted({visit.starts_on for visit in completed(facts, patient, as_of)})
    return Story(days, paid_by(facts, patient, as_of))


def paid_by(facts: Facts, patient: int, as_of: Day) -> Decimal:
    """In all, refunds taken off."""
    paid = [p for p in facts.of(facts.payments, patient) if p.paid_on <= as_of]
    return sum((-p.amount if p.kind == "refund" else p.amount for p in paid), Decimal(0))


def next_visit(row: Row, day: Day, p_alive: float, wait: float) -> Row:
    if row["next_visit_on"] and row["next_visit_on"] >= day:
        return {"next_visit_on": row["next_visit_on"], "next_visit_by": "appointment"}
    if row["due_on"] and day <= row["due_on"] <= day + 1096 * DAY:
        return {"next_visit_on": row["due_on"], "next_visit_by": "due"}
    if p_alive >= 0.5 and wait <= 1096:
        return {"next_visit_on": day + ceil(wait) * DAY, "next_visit_by": "rhythm"}
    return {"next_visit_on": None, "next_visit_by": ""}
