"""Prescribed return: the doctor named a day to come again, and the patient has not come since.

An occasion is the day of the visit and the day that was named; another day named later is another occasion, and what
was planned for the old one is withdrawn.
"""

import datetime

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Visit
from triggers.models import Goal
from triggers.rule_types import rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span

ANY, SPECIALTY, DOCTOR = "any", "specialty", "doctor"


class PrescribedReturnForm(forms.Form):
    returned = forms.ChoiceField(
        choices=[
            (ANY, _("for anything")),
            (SPECIALTY, _("to a doctor of the same specialty")),
            (DOCTOR, _("to the same doctor")),
        ],
        initial=ANY, label=_("has come again when the patient came"),
        help_text=_("Whoever came so before the day of the first message is not written to."),
    )  # fmt: skip


class PrescribedReturn(RuleType):
    code = "prescribed_return"
    name = _("Prescribed return")
    description = _(
        "The doctor asked the patient to come again on a day, and there is no appointment. Reminds before that day and "
        "after it has passed."
    )
    icon = "ti-stethoscope"
    stage = "return"
    anchored = "day"
    anchor_words = _("the day the doctor named")
    purposes = (Purpose.MARKETING, Purpose.SERVICE)
    goals = (Goal.VISIT, Goal.GROUP, Goal.NONE)
    form_class = PrescribedReturnForm

    def sentence(self, params: Params) -> str:
        how = {
            ANY: gettext("The doctor asked the patient to come again, and the patient has not come since."),
            SPECIALTY: gettext(
                "The doctor asked the patient to come again, and the patient has not been to a doctor of this "
                "specialty since."
            ),
            DOCTOR: gettext("The doctor asked the patient to come again, and the patient has not been there since."),
        }
        return how[params["returned"]]

    def occasions(self, params: Params, span: Span) -> Query:
        known_by = span.known_by("u.return_due_on")
        sql = f"""
            SELECT u.patient_id, {_occasion("u")} AS occasion, u.return_due_on AS anchor,
                greatest(u.starts_at, {visits.midnight(known_by, "u.branch_id")}) AS since,
                NULL::int AS service_id, u.id AS visit_id, u.branch_id
            FROM patients_visit u LEFT JOIN patients_doctor d ON d.id = u.doctor_id
            WHERE {rhythm.RENDERED.format(v="u")} AND u.return_due_on > u.starts_on
                AND u.return_due_on BETWEEN %(o_first)s AND %(o_last)s {span.only("u.patient_id")}
                AND {_told_last("u")} AND {rhythm.not_since("u", known_by, _SAME[params["returned"]])}
        """
        return Query(sql, visits.days(span))

    def withdrawn(self, params: Params) -> str:
        return f"""NOT EXISTS (
            SELECT FROM patients_visit v WHERE v.id = f.visit_id AND {rhythm.RENDERED.format(v="v")}
                AND f.occasion = {_occasion("v")}
        )"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        today = timezone.localdate(now)
        came = Visit.objects.filter(
            patient__in=visits.cards(patient_id), deleted_at__isnull=True, status=Visit.Status.COMPLETED,
            starts_on__lte=today,
        )  # fmt: skip
        told = came.filter(return_due_on__isnull=False).select_related("doctor").order_by("-starts_on", "-pk").first()
        if told is None or told.return_due_on is None:
            return [Clause(gettext("A doctor has named a day to come again"), False)]
        since = came.filter(starts_on__gt=told.starts_on)
        if told.doctor and params["returned"] == DOCTOR:
            since = since.filter(doctor=told.doctor)
        elif told.doctor and params["returned"] == SPECIALTY:
            since = since.filter(doctor__specialty=told.doctor.specialty)
        words = {"told": date_format(told.starts_on), "due": date_format(told.return_due_on)}
        return [
            Clause(
                gettext("Was asked on %(told)s to come again on %(due)s") % words,
                told.return_due_on <= today,
                told.return_due_on,
            ),
            Clause(gettext("Has not come since"), not since.exists()),
        ]

    def needs(self) -> str:
        if Visit.objects.filter(
            return_due_on__isnull=False, status=Visit.Status.COMPLETED, deleted_at__isnull=True
        ).exists():  # fmt: skip
            return ""
        return gettext("No visit says when to come again: the MIS has to post the day the doctor named.")


# What a later visit (x) must be to count; a visit without a doctor is one to any doctor.
_SAME = {
    ANY: "true",
    SPECIALTY: """(d.id IS NULL OR EXISTS (
        SELECT FROM patients_doctor e WHERE e.id = x.doctor_id AND e.specialty = d.specialty))""",
    DOCTOR: "(d.id IS NULL OR x.doctor_id = d.id)",
}


def _occasion(visit: str) -> str:
    return f"to_char({visit}.starts_on, {rhythm.FORMAT}) || ':' || to_char({visit}.return_due_on, {rhythm.FORMAT})"


def _told_last(use: str) -> str:
    """Two documents of one coming name the same day: the one posted later counts."""
    same = f"""{rhythm.RENDERED.format(v="x")} AND x.starts_on = {use}.starts_on
        AND x.return_due_on = {use}.return_due_on AND x.id > {use}.id"""
    return rhythm.nothing_of_person(use, same)
