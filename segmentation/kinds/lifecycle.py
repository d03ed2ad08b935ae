"""Lifecycle: from lead to lost."""

from typing import Any

import numpy as np
import pandas as pd
from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.scoring import lifecycle


class LifecycleForm(forms.Form):
    new_days = forms.IntegerField(
        label=_("new for, days"), initial=60, min_value=1, max_value=730,
        help_text=_("So long after the first visit a patient is new, unless a further visit is already due."),
    )  # fmt: skip
    appointment_days = forms.IntegerField(
        label=_("an appointment counts within, days"), initial=90, min_value=1, max_value=730,
        help_text=_("An appointment in this time keeps a patient active, however late; one further away does not yet."),
    )  # fmt: skip
    due_ahead_days = forms.IntegerField(
        label=_("due ahead, days"), initial=14, min_value=0, max_value=180,
        help_text=_("A patient becomes due so many days before the date: the time to remind."),
    )  # fmt: skip
    grace_days = forms.IntegerField(
        label=_("grace, days"), initial=14, min_value=0, max_value=180,
        help_text=_("A patient becomes overdue so many days after the date: nobody comes on the very day."),
    )  # fmt: skip
    lost_cycles = forms.IntegerField(
        label=_("lost after missed cycles"), initial=2, min_value=1, max_value=10,
        help_text=_("Who has let so many due dates in a row pass without a visit is lost."),
    )  # fmt: skip
    months_frequent = forms.IntegerField(
        label=_("lost after, months: frequent visitors"), initial=3, min_value=1, max_value=60,
        help_text=_("Without a recall interval: for those who usually come at least every 60 days."),
    )  # fmt: skip
    months_middle = forms.IntegerField(
        label=_("lost after, months: occasional visitors"), initial=6, min_value=1, max_value=60,
        help_text=_("Without a recall interval: for those who usually come at least every 120 days."),
    )  # fmt: skip
    months_rare = forms.IntegerField(
        label=_("lost after, months: all others"), initial=12, min_value=1, max_value=120,
        help_text=_("Without a recall interval: for rare visitors and those who came once."),
    )  # fmt: skip
    shortest_cycle_days = forms.IntegerField(
        label=_("shortest cycle, days"), initial=30, min_value=1, max_value=365,
        help_text=_("A course of daily procedures does not make a patient lost within weeks: no cycle is shorter."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        months = [data.get(f"months_{name}") for name in ("frequent", "middle", "rare")]
        if None not in months and months != sorted(months):  # type: ignore[type-var]
            self.add_error("months_rare", _("The rarer the visits, the longer the wait: the months must not fall."))
        return data


class Lifecycle(Kind):
    code = "lifecycle"
    segments = lifecycle.STATES
    metrics = ("first_visit_on", "last_visit_on", "next_visit_on", "due_on", "cycle_days", "own_interval_days")
    form_class = LifecycleForm
    title = pgettext_lazy("kind of segmentation", "Lifecycle")

    def describe(self, params: Params) -> str:
        p = self.clean(params)
        return gettext(
            "New for %(new)d days; due %(ahead)d days before the date, overdue %(grace)d days after it; lost after "
            "%(cycles)d missed cycles, and without a recall interval after %(short)d, %(middle)d or %(long)d months."
        ) % {
            "new": p["new_days"], "ahead": p["due_ahead_days"], "grace": p["grace_days"], "cycles": p["lost_cycles"],
            "short": p["months_frequent"], "middle": p["months_middle"], "long": p["months_rare"],
        }  # fmt: skip

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        names = ("visit_days", "first_visit_on", "last_visit_on", "next_visit_on", "due_on", "cycle_days")
        columns = {name: frame[name].to_numpy(dtype=np.float64) for name in names}
        own = frame["own_interval_days"].to_numpy(dtype=np.float64)
        patience = lifecycle.Patience(**{name: params[name] for name in self.form_class.base_fields})
        states, reasons = lifecycle.states_of(**columns, own_interval=own, as_of=as_of, patience=patience)

        def causes(rows: NDArray[np.int64]) -> list[Cause]:
            return [{"reasons": [lifecycle.REASONS[code]]} for code in reasons[rows].tolist()]

        labels = pd.Categorical.from_codes(reasons, pd.Index(lifecycle.REASONS))
        return Outcome(segments=states, causes=causes, scores={"lifecycle_reason": labels})
