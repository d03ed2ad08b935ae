"""One night over the base: what every step needs, read and computed once per process.

A step may run in a process of its own after the one before it was killed. Therefore nothing here depends on what the
steps of the same night have written: memory is the state *before* `as_of`, and the same inputs give the same outcome.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from django.conf import settings
from django.db.models import QuerySet
from numpy.typing import NDArray

from segmentation.frames import (
    DAY,
    ID,
    MONEY,
    SCORE,
    TEXT,
    Wire,
    day_number,
    load_forecasts,
    load_metrics,
    read_frame,
    read_ids,
)  # fmt: skip
from segmentation.kinds import KINDS, AskedKind, Before, Outcome, Params, late_kinds
from segmentation.models import Segmentation
from segmentation.services.clusters import applying
from segmentation.services.defaults import ensure_segments
from segmentation.services.divided import Division, Ids, load_held, spread
from segmentation.services.fitting import fit_for
from segmentation.services.order import in_order

SCORES = ("r", "f", "m", "profit_band")
FOR_TOTALS = (
    "visit_days", "visits_365", "money", "money_365", "margin_365", "first_visit_on", "next_visit_on", "last_nps",
    "last_answer_on",
)  # fmt: skip
FORECASTS_FOR_TOTALS = ("money_12m",)


@dataclass
class Night:
    """`again`: this night has written memberships before, so "before" must be read past them."""

    as_of: datetime.date
    previous: datetime.date | None = None
    full: bool = False
    refit: bool = False
    again: bool = False
    report: Callable[[str], None] = lambda _line: None
    _asked: list[Division] = field(default_factory=list)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Metrics of everybody the clinic knew on `as_of`, with the forecasts of those who have one.

        A night of the past must not count as leads those who registered later; a visit outweighs the date of the card.
        """
        needed = {name for kind in KINDS.values() for name in kind.metrics} | set(FOR_TOTALS)
        frame = _with_forecasts(load_metrics(self.as_of, needed))
        later = _registered_after(self.as_of)
        if not len(later):
            return frame
        unknown = np.isin(frame["patient"].to_numpy(), later) & (frame["visit_days"] <= 0).to_numpy()
        return frame[~unknown].reset_index(drop=True)

    @property
    def patients(self) -> Ids:
        return self.frame["patient"].to_numpy()

    @property
    def day(self) -> int:
        return day_number(self.as_of)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Score rows as they are, sorted by patient."""
        return load_scores()

    @cached_property
    def scores_before(self) -> dict[str, NDArray[np.int8]]:
        """The scores that held before `as_of`, along the frame; 0 for none."""
        today = (self.scores["changed_on"] == self.day).to_numpy()
        ids = self.scores["patient"].to_numpy()
        held = {
            name: np.where(today, self.scores[f"{name}_before"], self.scores[name]).astype(np.int8) for name in SCORES
        }
        return {name: spread(self.patients, ids, values, np.int8(0)) for name, values in held.items()}

    @cached_property
    def divisions(self) -> list[Division]:
        """Every active segmentation computed from the frame, whose kind is installed."""
        active = _active().exclude(kind__in=late_kinds())
        owners = owners_of_scores()
        return [self._divide(segmentation, segmentation.pk in owners) for segmentation in active]

    def asked(self) -> Iterator[Division]:
        """Own segments and clusters, one by one. Whoever writes memberships writes each before taking the next: one
        may be made of the segments before it."""
        yield from self._asked
        done = {division.segmentation.pk for division in self._asked}
        for segmentation in self._late:
            if segmentation.pk not in done and (division := self.late(segmentation)):
                self._asked.append(division)
                yield division

    @cached_property
    def _late(self) -> list[Segmentation]:
        return in_order(_active().filter(kind__in=late_kinds()))

    def late(self, segmentation: Segmentation) -> Division | None:
        """One own segment, or clusters; None while no search has found any."""
        if isinstance(KINDS[segmentation.kind], AskedKind):
            return self.ask(segmentation)
        return applying.divide(self, segmentation)

    def ask(self, segmentation: Segmentation) -> Division:
        """One own segment: whom the database names, among those the clinic knew on `as_of`."""
        kind = KINDS[segmentation.kind]
        assert isinstance(kind, AskedKind)
        params: Params = kind.clean(segmentation.params)
        segment_ids = ensure_segments(segmentation)
        held = load_held(kind.segments, segment_ids, before=self.as_of if self.again else None)
        query = kind.members(segmentation.pk, params, self.as_of)
        if query is None:
            self.report(f"  {segmentation.code}: its conditions no longer hold good; nobody moves")
            belongs = held.along(self.patients)
        else:
            belongs = np.where(np.isin(self.patients, read_ids(*query)), 0, -1).astype(np.int8)
        return Division(segmentation, kind, segment_ids, {}, held, Outcome(belongs, lambda rows: [{}] * len(rows)))

    def _divide(self, segmentation: Segmentation, primary: bool) -> Division:
        kind = KINDS[segmentation.kind]
        params: Params = kind.clean(segmentation.params)
        segment_ids = ensure_segments(segmentation)
        fitted = fit_for(segmentation, kind, params, self.frame, self.as_of, refit=self.refit)
        held = load_held(kind.segments, segment_ids, before=self.as_of if self.again else None)
        before = Before(held.along(self.patients), self.scores_before if primary else {})
        outcome = kind.apply(self.frame, params, fitted["borders"], before, self.day)
        if not primary:
            outcome = Outcome(outcome.segments, outcome.causes)
        return Division(segmentation, kind, segment_ids, fitted, held, outcome)


def _with_forecasts(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of Forecast the kinds and the totals read; NaN for those who have none."""
    needed = {name for kind in KINDS.values() for name in kind.forecasts} | set(FORECASTS_FOR_TOTALS)
    known = load_forecasts(needed)
    patients, ids = frame["patient"].to_numpy(), known["patient"].to_numpy()
    joined = frame.assign(**{name: spread(patients, ids, known[name].to_numpy(), np.nan) for name in sorted(needed)})
    joined.attrs = frame.attrs
    return joined


