"""Falling value: what is expected of a patient against the patient's own past."""

from typing import Any

import numpy as np
import pandas as pd
from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from patients import wording
from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.scoring import falling


class FallingForm(forms.Form):
    drop_percent = forms.IntegerField(
        label=_("fall from, %"), initial=50, min_value=10, max_value=95,
        help_text=_("So much less than in the years before must be expected of the 12 months to come."),
    )  # fmt: skip
    least_money = forms.FloatField(
        label=_("…and at least, ₽ a year"), initial=10000, min_value=0, max_value=10**9,
        help_text=_("A fall by a smaller sum is not worth a call."),
    )  # fmt: skip
    least_visits = forms.IntegerField(
        label=_("days with a visit, at least"), initial=3, min_value=2, max_value=100,
        help_text=_("Before the last 365 days; from fewer visits no habit can be read."),
    )  # fmt: skip
    least_past_days = forms.IntegerField(
        label=_("past before the last year, days"), initial=365, min_value=90, max_value=3650,
        help_text=_("So long a patient must have been coming before the last 365 days to be compared with themselves."),
    )  # fmt: skip
    gone_after_days = forms.IntegerField(
        label=_("gone after, days"), initial=365, min_value=60, max_value=1825,
        help_text=_("Who has not come for longer is not falling any more but gone; see the lifecycle."),
    )  # fmt: skip
    chance_percent = forms.FloatField(
        label=_("chance, %"), initial=5, min_value=0.1, max_value=20,
        help_text=_("Rarer visits count as a change when chance would bring so few with a smaller probability."),
    )  # fmt: skip
    margin_percent = forms.IntegerField(
        label=_("margin of a border, %"), initial=20, min_value=0, max_value=50,
        help_text=_("Who is falling stays so until a border is passed by this much, so that nobody flits to and fro."),
    )  # fmt: skip


class Falling(Kind):
    code = "falling"
    segments = falling.SEGMENTS
    metrics = (
        "first_visit_on", "last_visit_on", "next_visit_on", "due_on", "visits", "visit_days", "visits_365", "money",
        "money_365",
    )  # fmt: skip
    forecasts = ("p_alive", "visits_12m", "bill")
    told_from_nowhere = ("falling",)
    form_class = FallingForm
    title = pgettext_lazy("kind of segmentation", "Falling value")

    def describe(self, params: Params) -> str:
        p = self.clean(params)
        return gettext(
            "Falling: %(drop)d %% less is expected in 12 months than the patient brought in a year before the last "
            "365 days, and at least %(money)s less; steady: the others with %(visits)d days of visits before. Gone, "
            "not falling: no visit for %(gone)d days."
        ) % {
            "drop": p["drop_percent"], "money": wording.money(p["least_money"]), "visits": p["least_visits"],
            "gone": p["gone_after_days"],
        }  # fmt: skip

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        names = (*self.metrics, *self.forecasts)
        past = falling.Past(**{name: frame[name].to_numpy(dtype=np.float64) for name in names})
        judged = falling.judge(past, before.segments == self.index("falling"), as_of, patience(params))

        def causes(rows: NDArray[np.int64]) -> list[Cause]:
            return [self._cause(judged, row) for row in rows.tolist()]

        return Outcome(judged.segments, causes)

    def _cause(self, judged: falling.Judgement, row: int) -> Cause:
        if judged.segments[row] < 0:
            return {}
        falls = judged.segments[row] == self.index("falling")
        return {
            "reasons": judged.reasons(row) if falls else [falling.BACK],
            "was": round(float(judged.was[row])),
            "expected": round(float(judged.expected[row])),
        }

    def reason(self, cause: Cause | None) -> str:
        words = super().reason(cause)
        if not words or cause is None or "was" not in cause:
            return words
        said = {"reasons": words, "was": wording.money(cause["was"]), "expected": wording.money(cause["expected"])}
        return (
            gettext("%(reasons)s: %(was)s a year before, %(expected)s expected in 12 months on the day of the move")
            % said
        )


def patience(params: Params) -> falling.Patience:
    return falling.Patience(
        drop=params["drop_percent"] / 100, least_money=params["least_money"], least_visits=params["least_visits"],
        least_past_days=params["least_past_days"], gone_after_days=params["gone_after_days"],
        chance=params["chance_percent"] / 100, margin=params["margin_percent"] / 100,
    )  # fmt: skip
