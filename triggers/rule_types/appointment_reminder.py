"""Reminders of an appointment: 48 hours, 24 hours, 2 hours before it.

An occasion is an appointment at a time: moved, it is another one, and what was planned for the old time is withdrawn.

    stood then      booked or confirmed when the first reminder fell due, or booked since
    moved since     the time it had then is found in the changes of visits; the time it has now is an occasion too
    never booked    a visit first posted when it was over had no appointment; one that happened before the clinic was
                    connected is taken for booked, because the history of appointments was not posted
"""

import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Visit
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span


class AppointmentReminderForm(visits.ServicesForm):
    confirmed = forms.BooleanField(
        required=False, initial=True, label=_("also those who have confirmed"),
        help_text=_("Without it, whoever confirms the appointment is not reminded of it again."),
    )  # fmt: skip


class AppointmentReminder(RuleType):
    code = "appointment_reminder"
    name = _("Appointment reminder")
    description = _(
        "Reminds of an appointment before it begins, with links to confirm, move or cancel it. An appointment that is "
        "moved is reminded of at its new time."
    )
    icon = "ti-calendar-time"
    stage = "before"
    anchored = "moment"
    anchor_words = _("the beginning of the appointment")
    purposes = (Purpose.SERVICE,)
    goals = (Goal.NONE,)
    form_class = AppointmentReminderForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        about = {"services": visits.of_services(params)}
        if params["confirmed"]:
            return gettext("The patient has an appointment%(services)s.") % about
        return gettext("The patient has an appointment%(services)s and has not confirmed it.") % about

    def occasions(self, params: Params, span: Span) -> Query:
        unconfirmed = "" if params["confirmed"] else f"WHERE {self._status_then(span)} <> 'confirmed'"
        sql = f"""
            SELECT a.patient_id, a.visit_id || ':' || extract(epoch FROM a.anchor)::bigint AS occasion, a.anchor,
                a.anchor AS since, {visits.main_service(params, "a.visit_id")} AS service_id, a.visit_id, a.branch_id
            FROM (
                SELECT v.patient_id, v.id AS visit_id, v.starts_at AS anchor, v.branch_id, v.status
                FROM patients_visit v JOIN patients_integration source ON source.id = v.source_id
                WHERE {visits.starting_in(span)} AND v.status <> 'cancelled'
                    AND (v.deleted_at IS NULL OR v.deleted_at > {span.known_at("v.starts_at")})
                    AND NOT (v.status IN ('arrived', 'completed') AND v.created_at > v.starts_at
                        AND source.created_at < v.starts_at)
                    {visits.about(params)} {span.only("v.patient_id")}
                UNION
                SELECT v.patient_id, v.id, c.was_starts_at, v.branch_id, v.status
                FROM patients_visitchange c JOIN patients_visit v ON v.id = c.visit_id
                WHERE c.was_starts_at > %(o_after)s AND c.was_starts_at <= %(o_until)s
                    AND c.was_status IN {visits.STANDING}
                    AND (c.status = 'cancelled' OR c.starts_at <> c.was_starts_at)
                    AND c.at > {span.known_at("c.was_starts_at")}
                    AND (v.deleted_at IS NULL OR v.deleted_at > {span.known_at("c.was_starts_at")})
                    {visits.about(params)} {span.only("v.patient_id")}
            ) a {unconfirmed}
        """
        return Query(sql, visits.moments(span))

    @staticmethod
    def _status_then(span: Span) -> str:
        return f"""coalesce((
            SELECT c.was_status FROM patients_visitchange c
            WHERE c.visit_id = a.visit_id AND c.at > {span.known_at("a.anchor")} ORDER BY c.at, c.id LIMIT 1
        ), a.status)"""

    def withdrawn(self, params: Params) -> str:
        standing = visits.STANDING if params["confirmed"] else "('booked')"
        return f"""(f.anchor_at <= %(now)s OR NOT EXISTS (
            SELECT FROM patients_visit v WHERE v.id = f.visit_id AND v.deleted_at IS NULL
                AND v.starts_at = f.anchor_at AND v.status IN {standing}
        ))"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        ahead = visits.visits_of(patient_id, params).filter(
            starts_at__gt=now, status__in=[Visit.Status.BOOKED, Visit.Status.CONFIRMED]
        )
        statuses = set(ahead.values_list("status", flat=True))
        clauses = [
            Clause(gettext("Has an appointment ahead%(services)s") % {"services": visits.of_services(params)},
                   bool(statuses))
        ]  # fmt: skip
        if not params["confirmed"]:
            clauses.append(Clause(gettext("Has not confirmed it yet"), Visit.Status.BOOKED in statuses))
        return clauses

    def needs(self) -> str:
        if Visit.objects.filter(status__in=[Visit.Status.BOOKED, Visit.Status.CONFIRMED]).exists():
            return ""
        return gettext("No appointments have been posted: the MIS sends visits only when they are over.")
