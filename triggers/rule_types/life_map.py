"""Life map: a service becomes relevant at an age and for a sex (B5), and offers follow the patient as they age.

An occasion is a service and the age that is reached; its day is that birthday. With `repeat_years` it comes back every
so many years until the upper age of the service. Whoever had the service lately is left out.
"""

import datetime
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from patients.models import Patient, Service, VisitItem
from patients.models.catalogue import Sex
from triggers.models import Goal
from triggers.rule_types import rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span
from triggers.timing.anniversaries import falling_on, in_year

OLDEST = 120


class LifeMapForm(forms.Form):
    services = forms.ModelMultipleChoiceField(
        Service.objects.all(), label=_("services"),
        help_text=_("Each becomes relevant at the age and for the sex set at the service, unless said otherwise here."),
    )  # fmt: skip
    age = forms.IntegerField(
        min_value=1, max_value=OLDEST, required=False, label=_("from age"),
        help_text=_("Empty: that of the service. A service without one is left out then."),
    )  # fmt: skip
    max_age = forms.IntegerField(
        min_value=1, max_value=OLDEST, required=False, label=_("to age, inclusive"),
        help_text=_("Until when it is repeated. Empty: that of the service."),
    )  # fmt: skip
    sex = forms.ChoiceField(
        choices=[("", _("as set at the service")), *Sex.choices, ("any", _("any"))], required=False, initial="",
        label=_("sex"), help_text=_("For a service for one sex only patients whose sex is known are written to."),
    )  # fmt: skip
    repeat_years = forms.IntegerField(
        min_value=1, max_value=50, required=False, label=_("again every so many years"),
        help_text=_("Empty: once, when the age is reached."),
    )  # fmt: skip
    not_within_years = forms.IntegerField(
        min_value=0, max_value=50, initial=1, label=_("not if had within, years"),
        help_text=_("Whoever had the service in these years before the first message is left out. 0: does not matter."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        least, most = cleaned.get("age"), cleaned.get("max_age")
        if least and most and least > most:
            self.add_error("max_age", ValidationError(_("Less than “from age”.")))
        if cleaned.get("services") and not least and not cleaned["services"].filter(min_age__gt=0).exists():
            self.add_error("age", ValidationError(_("None of these services has an age: say from which age.")))
        return cleaned


@dataclass(frozen=True)
class Step:
    """From which age to which a service is relevant, for which sex ("": any)."""

    service: int
    name: str
    age: int
    max_age: int
    sex: str

    def ages(self, repeat: int | None) -> list[int]:
        return list(range(self.age, self.max_age + 1, repeat)) if repeat else [self.age]


class LifeMap(RuleType):
    code = "life_map"
    name = _("Life map: age and sex")
    description = _(
        "A service becomes relevant at an age: a check-up for men from 40, mammography for women. Invites on the "
        "birthday, once or every few years, whoever has not had it lately."
    )
    icon = "ti-map-route"
    stage = "personal"
    anchored = "day"
    anchor_words = _("the birthday on which the age is reached")
    goals = (Goal.SERVICE, Goal.GROUP, Goal.VISIT, Goal.NONE)
    form_class = LifeMapForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        said = [_relevant(step) for step in _steps(params)] or [gettext("No service with an age is chosen.")]
        if repeat := params.get("repeat_years"):
            said.append(ngettext("Again every %(n)s year.", "Again every %(n)s years.", repeat) % {"n": repeat})
        if within := params.get("not_within_years"):
            words = ngettext("Not had it within %(n)s year.", "Not had it within %(n)s years.", within)
            said.append(words % {"n": within})
        return " ".join(said)

    def occasions(self, params: Params, span: Span) -> Query:
        repeat = params.get("repeat_years")
        wanted = [(step.service, age, step.sex) for step in _steps(params) for age in step.ages(repeat)]
        ages = {age for _service, age, _sex in wanted}
        days = list(falling_on(span.first, span.last, ages))
        had = f"""{rhythm.RENDERED.format(v="x")}
            AND x.starts_on > ({span.known_by("b.day")} - make_interval(years => %(o_within)s))::date
            AND x.starts_on < {span.known_by("b.day")} AND EXISTS (
                SELECT FROM patients_visititem y WHERE y.visit_id = x.id AND y.service_id = b.service_id)"""
        within = params.get("not_within_years") or 0
        sql = f"""
            SELECT b.patient_id, b.service_id || ':' || b.age AS occasion, b.day AS anchor,
                {visits.midnight(span.known_by("b.day"), "b.branch_id")} AS since,
                b.service_id, NULL::bigint AS visit_id, NULL::int AS branch_id
            FROM (
                SELECT r.id AS patient_id, r.branch_id, w.service_id, w.age, r.day
                FROM (
                    SELECT p.id, p.branch_id, p.sex, d.day, d.age
                    FROM unnest(%(o_begun)s::date[], %(o_days)s::date[], %(o_reached)s::int[]) AS d(begun, day, age)
                    JOIN {rhythm.people(span)} p ON p.birth_date = d.begun
                    OFFSET 0  -- birthdays first: put together with every age of every service, they are too many
                ) r
                JOIN unnest(%(o_services)s::int[], %(o_ages)s::int[], %(o_sexes)s::text[]) AS w(service_id, age, sex)
                    ON w.age = r.age AND (w.sex = '' OR r.sex = w.sex)
            ) b
            WHERE {rhythm.nothing_of_person("b", had) if within else "true"}
        """
        return Query(
            sql,
            {
                "o_begun": [one.begun for one in days], "o_days": [one.day for one in days],
                "o_reached": [one.years for one in days], "o_services": [one[0] for one in wanted],
                "o_ages": [one[1] for one in wanted], "o_sexes": [one[2] for one in wanted], "o_within": within,
            },
        )  # fmt: skip

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        patient = Patient.objects.filter(pk=patient_id).first()
        if patient is None or patient.birth_date is None:
            return [Clause(gettext("The date of birth is known"), False)]
        today = timezone.localdate(now)
        age = today.year - patient.birth_date.year - (today < in_year(patient.birth_date, today.year))
        known = gettext("Age: %(n)s") % {"n": age}
        steps = [step for step in _steps(params) if step.sex in ("", patient.sex)]
        clauses = [Clause(_relevant(step), step.age <= age <= step.max_age) for step in steps]
        if not steps:
            clauses.append(Clause(gettext("One of the services is for this sex"), False))
        if within := params.get("not_within_years"):
            since = in_year(today, today.year - within)
            had = VisitItem.objects.filter(
                visit__patient__in=visits.cards(patient_id), visit__status="completed", visit__deleted_at__isnull=True,
                visit__starts_on__gt=since, visit__starts_on__lte=today, service__in=[step.service for step in steps],
            )  # fmt: skip
            none = ngettext("Has had none of them within %(n)s year", "Has had none of them within %(n)s years", within)
            clauses.append(Clause(none % {"n": within}, not had.exists()))
        return [Clause(known, True), *clauses]

    def needs(self) -> str:
        if Patient.objects.filter(birth_date__isnull=False).exists():
            return ""
        return gettext("No patient's date of birth is known.")


def _steps(params: Params) -> list[Step]:
    services = Service.objects.filter(pk__in=visits.ids(params, "services")).order_by("pk")
    found = []
    for service in services:
        age = params.get("age") or service.min_age
        sex = {"": service.sex, "any": ""}.get(params.get("sex") or "", params.get("sex") or "")
        if age:
            most = params.get("max_age") or service.max_age or OLDEST
            found.append(Step(service.pk, service.name, age, max(most, age), sex))
    return found


def _relevant(step: Step) -> str:
    whom = {
        Sex.FEMALE.value: pgettext("life map", "Women"), Sex.MALE.value: pgettext("life map", "Men"),
    }.get(step.sex, pgettext("life map", "Patients"))  # fmt: skip
    words = {"whom": whom, "age": step.age, "max": step.max_age, "service": visits.in_words([step.name])}
    if step.max_age >= OLDEST:
        return gettext("%(whom)s from the age of %(age)s: %(service)s.") % words
    return gettext("%(whom)s from the age of %(age)s to %(max)s: %(service)s.") % words
