"""What a type of rule is: a form for its settings, and a query for its occasions in any stretch of time.

A new type is a module with a subclass, a line in `triggers.rule_types.TYPES`, and the contract test
(`tests/triggers/type_contract.py`) it inherits. No migration.

The same query serves the live run, which asks for the time since it last looked, "who would get it today", and the
back-test, which asks for a past year. So it may use nothing that is only true today: every condition is about facts as
of the moment the first message falls due ("then"), and a fact that had not happened then must not matter.
"""

import datetime
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from triggers.models import Goal

Params = dict[str, Any]
Stage = Literal["lead", "before", "after", "return", "lapse", "personal"]
# The patient's path, left to right, on the communication map.
STAGES: dict[str, Promise] = {
    "lead": _("Before the first visit"),
    "before": _("Around an appointment"),
    "after": _("After a visit"),
    "return": _("Time to come again"),
    "lapse": _("Stopped coming"),
    "personal": _("Personal dates and life map"),
}


class Query(NamedTuple):
    """SQL with named parameters (%(name)s) and their values. Names begin with `o_`, so that they meet no others."""

    sql: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Span:
    """Which occasions are asked for: those whose anchor lies on the days `first` … `last` (both inclusive; types
    anchored on days), or in (`after`, `until`] (types anchored on moments). A little more than needed is fine: the
    engine cuts exactly, by the moment the first step falls due.

    `lead_days` (rounded down) and `lead` are the time from the anchor to the first step, negative before it.
    `among` is a SELECT of the patient ids that alone matter, or "" for everybody.
    """

    first: datetime.date
    last: datetime.date
    after: datetime.datetime
    until: datetime.datetime
    lead_days: int
    lead: datetime.timedelta
    among: str = ""

    def only(self, patient: str) -> str:
        """`AND <patient> IN (…)`, or nothing.

        Out of an array the planner expects ten ids, and looks into the indexes of patients for these; of the query
        itself it may expect half of the base, and read whole tables for a handful.
        """
        return f"AND {patient} IN (SELECT unnest(ARRAY({self.among})))" if self.among else ""

    def known_by(self, anchor: str) -> str:
        """SQL of the day on which the first message about this anchor (an SQL date) falls due."""
        return f"({anchor} + {int(self.lead_days)})"

    def known_at(self, anchor: str) -> str:
        """SQL of the moment at which the first message about this anchor (an SQL timestamptz) falls due."""
        return f"({anchor} + interval '{int(self.lead.total_seconds())} seconds')"


class Clause(NamedTuple):
    """One condition of a rule in words, and whether it holds for a patient at the moment asked about. `anchor`: the day
    its messages would be counted from."""

    sentence: str
    holds: bool
    anchor: datetime.date | None = None


class RuleType(ABC):
    """One type of rule. Stateless; `params` are always those its form has cleaned (`clean`), as JSON."""

    code: ClassVar[str]
    name: ClassVar[Promise]
    description: ClassVar[Promise]  # what it is for, in a sentence or two; stands on the page where a type is chosen
    icon: ClassVar[str]  # a tabler icon: "ti-repeat"
    stage: ClassVar[Stage]
    anchored: ClassVar[Literal["day", "moment"]]
    anchor_words: ClassVar[Promise]  # what the steps are counted from: "the day the service is due again"
    purposes: ClassVar[tuple[str, ...]] = (Purpose.MARKETING,)  # the first is the default
    goals: ClassVar[tuple[str, ...]] = (Goal.VISIT, Goal.NONE)  # the first is the default
    cooldown_days: ClassVar[int] = 0
    form_class: ClassVar[type[forms.Form]]

    def clean(self, params: Params) -> Params:
        """The settings with defaults filled in, checked by the form, as JSON; ValidationError names the fields."""
        form = self.form_class({**self.defaults(), **params})
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        return self.stored(form.cleaned_data)

    def stored(self, cleaned: dict[str, Any]) -> Params:
        """What the form has cleaned, as JSON; a type with models among its settings keeps their ids."""
        return dict(cleaned)

    def defaults(self) -> Params:
        return {name: item.initial for name, item in self.form_class().fields.items()}

    @abstractmethod
    def sentence(self, params: Params) -> str:
        """The settings as a sentence in the reader's language: "The service Contact lenses is due again after 30 days
        (or on the day the doctor named)." """

    @abstractmethod
    def occasions(self, params: Params, span: Span) -> Query:
        """SELECT patient_id bigint, occasion text, anchor (date or timestamptz, by `anchored`), since timestamptz,
        service_id int, visit_id bigint, branch_id int. The last three may be NULL.

        `occasion` names it for ever, by ids and dates of facts, unique with the patient: `<service>:<day>`.
        `since`: an appointment that begins after it meets the goal.
        Merged and deleted cards, deleted visits and patients of another audience are left out by the engine or here;
        facts after the moment the first step falls due (`span.known_by`, `span.known_at`) must not matter.
        """

    def stage_for(self, params: Params) -> Stage:
        """Where a rule with these settings stands on the path; of most types every rule stands at one place."""
        return self.stage

    def withdrawn(self, params: Params) -> str:
        """SQL over `f` (triggers_firing): the occasion is no more, for example because the visit was moved. Asked
        before every step and right before sending. "false": it cannot be withdrawn."""
        return "false"

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        """The conditions of the rule for one patient, for "why / why not"; a handful of queries at most."""
        return []

    def needs(self) -> str:
        """What is missing in the base for this type to find anything ("No packages have been posted yet."), or ""."""
        return ""
