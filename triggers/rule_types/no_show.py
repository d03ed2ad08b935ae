"""Who did not come, or cancelled: called back for another appointment.

    no-show      the day of the appointment
    cancelled    the day it was cancelled, or that of the appointment when nobody noted it in advance

Whoever has made another appointment has met the goal; one that was brought back to life is withdrawn.
"""

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from patients.models import Visit
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span


class NoShowForm(visits.ServicesForm):
    no_show = forms.BooleanField(
        required=False,
        initial=True,
        label=pgettext_lazy("patients", "did not come"),
        help_text=_("The MIS says: no-show."),
    )
    cancelled = forms.BooleanField(
        required=False,
        initial=True,
        label=pgettext_lazy("patients", "cancelled"),
        help_text=_("And has made no other appointment since."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("no_show") and not cleaned.get("cancelled"):
            raise ValidationError(_("Choose no-shows, cancelled appointments, or both."))
        return cleaned


class NoShow(RuleType):
    code = "no_show"
    name = _("No-show or cancelled appointment")
    description = _("Offers another time to whoever did not come to an appointment or cancelled it.")
    icon = "ti-user-x"
    stage = "return"
    anchored = "day"
    anchor_words = _("the day the patient did not come or cancelled")
    goals = (Goal.VISIT, Goal.SERVICE, Goal.GROUP, Goal.NONE)
    cooldown_days = 14
    form_class = NoShowForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        kinds = [pgettext("patient", "did not come to an appointment")] if params["no_show"] else []
        kinds += [pgettext("patient", "cancelled an appointment")] if params["cancelled"] else []
        return gettext("The patient %(kinds)s%(services)s.") % {
            "kinds": visits.either(kinds), "services": visits.of_services(params)
        }  # fmt: skip

    def occasions(self, params: Params, span: Span) -> Query:
        parts = []
        if params["no_show"]:
            parts.append(self._on_the_day("no_show", params, span))
        if params["cancelled"]:
            parts += [self._on_the_day("cancelled", params, span), self._in_advance(params, span)]
        sql = f"""
            SELECT a.patient_id, a.visit_id || ':' || to_char(a.day, 'YYYY-MM-DD') AS occasion, a.day AS anchor,
                a.since, {visits.main_service(params, "a.visit_id")} AS service_id, a.visit_id, a.branch_id
            FROM ({" UNION ALL ".join(parts)}) a
        """
        return Query(sql, visits.days(span))

    @staticmethod
    def _on_the_day(status: str, params: Params, span: Span) -> str:
        known = ""
        if status == "cancelled":
            known = """AND NOT EXISTS (SELECT FROM patients_visitchange c
                WHERE c.visit_id = v.id AND c.status = 'cancelled' AND c.at < c.was_starts_at)"""
        return f"""
            SELECT v.patient_id, v.id AS visit_id, v.branch_id, v.starts_on AS day,
                {visits.midnight("v.starts_on", "v.branch_id")} AS since
            FROM patients_visit v
            WHERE v.starts_on BETWEEN %(o_first)s AND %(o_last)s AND v.status = '{status}' AND v.deleted_at IS NULL
                {known} {visits.about(params)} {span.only("v.patient_id")}
        """

    @staticmethod
    def _in_advance(params: Params, span: Span) -> str:
        """By the note of the change; of several on one day the last. What was changed before the first message falls
        due is no occasion; what is changed later withdraws it."""
        day = f"(c.at AT TIME ZONE {visits.zone('v.branch_id')})::date"
        later_day = f"(later.at AT TIME ZONE {visits.zone('v.branch_id')})::date"
        return f"""
            SELECT * FROM (
                SELECT DISTINCT ON (v.id, {day}) v.patient_id, v.id AS visit_id, v.branch_id, {day} AS day,
                    c.at AS since
                FROM patients_visitchange c JOIN patients_visit v ON v.id = c.visit_id
                WHERE c.at >= %(o_first)s::date - 1 AND c.at < %(o_last)s::date + 2
                    AND c.status = 'cancelled' AND c.was_status IN {visits.STANDING} AND c.at < c.was_starts_at
                    AND v.deleted_at IS NULL
                    AND NOT EXISTS (SELECT FROM patients_visitchange later
                        WHERE later.visit_id = c.visit_id AND later.at > c.at
                            AND {later_day} < {span.known_by(day)})
                    {visits.about(params)} {span.only("v.patient_id")}
                ORDER BY v.id, {day}, c.at DESC
            ) noted WHERE day BETWEEN %(o_first)s AND %(o_last)s
        """

    def withdrawn(self, params: Params) -> str:
        statuses = [f"'{name}'" for name in ("no_show", "cancelled") if params[name]]
        return f"""NOT EXISTS (SELECT FROM patients_visit v WHERE v.id = f.visit_id AND v.deleted_at IS NULL
            AND v.status IN ({", ".join(statuses)}))"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        statuses = [name for name in (Visit.Status.NO_SHOW, Visit.Status.CANCELLED) if params[name.value]]
        last = visits.visits_of(patient_id, params).filter(status__in=statuses).order_by("-starts_on").first()
        if last is None:
            return [Clause(self.sentence(params), False)]
        told = {"day": date_format(last.starts_on, "DATE_FORMAT")}
        words = gettext("Did not come on %(day)s") if last.status == "no_show" else gettext(
            "Cancelled the appointment of %(day)s"
        )  # fmt: skip
        since = visits.visits_of(patient_id, {}).filter(
            status=Visit.Status.COMPLETED, starts_at__gt=last.starts_at, starts_at__lte=now
        )
        return [
            Clause(words % told, True, last.starts_on), Clause(gettext("Has not come since"), not since.exists()),
        ]  # fmt: skip

    def needs(self) -> str:
        gone = [Visit.Status.NO_SHOW, Visit.Status.CANCELLED]
        if Visit.objects.filter(status__in=gone, deleted_at__isnull=True).exists():
            return ""
        return gettext("No missed or cancelled appointments have been posted.")
