"""Value tiers by LTV."""

from typing import Any

import numpy as np
import pandas as pd
from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.scoring import value
from segmentation.scoring.hysteresis import quantile_borders


class ValueForm(forms.Form):
    borders = forms.ChoiceField(
        label=_("borders of the tiers"), initial="quantile",
        choices=[("quantile", _("shares of the base")), ("fixed", _("fixed sums"))],
        help_text=_("Shares follow the base and are fitted anew from time to time; fixed sums are in roubles of LTV."),
    )  # fmt: skip
    vip_percent = forms.IntegerField(
        label=_("share of VIP, %"), initial=10, min_value=1, max_value=50,
        help_text=_("The patients with the highest LTV: this share of all who have come at least once."),
    )  # fmt: skip
    low_percent = forms.IntegerField(
        label=_("share of low LTV, %"), initial=20, min_value=0, max_value=49,
        help_text=_("The patients with the lowest LTV count as one-off even if they came twice: this share of all."),
    )  # fmt: skip
    vip_rub = forms.FloatField(
        label=_("VIP above LTV of, ₽"), initial=150000, min_value=1,
        help_text=_("With fixed sums: a patient with a higher LTV is a VIP."),
    )  # fmt: skip
    low_rub = forms.FloatField(
        label=_("one-off up to LTV of, ₽"), initial=3000, min_value=0,
        help_text=_("With fixed sums: a patient whose LTV is not higher counts as one-off."),
    )  # fmt: skip
    gone_after_days = forms.IntegerField(
        label=_("gone after, days"), initial=365, min_value=30, max_value=3650,
        help_text=_("LTV looks ahead only for those who still come: not after so many days without a visit, a due date "
                    "in the future or an appointment."),
    )  # fmt: skip
    lifetime_years = forms.FloatField(
        label=_("lifetime of a patient, years"), initial=None, required=False, min_value=0.1, max_value=50,
        help_text=_("How long a patient stays with the clinic; leave empty to have it computed from the base."),
    )  # fmt: skip
    longest_lifetime_years = forms.FloatField(
        label=_("longest lifetime, years"), initial=5, min_value=1, max_value=50,
        help_text=_("LTV never looks further ahead than this, however loyal the base is."),
    )  # fmt: skip
    cancelled_percent = forms.IntegerField(
        label=_("cancels often from, %"), initial=50, min_value=1, max_value=100,
        help_text=_("Share of cancelled and missed appointments within 365 days that makes a patient unprofitable."),
    )  # fmt: skip
    cancelled_events = forms.IntegerField(
        label=_("…and at least, appointments"), initial=3, min_value=2, max_value=100,
        help_text=_("Fewer cancelled or missed appointments condemn nobody: everyone may fall ill once."),
    )  # fmt: skip
    complaints = forms.IntegerField(
        label=_("complaints from"), initial=2, min_value=2, max_value=100,
        help_text=_("So many complaints within 365 days make a patient unprofitable; a single one is a signal to us."),
    )  # fmt: skip
    discount_percent = forms.IntegerField(
        label=_("discount share from, %"), initial=30, min_value=1, max_value=100,
        help_text=_("Discounts as a share of the full price, over all time, that make a discount hunter."),
    )  # fmt: skip
    discount_visits = forms.IntegerField(
        label=_("…and at least, visits"), initial=3, min_value=2, max_value=100,
        help_text=_("A discount on the first visits is our own invitation and condemns nobody."),
    )  # fmt: skip
    loss_visits = forms.IntegerField(
        label=_("negative margin after, visits"), initial=2, min_value=2, max_value=100,
        help_text=_("Whoever has cost more than was paid is unprofitable from this number of visits on."),
    )  # fmt: skip
    margin_percent = forms.IntegerField(
        label=_("margin of a border, %"), initial=10, min_value=0, max_value=50,
        help_text=_("A tier changes only when its border is passed by this much, so that nobody flits to and fro."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if {"vip_rub", "low_rub"} <= data.keys() and data["low_rub"] >= data["vip_rub"]:
            self.add_error("low_rub", _("The border of one-off patients must be below that of VIP."))
        return data


class Value(Kind):
    code = "value"
    segments = value.TIERS
    metrics = (
        "first_visit_on", "last_visit_on", "next_visit_on", "due_on", "visits", "visit_days", "visits_365", "money",
        "margin", "cancelled_365", "complaints_365", "discount_share",
    )  # fmt: skip
    form_class = ValueForm
    title = pgettext_lazy("kind of segmentation", "Value tiers")

    def describe(self, params: Params) -> str:
        p = self.clean(params)
        borders = (
            gettext("VIP: LTV above %(vip)d ₽; one-off: a single visit or LTV up to %(low)d ₽.")
            % {"vip": p["vip_rub"], "low": p["low_rub"]}
            if p["borders"] == "fixed"
            else gettext("VIP: the %(vip)d %% with the highest LTV; one-off: a single visit or the lowest %(low)d %%.")
            % {"vip": p["vip_percent"], "low": p["low_percent"]}
        )
        unprofitable = gettext(
            "Unprofitable: %(cancelled)d %% of appointments cancelled (%(events)d or more), %(complaints)d complaints, "
            "discounts from %(discount)d %%, or costs above payments."
        ) % {
            "cancelled": p["cancelled_percent"], "events": p["cancelled_events"], "complaints": p["complaints"],
            "discount": p["discount_percent"],
        }  # fmt: skip
        return f"{borders} {unprofitable}"

    def fit(self, frame: pd.DataFrame, params: Params, as_of: int) -> dict[str, Any]:
        columns = _columns(frame)
        lifetime = params["lifetime_years"] or value.mean_lifetime(
            columns["first_visit_on"], columns["last_visit_on"], columns["visit_days"],
            _gone(columns, params, as_of), as_of,
        )  # fmt: skip
        lifetime = round(min(lifetime, params["longest_lifetime_years"]), 4)
        if params["borders"] == "fixed":
            borders = [params["low_rub"], params["vip_rub"]]
        else:
            ltv = _ltv(columns, params, lifetime, as_of)
            borders = quantile_borders(ltv, (params["low_percent"] / 100, 1 - params["vip_percent"] / 100))
        return {"lifetime_years": lifetime, "ltv": borders}

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        columns = _columns(frame)
        margin = params["margin_percent"] / 100
        ltv = _ltv(columns, params, fitted["lifetime_years"], as_of)
        bits = value.unprofitable_reasons(
            cancelled_365=columns["cancelled_365"], visits_365=columns["visits_365"],
            complaints_365=columns["complaints_365"], discount_share=columns["discount_share"],
            visits=columns["visits"], margin=columns["margin"],
            was_unprofitable=before.segments == self.index("unprofitable"),
            patience=value.Patience(
                cancelled_share=params["cancelled_percent"] / 100, cancelled_events=params["cancelled_events"],
                complaints=params["complaints"], discount_share=params["discount_percent"] / 100,
                discount_visits=params["discount_visits"], loss_visits=params["loss_visits"], margin=margin,
            ),
        )  # fmt: skip
        low, vip = fitted["ltv"]
        tiers, reasons = value.tiers_of(ltv, columns["visit_days"], bits, (low, vip), before.segments, margin)

        def causes(rows: NDArray[np.int64]) -> list[Cause]:
            return [{"reasons": _REASON_SETS[bits]} for bits in reasons[rows].tolist()]

        scores: dict[str, Any] = {"ltv": ltv, "value_reasons": pd.Categorical.from_codes(reasons, _REASON_ARRAYS)}
        return Outcome(segments=tiers, causes=causes, scores=scores)


_REASON_SETS = [[name for bit, name in enumerate(value.REASONS) if bits & 1 << bit] for bits in range(256)]
# The way PostgreSQL writes an array of words.
_REASON_ARRAYS = pd.Index(["{" + ",".join(names) + "}" for names in _REASON_SETS])


def _columns(frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    return {name: frame[name].to_numpy(dtype=np.float64) for name in Value.metrics}


def _gone(columns: dict[str, NDArray[np.float64]], params: Params, as_of: int) -> NDArray[np.bool_]:
    return value.is_gone(
        columns["last_visit_on"], columns["due_on"], columns["next_visit_on"], as_of, params["gone_after_days"]
    )


def _ltv(columns: dict[str, NDArray[np.float64]], params: Params, lifetime: float, as_of: int) -> NDArray[np.float64]:
    return value.lifetime_value(
        columns["money"], columns["visit_days"], columns["first_visit_on"], columns["last_visit_on"],
        _gone(columns, params, as_of), as_of, lifetime,
    )  # fmt: skip