def _active() -> QuerySet[Segmentation]:
    return Segmentation.objects.filter(active=True, kind__in=KINDS).order_by("position", "id")


def owners_of_scores() -> set[int]:
    """Score has one set of columns: the built-in segmentation of a kind owns them, or else the first of that kind.

    Another segmentation of the same kind is computed without the memory that is kept there.
    """
    active = Segmentation.objects.filter(active=True).order_by("position", "id")
    ranked = sorted(active, key=lambda segmentation: segmentation.code != segmentation.kind)
    owners: dict[str, int] = {}
    for segmentation in ranked:
        owners.setdefault(segmentation.kind, segmentation.pk)
    return set(owners.values())


def _registered_after(as_of: datetime.date) -> Ids:
    morrow = as_of + datetime.timedelta(days=1)
    since = f"registered_at >= timestamp '{morrow}' AT TIME ZONE '{settings.TIME_ZONE}'"
    rows = read_frame("patients_patient", {"id": ID}, where=since)
    return np.asarray(rows["id"].to_numpy())


_SCORE: dict[str, Wire] = {
    "patient_id": ID,
    **dict.fromkeys(SCORES, SCORE),
    "ltv": MONEY,
    "value_reasons": TEXT,
    "lifecycle_reason": TEXT,
    "changed_on": DAY,
    **{f"{name}_before": SCORE for name in SCORES},
}


def load_scores() -> pd.DataFrame:
    """Score rows sorted by patient: scores int8 (0: none), texts categorical, `changed_on` a day number."""
    return read_frame("segmentation_score", _SCORE).rename(columns={"patient_id": "patient"})
