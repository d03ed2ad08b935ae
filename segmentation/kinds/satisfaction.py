"""Satisfaction × profit."""

from typing import Any

import numpy as np
import pandas as pd
from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.kinds.reasons import SCORE_NAMES
from segmentation.scoring import satisfaction
from segmentation.scoring.hysteresis import sticky_band_of


class SatisfactionForm(forms.Form):
    answer_days = forms.IntegerField(
        label=_("an answer counts for, days"), initial=365, min_value=30, max_value=3650,
        help_text=_("Afterwards the patient's opinion is taken as unknown, unless a new answer has come."),
    )  # fmt: skip
    happy_from = forms.IntegerField(
        label=_("happy from score"), initial=9, min_value=1, max_value=10,
        help_text=_("Answers of 9–10 to “would you recommend us” are promoters in the usual NPS."),
    )  # fmt: skip
    unhappy_to = forms.IntegerField(
        label=_("unhappy up to score"), initial=6, min_value=0, max_value=9,
        help_text=_("Answers of 0–6 are detractors in the usual NPS; a complaint makes unhappy whatever the score."),
    )  # fmt: skip
    borders = forms.ChoiceField(
        label=_("borders of profit"), initial="quantile",
        choices=[("quantile", _("shares of the base")), ("fixed", _("fixed sums"))],
        help_text=_("Profit is the margin of 365 days. Shares follow the base and are fitted anew from time to time."),
    )  # fmt: skip
    low_percent = forms.IntegerField(
        label=_("share of low profit, %"), initial=30, min_value=1, max_value=80,
        help_text=_("This share of those who came within 365 days brings hardly any profit."),
    )  # fmt: skip
    high_percent = forms.IntegerField(
        label=_("share of high profit, %"), initial=25, min_value=1, max_value=80,
        help_text=_("This share of those who came within 365 days brings much profit."),
    )  # fmt: skip
    low_rub = forms.FloatField(
        label=_("low profit up to, ₽"), initial=2000,
        help_text=_("With fixed sums: a margin of 365 days that is not higher counts as low."),
    )  # fmt: skip
    high_rub = forms.FloatField(
        label=_("high profit above, ₽"), initial=20000,
        help_text=_("With fixed sums: a higher margin of 365 days counts as high."),
    )  # fmt: skip
    margin_percent = forms.IntegerField(
        label=_("margin of a border, %"), initial=10, min_value=0, max_value=50,
        help_text=_("The profit band changes only when a border is passed by this much: nobody flits to and fro."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if {"happy_from", "unhappy_to"} <= data.keys() and data["unhappy_to"] >= data["happy_from"]:
            self.add_error("unhappy_to", _("The score of the unhappy must be below that of the happy."))
        if {"low_percent", "high_percent"} <= data.keys() and data["low_percent"] + data["high_percent"] > 99:
            self.add_error("high_percent", _("Low and high profit together must leave room for the middle."))
        if {"low_rub", "high_rub"} <= data.keys() and data["low_rub"] >= data["high_rub"]:
            self.add_error("high_rub", _("High profit must begin above low profit."))
        return data


class Satisfaction(Kind):
    code = "satisfaction"
    segments = satisfaction.GROUPS
    metrics = ("last_nps", "last_answer_on", "complaints_365", "margin_365", "visits_365")
    form_class = SatisfactionForm
    title = pgettext_lazy("kind of segmentation", "Satisfaction × profit")

    def describe(self, params: Params) -> str:
        p = self.clean(params)
        mood = gettext(
            "Happy: a score of %(happy)d or more; unhappy: %(unhappy)d or less, or a complaint; an answer counts for "
            "%(days)d days."
        ) % {"happy": p["happy_from"], "unhappy": p["unhappy_to"], "days": p["answer_days"]}
        profit = (
            gettext("Profit of 365 days is low up to %(low)d ₽ and high above %(high)d ₽.")
            % {"low": p["low_rub"], "high": p["high_rub"]}
            if p["borders"] == "fixed"
            else gettext("Profit of 365 days is low for the lowest %(low)d %% and high for the highest %(high)d %%.")
            % {"low": p["low_percent"], "high": p["high_percent"]}
        )
        return f"{mood} {profit}"

    def fit(self, frame: pd.DataFrame, params: Params, as_of: int) -> dict[str, Any]:
        if params["borders"] == "fixed":
            return {"profit": [params["low_rub"], params["high_rub"]]}
        margin, visits = frame["margin_365"].to_numpy(), frame["visits_365"].to_numpy(dtype=np.float64)
        low, high = params["low_percent"] / 100, params["high_percent"] / 100
        return {"profit": satisfaction.fit_profit_borders(margin, visits, low, high)}

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        mood = satisfaction.mood_of(
            frame["last_nps"].to_numpy(), frame["last_answer_on"].to_numpy(),
            frame["complaints_365"].to_numpy(dtype=np.float64), as_of, answer_days=params["answer_days"],
            happy_from=params["happy_from"], unhappy_to=params["unhappy_to"],
        )  # fmt: skip
        seen = (frame["visit_days"] > 0).to_numpy()
        profit = np.where(seen, frame["margin_365"].to_numpy(), np.nan)
        old = before.score("profit_band")
        band = sticky_band_of(profit, fitted["profit"], old, params["margin_percent"] / 100)

        def causes(rows: NDArray[np.int64]) -> list[Cause]:
            found: list[Cause] = []
            for code, was, now in zip(mood[rows].tolist(), old[rows].tolist(), band[rows].tolist(), strict=True):
                cause: Cause = {"reasons": [satisfaction.MOODS[code], _PROFITS[now]]}
                if was and was != now:
                    cause["band"] = [was, now]
                found.append(cause)
            return found

        return Outcome(segments=satisfaction.groups_of(mood, band), causes=causes, scores={"profit_band": band})

    def reason(self, cause: Cause | None) -> str:
        text = super().reason(cause)
        if cause and "band" in cause:
            old, new = cause["band"]
            change = {"score": SCORE_NAMES["band"], "old": old, "new": new}
            text = f"{text}; {gettext('%(score)s: from %(old)d to %(new)d') % change}"
        return text


_PROFITS = ("no_visit", "profit_low", "profit_middle", "profit_high")
