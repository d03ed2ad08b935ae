"""Birthday and other personal dates: days of a patient's own that come back every year.

An occasion is the day. A date of birth that is corrected withdraws what was planned for the wrong day.
"""

import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from patients.models import Patient, Visit
from triggers.models import Goal
from triggers.rule_types import rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span
from triggers.timing.anniversaries import Anniversary, falling_on, in_year

BIRTH, FIRST_VISIT = "birth", "first_visit"
OLDEST = 120


class BirthdayForm(forms.Form):
    date = forms.ChoiceField(
        choices=[(BIRTH, _("birthday")), (FIRST_VISIT, _("anniversary of the first visit"))], initial=BIRTH,
        label=_("date"), help_text=_("The first visit is the first one that was completed."),
    )  # fmt: skip
    min_years = forms.IntegerField(
        min_value=1, max_value=OLDEST, required=False, label=_("from years"),
        help_text=_("The age the patient reaches, or the years since the first visit. Empty: from one year on."),
    )  # fmt: skip
    max_years = forms.IntegerField(
        min_value=1, max_value=OLDEST, required=False, label=_("to years, inclusive"),
        help_text=_("Empty: no upper limit."),
    )  # fmt: skip
    every = forms.IntegerField(
        min_value=1, max_value=50, initial=1, label=_("every so many years"),
        help_text=_("1: every year; 5: only round dates, that is 25, 30, 35…"),
    )  # fmt: skip
    leap_in_march = forms.BooleanField(
        required=False, label=_("29 February on 1 March"),
        help_text=_("In years without a 29 February. Without it, on 28 February."),
    )  # fmt: skip

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        least, most = cleaned.get("min_years"), cleaned.get("max_years")
        if least and most and least > most:
            self.add_error("max_years", ValidationError(_("Less than “from years”.")))
        return cleaned


class Birthday(RuleType):
    code = "birthday"
    name = _("Birthday and personal dates")
    description = _(
        "Congratulates on the birthday or on the anniversary of the first visit: on the day, or some days before when "
        "there is a present that has to be used."
    )
    icon = "ti-cake"
    stage = "personal"
    anchored = "day"
    anchor_words = _("the day itself")
    goals = (Goal.NONE, Goal.VISIT)
    form_class = BirthdayForm

    def sentence(self, params: Params) -> str:
        said = [
            gettext("The anniversary of the patient's first visit.")
            if params["date"] == FIRST_VISIT
            else gettext("The patient's birthday.")
        ]
        least, most, every = params.get("min_years"), params.get("max_years"), params["every"]
        if least and most:
            said.append(gettext("From %(least)s to %(most)s years.") % {"least": least, "most": most})
        elif least or most:
            words = gettext("From %(n)s years on.") if least else gettext("Up to %(n)s years.")
            said.append(words % {"n": least or most})
        if every > 1:
            said.append(ngettext("Every %(n)s year only.", "Every %(n)s years only.", every) % {"n": every})
        return " ".join(said)

    def occasions(self, params: Params, span: Span) -> Query:
        days = falling_on(span.first, span.last, _years(params), leap_in_march=bool(params.get("leap_in_march")))
        return (_first_visits if params["date"] == FIRST_VISIT else _births)(list(days), span)

    def withdrawn(self, params: Params) -> str:
        if params["date"] == FIRST_VISIT:
            return "false"
        others = "'02-28', '02-29', '03-01'"
        return f"""NOT EXISTS (SELECT FROM patients_patient p WHERE p.id = f.patient_id AND (
            to_char(p.birth_date, 'MM-DD') = right(f.occasion, 5)
            OR to_char(p.birth_date, 'MM-DD') = '02-29' AND right(f.occasion, 5) IN ({others})
        ))"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        today = timezone.localdate(now)
        if params["date"] == FIRST_VISIT:
            begun = _first_visit_on(patient_id)
            known, missing = gettext("First visit: %(date)s"), gettext("Has been at the clinic")
        else:
            begun = Patient.objects.filter(pk=patient_id).values_list("birth_date", flat=True).first()
            known, missing = gettext("Born: %(date)s"), gettext("The date of birth is known")
        if begun is None:
            return [Clause(missing, False)]
        leap_in_march = bool(params.get("leap_in_march"))
        day = in_year(begun, today.year, leap_in_march=leap_in_march)
        if day < today:
            day = in_year(begun, today.year + 1, leap_in_march=leap_in_march)
        years = day.year - begun.year
        following = gettext("Next: %(date)s, %(years)s") % {
            "date": date_format(day), "years": ngettext("%(n)s year", "%(n)s years", years) % {"n": years},
        }  # fmt: skip
        return [Clause(known % {"date": date_format(begun)}, True), Clause(following, years in _years(params), day)]

    def needs(self) -> str:
        if Patient.objects.filter(birth_date__isnull=False).exists():
            return ""
        return gettext("No patient's date of birth is known.")


def _years(params: Params) -> range:
    """The ages that count: multiples of `every` within the limits."""
    every = int(params["every"])
    least = int(params.get("min_years") or 1)
    return range(-(-least // every) * every, int(params.get("max_years") or OLDEST) + 1, every)


def _births(days: list[Anniversary], span: Span) -> Query:
    sql = f"""
        SELECT p.id AS patient_id, 'birthday:' || to_char(d.day, {rhythm.FORMAT}) AS occasion, d.day AS anchor,
            {visits.midnight(span.known_by("d.day"), "p.branch_id")} AS since,
            NULL::int AS service_id, NULL::bigint AS visit_id, NULL::int AS branch_id
        FROM {_DAYS} JOIN {rhythm.people(span)} p ON p.birth_date = d.begun
    """
    return Query(sql, _values(days))


def _first_visits(days: list[Anniversary], span: Span) -> Query:
    earlier = f"""{rhythm.RENDERED.format(v="x")}
        AND (x.starts_on, x.starts_at, x.id) < (v.starts_on, v.starts_at, v.id)"""
    sql = f"""
        SELECT v.patient_id, 'first_visit:' || to_char(d.day, {rhythm.FORMAT}) AS occasion, d.day AS anchor,
            {visits.midnight(span.known_by("d.day"), "v.branch_id")} AS since,
            NULL::int AS service_id, NULL::bigint AS visit_id, NULL::int AS branch_id
        FROM {_DAYS} JOIN patients_visit v ON v.starts_on = d.begun
        WHERE {rhythm.RENDERED.format(v="v")} {span.only("v.patient_id")}
            AND {rhythm.nothing_of_person("v", earlier)}
    """
    return Query(sql, _values(days))


_DAYS = "unnest(%(o_begun)s::date[], %(o_days)s::date[]) AS d(begun, day)"


def _values(days: list[Anniversary]) -> dict[str, object]:
    return {"o_begun": [one.begun for one in days], "o_days": [one.day for one in days]}


def _first_visit_on(patient_id: int) -> datetime.date | None:
    came = Visit.objects.filter(
        patient__in=visits.cards(patient_id), deleted_at__isnull=True, status=Visit.Status.COMPLETED
    )  # fmt: skip
    return came.order_by("starts_on").values_list("starts_on", flat=True).first()
