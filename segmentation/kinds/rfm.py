"""Recency, frequency, money."""

from typing import Any

import numpy as np
import pandas as pd
from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from segmentation.kinds.base import Before, BordersField, Cause, Kind, Outcome, Params, numbers
from segmentation.kinds.reasons import SCORE_NAMES
from segmentation.scoring import rfm


class RfmForm(forms.Form):
    recency = forms.ChoiceField(
        label=_("recency is measured in"), initial="cycles",
        choices=[("cycles", _("the patient's own cycles")), ("days", pgettext_lazy("recency is measured in", "days"))],
        help_text=_(
            "In own cycles, a yearly check-up is fresh for a year and a monthly course for a month; in days, everybody "
            "is measured by the same calendar."
        ),
    )  # fmt: skip
    cycle_borders = BordersField(
        label=_("borders of recency, cycles"), count=4, initial=[1, 1.5, 2, 3],
        help_text=_(
            "Score 5 up to the first number of cycles since the last visit, 4 up to the second, … 1 beyond the last. "
            "Whoever is late never scores 5."
        ),
    )  # fmt: skip
    default_cycle_days = forms.IntegerField(
        label=_("cycle when it is not known, days"), initial=180, min_value=1, max_value=3650,
        help_text=_("A patient with one visit and no recall interval is expected back after so many days."),
    )  # fmt: skip
    shortest_cycle_days = forms.IntegerField(
        label=_("shortest cycle, days"), initial=30, min_value=1, max_value=365,
        help_text=_("A course of daily procedures does not make a patient late a week after it: no cycle is shorter."),
    )  # fmt: skip
    window = forms.ChoiceField(
        label=_("frequency and money are counted"), initial="all",
        choices=[("all", _("over all time")), ("365", _("over 365 days"))],
        help_text=_(
            "Over all time, those who bought much and stopped stay visible; over 365 days, only one year counts."
        ),
    )  # fmt: skip
    borders = forms.ChoiceField(
        label=_("borders of the scores"), initial="quantile",
        choices=[("quantile", _("fifths of the base")), ("fixed", _("fixed numbers"))],
        help_text=_(
            "Fifths follow the base and are fitted anew from time to time; fixed numbers are those written below."
        ),
    )  # fmt: skip
    recency_days = BordersField(
        label=_("fixed borders of recency, days"), count=4, initial=[60, 120, 240, 365],
        help_text=_("Score 5 up to the first number of days since the last visit, … 1 beyond the last."),
    )  # fmt: skip
    frequency_visits = BordersField(
        label=_("fixed borders of frequency, visits"), count=4, initial=[1, 2, 4, 8],
        help_text=_("Score 1 up to the first number of days with a visit, … 5 beyond the last."),
    )  # fmt: skip
    money_rub = BordersField(
        label=_("fixed borders of money, ₽"), count=4, initial=[3000, 10000, 30000, 80000],
        help_text=_("Score 1 up to the first sum paid, … 5 beyond the last."),
    )  # fmt: skip
    margin_percent = forms.IntegerField(
        label=_("margin of a border, %"), initial=10, min_value=0, max_value=50,
        help_text=_("A score changes only when the border is passed by this much, so that nobody flits to and fro."),
    )  # fmt: skip


class Rfm(Kind):
    code = "rfm"
    segments = rfm.SEGMENTS
    metrics = ("last_visit_on", "due_on", "cycle_days", "visits_365", "money", "money_365")
    form_class = RfmForm
    title = pgettext_lazy("kind of segmentation", "RFM")

    def describe(self, params: Params) -> str:
        p = self.clean(params)
        in_cycles, fixed = p["recency"] == "cycles", p["borders"] == "fixed"
        parts = [
            gettext("Recency in the patient's own cycles with borders %(borders)s.")
            % {"borders": numbers(p["cycle_borders"])}
            if in_cycles
            else gettext("Recency in days since the last visit."),
            gettext("Frequency and money over all time.")
            if p["window"] == "all"
            else gettext("Frequency and money over 365 days."),
            gettext("Fixed borders: %(visits)s visits, %(money)s ₽.")
            % {"visits": numbers(p["frequency_visits"]), "money": numbers(p["money_rub"])}
            if fixed
            else gettext("Borders are fifths of the base."),
            gettext("A score changes when a border is passed by %(margin)d %%.") % {"margin": p["margin_percent"]},
        ]
        return " ".join(parts)

    def fit(self, frame: pd.DataFrame, params: Params, as_of: int) -> dict[str, Any]:
        visited = (frame["visit_days"] > 0).to_numpy()
        days, frequency, money = (values[visited] for values in self._values(frame, params, as_of))
        fixed = params["borders"] == "fixed"
        if params["recency"] == "cycles":
            recency = params["cycle_borders"]
        else:
            recency = params["recency_days"] if fixed else rfm.fit_borders(days)
        return {
            "r": recency,
            "f": params["frequency_visits"] if fixed else rfm.fit_borders(frequency),
            "m": params["money_rub"] if fixed else rfm.fit_borders(money),
        }

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        days, frequency, money = self._values(frame, params, as_of)
        cycles = rfm.cycles_since(
            days, frame["cycle_days"].to_numpy(), default_cycle=params["default_cycle_days"],
            shortest_cycle=params["shortest_cycle_days"],
        )  # fmt: skip
        late = rfm.is_late(frame["due_on"].to_numpy(), cycles, as_of)
        margin = params["margin_percent"] / 100
        recency = cycles if params["recency"] == "cycles" else days
        r = rfm.recency_score(recency, fitted["r"], late, before.score("r"), margin)
        f = rfm.ascending_score(frequency, fitted["f"], before.score("f"), margin)
        m = rfm.ascending_score(money, fitted["m"], before.score("m"), margin)
        scores = {"r": r, "f": f, "m": m}

        def causes(rows: NDArray[np.int64]) -> list[Cause]:
            """The scores that changed: {"r": [5, 3]}."""
            pairs = [(name, before.score(name)[rows].tolist(), scores[name][rows].tolist()) for name in scores]
            return [{name: [old[i], new[i]] for name, old, new in pairs if old[i] != new[i]} for i in range(len(rows))]

        return Outcome(segments=rfm.segments_of(r, f, m), causes=causes, scores=dict(scores))

    def reason(self, cause: Cause | None) -> str:
        changes = [
            gettext("%(score)s: from %(old)d to %(new)d") % {"score": SCORE_NAMES[name], "old": old, "new": new}
            for name, (old, new) in (cause or {}).items()
            if name in SCORE_NAMES
        ]
        return "; ".join(changes)

    @staticmethod
    def _values(frame: pd.DataFrame, params: Params, as_of: int) -> tuple[NDArray[np.float64], ...]:
        """Days since the last visit, days with a visit, money paid; NaN without a completed visit."""
        unseen = (frame["visit_days"] <= 0).to_numpy()
        suffix = "" if params["window"] == "all" else "_365"
        visits = "visits_365" if suffix else "visit_days"
        values = (as_of - frame["last_visit_on"], frame[visits], frame[f"money{suffix}"])
        return tuple(np.where(unseen, np.nan, value.to_numpy(dtype=np.float64)) for value in values)
