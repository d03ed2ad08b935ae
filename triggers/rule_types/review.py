"""A request for a score after a completed visit: whoever has answered lately is not asked again."""

import datetime
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Feedback, Visit
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span


class ReviewForm(visits.ServicesForm):
    answered_days = forms.IntegerField(
        label=_("not if answered within, days"), initial=90, min_value=0, max_value=3650,
        help_text=_("Whoever gave a score or a comment in these days before the visit is not asked. 0: always ask."),
    )  # fmt: skip


class Review(RuleType):
    code = "review"
    name = _("Review request after a visit")
    description = _(
        "Asks for a score from 0 to 10 on a page of its own. 0–6 is a task for a manager at once, 9–10 is asked for a "
        "public review."
    )
    icon = "ti-message-star"
    stage = "after"
    anchored = "moment"
    anchor_words = _("the beginning of the visit")
    purposes = (Purpose.SERVICE, Purpose.MARKETING)
    goals = (Goal.NONE,)
    cooldown_days = 90
    form_class = ReviewForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        days = int(params["answered_days"])
        visit = gettext("The patient has been to the clinic%(services)s") % {"services": visits.of_services(params)}
        if not days:
            return f"{visit}."
        answered = ngettext(
            "has given no answer in the %(n)s day before", "has given no answer in the %(n)s days before", days
        )
        return gettext("%(visit)s and %(answered)s.") % {"visit": visit, "answered": answered % {"n": days}}

    def occasions(self, params: Params, span: Span) -> Query:
        sql = f"""
            SELECT v.patient_id, v.id::text AS occasion, v.starts_at AS anchor, v.starts_at AS since,
                {visits.main_service(params)} AS service_id, v.id AS visit_id, v.branch_id
            FROM patients_visit v
            WHERE {visits.starting_in(span)} AND v.status = 'completed' AND v.deleted_at IS NULL
                {self._unanswered(params, span)} {visits.about(params)} {span.only("v.patient_id")}
        """
        return Query(sql, visits.moments(span))

    @staticmethod
    def _unanswered(params: Params, span: Span) -> str:
        """No answer from `answered_days` before the visit up to the moment the first message falls due."""
        days = int(params["answered_days"])
        if not days:
            return ""
        return f"""AND NOT EXISTS (SELECT FROM patients_feedback a
            WHERE a.patient_id = ANY{visits.cards_sql(visits.kept("v.patient_id"))}
                AND a.given_at > v.starts_at - interval '{days * 24} hours'
                AND a.given_at <= {span.known_at("v.starts_at")})"""

    def withdrawn(self, params: Params) -> str:
        """The visit is no completed one any more, or an answer has come since."""
        return f"""(
            NOT EXISTS (SELECT FROM patients_visit v
                WHERE v.id = f.visit_id AND v.deleted_at IS NULL AND v.status = 'completed')
            OR EXISTS (SELECT FROM patients_feedback a
                WHERE a.patient_id = ANY{visits.cards_sql(visits.kept("f.patient_id"))} AND a.given_at > f.anchor_at)
        )"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        last = (
            visits.visits_of(patient_id, params)
            .filter(status=Visit.Status.COMPLETED, starts_at__lte=now)
            .order_by("-starts_at")
            .first()
        )
        if last is None:
            return [Clause(gettext("Has been to the clinic%(services)s") % {"services": visits.of_services(params)},
                           False)]  # fmt: skip
        told = gettext("Was here on %(day)s") % {"day": date_format(last.starts_on, "DATE_FORMAT")}
        clauses = [Clause(told, True, last.starts_on)]
        if days := int(params["answered_days"]):
            since = last.starts_at - datetime.timedelta(days=days)
            answered = Feedback.objects.filter(
                patient__in=visits.cards(patient_id), given_at__gt=since, given_at__lte=now
            )
            told = ngettext("Has not answered since %(n)s day before", "Has not answered since %(n)s days before", days)
            clauses.append(Clause(told % {"n": days}, not answered.exists()))
        return clauses

    def needs(self) -> str:
        if Visit.objects.filter(status=Visit.Status.COMPLETED).exists():
            return ""
        return gettext("No completed visits have been posted.")
