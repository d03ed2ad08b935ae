"""Two rule types as small as they can be, to try the engine with: one anchored on days, one on moments."""

from typing import Any

from django import forms
from django.utils.functional import Promise

from campaigns.models import Purpose
from triggers.models import Goal
from triggers.rule_types import Clause, Params, Query, RuleType, Span

_COMPLETED = "v.status = 'completed' AND v.deleted_at IS NULL"


class NoSettings(forms.Form):
    pass


class AfterVisitDay(RuleType):
    """The day of every completed visit that was not followed by another before the first message."""

    code, name, description, icon = "tiny_day", "День визита", "Каждый визит.", "ti-calendar"  # type: ignore[assignment]
    stage, anchored = "after", "day"
    anchor_words: "Promise" = "the day of the visit"  # type: ignore[assignment]
    goals = (Goal.VISIT, Goal.SERVICE, Goal.GROUP, Goal.NONE)
    form_class = NoSettings

    def sentence(self, params: Params) -> str:
        return "После каждого визита."

    def occasions(self, params: Params, span: Span) -> Query:
        return Query(
            f"""SELECT v.patient_id, v.id::text AS occasion, v.starts_on AS anchor, v.starts_at AS since,
                (SELECT min(i.service_id) FROM patients_visititem i WHERE i.visit_id = v.id) AS service_id,
                v.id AS visit_id, v.branch_id
            FROM patients_visit v
            WHERE {_COMPLETED} AND v.starts_on BETWEEN %(o_first)s AND %(o_last)s {span.only("v.patient_id")}
                AND NOT EXISTS (SELECT FROM patients_visit w WHERE w.patient_id = v.patient_id
                    AND w.status = 'completed' AND w.deleted_at IS NULL AND w.starts_on > v.starts_on
                    AND w.starts_on < {span.known_by("v.starts_on")})""",
            {"o_first": span.first, "o_last": span.last},
        )

    def explain(self, params: Params, patient_id: int, now: Any) -> list[Clause]:
        return [Clause("есть визит", True)]


class AfterVisitMoment(AfterVisitDay):
    """The moment every completed visit began."""

    code, anchored = "tiny_moment", "moment"
    purposes = (Purpose.SERVICE, Purpose.MARKETING)

    def occasions(self, params: Params, span: Span) -> Query:
        return Query(
            f"""SELECT v.patient_id, v.id::text AS occasion, v.starts_at AS anchor, v.starts_at AS since,
                NULL::int AS service_id, v.id AS visit_id, v.branch_id
            FROM patients_visit v
            WHERE {_COMPLETED} AND v.starts_at > %(o_after)s AND v.starts_at <= %(o_until)s
                AND v.starts_on BETWEEN %(o_first)s AND %(o_last)s {span.only("v.patient_id")}""",
            {"o_after": span.after, "o_until": span.until, "o_first": span.first, "o_last": span.last},
        )

    def withdrawn(self, params: Params) -> str:
        return "NOT EXISTS (SELECT FROM patients_visit v WHERE v.id = f.visit_id AND v.status = 'completed')"


TINY = {kind.code: kind for kind in (AfterVisitDay(), AfterVisitMoment())}
