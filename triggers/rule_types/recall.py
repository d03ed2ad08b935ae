"""Recall: a service is due again after its interval, or on the day the doctor named.

An occasion is the use of a service. Whoever came for it again by the day of the first message is on a new interval.
"""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from triggers.models import Goal
from triggers.rule_types import intervals, rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span


class RecallForm(intervals.IntervalsForm):
    doctor_first = forms.BooleanField(
        required=False, initial=True, label=_("the day the doctor named goes first"),
        help_text=_("When the visit says when to come again, that day counts instead of the interval."),
    )  # fmt: skip


class Recall(RuleType):
    code = "recall"
    name = _("Recall for a service")
    description = _(
        "A service that repeats is due again: lenses, dental hygiene, a yearly check-up. Reminds before the day and "
        "after it until the patient books that service; booking another one changes nothing."
    )
    icon = "ti-repeat"
    stage = "return"
    anchored = "day"
    anchor_words = _("the day the service is due again")
    goals = (Goal.SERVICE, Goal.GROUP, Goal.VISIT, Goal.NONE)
    form_class = RecallForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        said = [gettext("Due again: %(services)s.") % {"services": intervals.which(params)}, intervals.after(params)]
        if params.get("doctor_first"):
            said.append(gettext("The day the doctor named goes first."))
        if params.get("together"):
            said.append(gettext("Coming for any of them counts."))
        return " ".join(said)

    def occasions(self, params: Params, span: Span) -> Query:
        return rhythm.due_again(intervals.Intervals.of(params), span, doctor_first=bool(params.get("doctor_first")))

    def withdrawn(self, params: Params) -> str:
        return rhythm.use_is_no_more(doctor_first=bool(params.get("doctor_first")))

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        today = timezone.localdate(now)
        uses = rhythm.last_uses(patient_id, intervals.Intervals.of(params), today)
        if not uses:
            return [Clause(gettext("Has had the service: %(services)s") % {"services": intervals.which(params)}, False)]
        return [_clause(use, bool(params.get("doctor_first")), today) for use in uses]

    def needs(self) -> str:
        return intervals.needs_intervals()


def _clause(use: rhythm.LastUse, doctor_first: bool, today: datetime.date) -> Clause:
    named = use.named if doctor_first and use.named and use.named > use.came_on else None
    due = named or use.due_on
    text = gettext("Due again: %(name)s, last time on %(last)s, again on %(due)s") % {
        "name": use.name, "last": date_format(use.came_on), "due": date_format(due),
    }  # fmt: skip
    why = " " + gettext("(the day the doctor named)") if named else intervals.whence(use.interval)
    return Clause(text + why, due <= today, due)
