"""An appointment was moved or cancelled, as the changes of visits tell it (patients.VisitChange).

    moved       still an appointment, at another time, which lies ahead
    cancelled   was an appointment that lay ahead

Changed again before the message went, it is another occasion, and this one is withdrawn.
"""

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Visit, VisitChange
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span

_CANCELLED = f"(c.was_status IN {visits.STANDING} AND c.status = 'cancelled' AND c.was_starts_at > c.at)"


class AppointmentChangedForm(visits.ServicesForm):
    moved = forms.BooleanField(
        required=False,
        initial=True,
        label=pgettext_lazy("appointment", "moved"),
        help_text=_("To another time that lies ahead."),
    )
    cancelled = forms.BooleanField(
        required=False, initial=True, label=pgettext_lazy("appointment", "cancelled"), help_text=_("Before it began.")
    )
    least_minutes = forms.IntegerField(
        label=_("moved by at least, minutes"), initial=5, min_value=1, max_value=1440,
        help_text=_("Smaller corrections of the time are not told."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("moved") and not cleaned.get("cancelled"):
            raise ValidationError(_("Choose moved, cancelled, or both."))
        return cleaned


class AppointmentChanged(RuleType):
    code = "appointment_changed"
    name = _("Appointment moved or cancelled")
    description = _("Tells the patient that an appointment was moved to another time or cancelled.")
    icon = "ti-calendar-x"
    stage = "before"
    anchored = "moment"
    anchor_words = _("the change of the appointment")
    purposes = (Purpose.SERVICE,)
    goals = (Goal.NONE,)
    form_class = AppointmentChangedForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        kinds = []
        if params["moved"]:
            minutes = int(params["least_minutes"])
            kinds.append(
                ngettext("moved by at least %(n)s minute", "moved by at least %(n)s minutes", minutes) % {"n": minutes}
            )
        if params["cancelled"]:
            kinds.append(pgettext("appointment", "cancelled"))
        return gettext("An appointment%(services)s was %(kinds)s.") % {
            "services": visits.of_services(params), "kinds": visits.either(kinds)
        }  # fmt: skip

    def occasions(self, params: Params, span: Span) -> Query:
        sql = f"""
            SELECT v.patient_id, c.visit_id || ':' || c.id AS occasion, c.at AS anchor, c.at AS since,
                {visits.main_service(params)} AS service_id, c.visit_id, v.branch_id
            FROM patients_visitchange c JOIN patients_visit v ON v.id = c.visit_id
            WHERE c.at > %(o_after)s AND c.at <= %(o_until)s AND ({self._kinds(params)})
                AND (v.deleted_at IS NULL OR v.deleted_at > {span.known_at("c.at")})
                {visits.about(params)} {span.only("v.patient_id")}
        """
        return Query(sql, visits.moments(span))

    @staticmethod
    def _kinds(params: Params) -> str:
        kinds = [_CANCELLED] if params["cancelled"] else []
        if params["moved"]:
            kinds.append(
                f"(c.was_status IN {visits.STANDING} AND c.status IN {visits.STANDING} AND c.starts_at > c.at "
                f"AND greatest(c.starts_at - c.was_starts_at, c.was_starts_at - c.starts_at) "
                f">= interval '{int(params['least_minutes'])} minutes')"
            )
        return " OR ".join(kinds)

    def withdrawn(self, params: Params) -> str:
        again = (
            f"c.starts_at <> c.was_starts_at OR c.status NOT IN {visits.STANDING} "
            f"OR c.was_status NOT IN {visits.STANDING}"
        )
        return f"""(
            NOT EXISTS (SELECT FROM patients_visit v
                WHERE v.id = f.visit_id AND v.deleted_at IS NULL AND v.starts_at > %(now)s)
            OR EXISTS (SELECT FROM patients_visitchange c
                WHERE c.visit_id = f.visit_id AND c.at > f.anchor_at AND ({again}))
        )"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        ahead = visits.visits_of(patient_id, params).filter(starts_at__gt=now)
        recent = VisitChange.objects.filter(visit__in=ahead, at__lte=now).order_by("-at", "-pk")
        last = next((change for change in recent[:20] if self._counts(params, change)), None)
        if last is None:
            return [Clause(gettext("An appointment that lies ahead was moved or cancelled"), False)]
        word = (
            pgettext("appointment", "cancelled")
            if last.status == Visit.Status.CANCELLED
            else pgettext("appointment", "moved")
        )
        day = date_format(timezone.localtime(last.at), "DATETIME_FORMAT")
        return [Clause(gettext("An appointment was %(what)s: %(day)s") % {"what": word, "day": day}, True)]

    @staticmethod
    def _counts(params: Params, change: VisitChange) -> bool:
        """The same as `_kinds`, of one change."""
        standing = (Visit.Status.BOOKED, Visit.Status.CONFIRMED)
        if change.was_status not in standing:
            return False
        if change.status == Visit.Status.CANCELLED:
            return bool(params["cancelled"] and change.was_starts_at > change.at)
        least = datetime.timedelta(minutes=params["least_minutes"])
        moved = change.status in standing and abs(change.starts_at - change.was_starts_at) >= least
        return bool(params["moved"] and moved and change.starts_at > change.at)

    def needs(self) -> str:
        if VisitChange.objects.exists():
            return ""
        return gettext("No appointment has been moved or cancelled since the changes are noted.")
