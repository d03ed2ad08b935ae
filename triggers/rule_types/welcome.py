"""Newcomers: a lead who has not been to the clinic, and a patient after the very first visit."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients.models import AcquisitionChannel, Patient, Visit
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span


class WelcomeForm(forms.Form):
    channels = forms.ModelMultipleChoiceField(
        AcquisitionChannel.objects.all(), required=False, label=_("acquisition channels"),
        help_text=_("Only those who came by one of them. Empty: all."),
    )  # fmt: skip


class Welcome(RuleType):
    """Once per patient, whatever becomes of the day of registration."""

    code = "welcome"
    name = _("Newcomer without a visit")
    description = _(
        "A welcome series for whoever has registered and has not been to the clinic yet: at once, or after some days "
        "without a visit."
    )
    icon = "ti-user-plus"
    stage = "lead"
    anchored = "day"
    anchor_words = _("the day of registration")
    form_class = WelcomeForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        names = list(AcquisitionChannel.objects.filter(pk__in=visits.ids(params, "channels")))
        if not names:
            return gettext("The patient has registered and has not been to the clinic yet.")
        return gettext("The patient has registered, came by %(channels)s and has not been to the clinic yet.") % {
            "channels": visits.in_words(names)
        }

    def occasions(self, params: Params, span: Span) -> Query:
        channels = visits.ids(params, "channels")
        by_channel = f"AND p.channel_id IN ({visits.listed(channels)})" if channels else ""
        sql = f"""
            SELECT r.patient_id, 'registered' AS occasion, r.day AS anchor, r.registered_at AS since,
                NULL::int AS service_id, NULL::bigint AS visit_id, r.branch_id
            FROM (
                SELECT p.id AS patient_id, p.registered_at, p.branch_id,
                    (p.registered_at AT TIME ZONE {visits.zone("p.branch_id")})::date AS day
                FROM patients_patient p
                WHERE p.registered_at >= %(o_first)s::date - 1 AND p.registered_at < %(o_last)s::date + 2
                    AND p.merged_into_id IS NULL AND p.deleted_at IS NULL {by_channel} {span.only("p.id")}
            ) r
            WHERE r.day BETWEEN %(o_first)s AND %(o_last)s AND NOT EXISTS (
                SELECT FROM patients_visit v
                WHERE v.patient_id = ANY{visits.cards_sql("r.patient_id")} AND v.status = 'completed'
                    AND v.deleted_at IS NULL AND v.starts_on <= {span.known_by("r.day")}
            )
        """
        return Query(sql, visits.days(span))

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        patient = Patient.objects.filter(pk__in=visits.cards(patient_id), merged_into__isnull=True).first()
        registered = patient.registered_at if patient else None
        clauses = [
            Clause(gettext("Registered: %(day)s") % {
                "day": date_format(timezone.localtime(registered), "DATE_FORMAT") if registered else gettext("unknown")
            }, registered is not None, timezone.localdate(registered) if registered else None)
        ]  # fmt: skip
        if channels := visits.ids(params, "channels"):
            clauses.append(
                Clause(
                    gettext("Came by one of the acquisition channels"), bool(patient and patient.channel_id in channels)
                )
            )
        been = visits.visits_of(patient_id, {}).filter(status=Visit.Status.COMPLETED, starts_at__lte=now)
        return [*clauses, Clause(gettext("Has not been to the clinic yet"), not been.exists())]

    def needs(self) -> str:
        if Patient.objects.filter(registered_at__isnull=False).exists():
            return ""
        return gettext("No patient has a date of registration.")


class FirstVisit(RuleType):
    """Once per patient: an older visit that is posted later makes no second first one."""

    code = "first_visit"
    name = _("After the first visit")
    description = _("Thanks for the very first visit, tells about the clinic and invites to the second one.")
    icon = "ti-door-enter"
    stage = "after"
    anchored = "day"
    anchor_words = _("the day of the first visit")
    goals = (Goal.VISIT, Goal.SERVICE, Goal.GROUP, Goal.NONE)
    form_class = visits.ServicesForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        return gettext("The patient has been to the clinic for the first time%(services)s.") % {
            "services": visits.of_services(params)
        }

    def occasions(self, params: Params, span: Span) -> Query:
        earlier = "e.status = 'completed' AND e.deleted_at IS NULL AND (e.starts_on, e.starts_at, e.id)"
        # First the card itself, by whatever join the database likes; of the few that are left, the other cards.
        sql = f"""
            SELECT a.patient_id, 'first' AS occasion, a.starts_on AS anchor, a.starts_at AS since,
                {visits.main_service(params, "a.id")} AS service_id, a.id AS visit_id, a.branch_id
            FROM (
                SELECT v.id, v.patient_id, v.starts_on, v.starts_at, v.branch_id,
                    {visits.kept("v.patient_id")} AS person
                FROM patients_visit v
                WHERE v.starts_on BETWEEN %(o_first)s AND %(o_last)s AND v.status = 'completed'
                    AND v.deleted_at IS NULL {span.only("v.patient_id")}
                    AND NOT EXISTS (SELECT FROM patients_visit e WHERE e.patient_id = v.patient_id
                        AND {earlier} < (v.starts_on, v.starts_at, v.id))
                OFFSET 0
            ) a
            WHERE NOT EXISTS (SELECT FROM patients_visit e
                WHERE e.patient_id = ANY{visits.cards_sql("a.person")} AND e.patient_id <> a.patient_id
                    AND {earlier} < (a.starts_on, a.starts_at, a.id))
                {visits.about(params, "a.id")}
        """
        return Query(sql, visits.days(span))

    def withdrawn(self, params: Params) -> str:
        return """NOT EXISTS (SELECT FROM patients_visit v
            WHERE v.id = f.visit_id AND v.deleted_at IS NULL AND v.status = 'completed')"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        been = visits.visits_of(patient_id, {}).filter(status=Visit.Status.COMPLETED, starts_at__lte=now)
        first = been.order_by("starts_on", "starts_at", "pk").first()
        if first is None:
            return [Clause(gettext("Has been to the clinic"), False)]
        told = gettext("First visit: %(day)s") % {"day": date_format(first.starts_on, "DATE_FORMAT")}
        clauses = [Clause(told, True, first.starts_on)]
        if words := visits.of_services(params):
            fits = visits.visits_of(patient_id, params).filter(pk=first.pk).exists()
            clauses.append(Clause(gettext("It was a visit%(services)s") % {"services": words}, fits))
        return clauses

    def needs(self) -> str:
        if Visit.objects.filter(status=Visit.Status.COMPLETED).exists():
            return ""
        return gettext("No completed visits have been posted.")
