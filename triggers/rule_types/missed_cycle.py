"""Missed cycles: a service that repeats was due again and again, and the patient did not come for it.

With an interval of 30 days, the first cycle is missed on day 60: when it is due for the second time. An occasion is the
use of a service after which the patient stayed away.
"""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from triggers.models import Goal
from triggers.rule_types import rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span
from triggers.rule_types.intervals import NEVER, Intervals, IntervalsForm, needs_intervals, whence, which


class MissedCycleForm(IntervalsForm):
    cycles = forms.IntegerField(
        min_value=1, max_value=24, initial=1, label=_("cycles missed"),
        help_text=_("1: the service is due for the second time since the last visit; 2: for the third time."),
    )  # fmt: skip
    field_order = ["cycles"]


class MissedCycle(RuleType):
    code = "missed_cycle"
    name = _("Missed cycle")
    description = _(
        "The patient has skipped a service that repeats, once or several times in a row. The moment to win back, after "
        "the recall brought nothing."
    )
    icon = "ti-rotate-clockwise-2"
    stage = "lapse"
    anchored = "day"
    anchor_words = _("the day the last of these cycles was missed")
    goals = (Goal.SERVICE, Goal.GROUP, Goal.VISIT, Goal.NONE)
    form_class = MissedCycleForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        number = params["cycles"]
        missed = ngettext("%(n)s cycle missed: %(services)s.", "%(n)s cycles missed in a row: %(services)s.", number)
        said = [missed % {"n": number, "services": which(params)}]
        if days := params.get("days"):
            said.append(ngettext("A cycle is %(n)s day.", "A cycle is %(n)s days.", days) % {"n": days})
        elif params.get("prefer_learned"):
            said.append(
                gettext("A cycle is the interval learned from visits; where there is none, that of the service.")
            )
        if params.get("together"):
            said.append(gettext("Coming for any of them counts."))
        return " ".join(said)

    def occasions(self, params: Params, span: Span) -> Query:
        return rhythm.due_again(Intervals.of(params).times(_due_times(params)), span)

    def withdrawn(self, params: Params) -> str:
        return rhythm.use_is_no_more()

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        today = timezone.localdate(now)
        uses = rhythm.last_uses(patient_id, Intervals.of(params), today)
        if not uses:
            return [Clause(gettext("Has had the service: %(services)s") % {"services": which(params)}, False)]
        return [_clause(use, _due_times(params), today) for use in uses]

    def needs(self) -> str:
        return needs_intervals()


def _due_times(params: Params) -> int:
    return int(params["cycles"]) + 1


def _clause(use: rhythm.LastUse, times: int, today: datetime.date) -> Clause:
    missed_on = use.came_on + min(use.interval.days * times, NEVER) * rhythm.DAY
    text = gettext("Missed: %(name)s, last time on %(last)s, counts as missed from %(missed)s") % {
        "name": use.name, "last": date_format(use.came_on), "missed": date_format(missed_on),
    }  # fmt: skip
    return Clause(text + whence(use.interval), missed_on <= today, missed_on)
