"""Packages: so many sessions are left, or the last day of use is near and sessions are left.

An occasion is a package and what was left of it, or a package and its last day: a package that is prolonged withdraws
what was planned for the old day. Which visits used which package says patients.selectors.packages.
"""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Package, Service
from patients.selectors.packages import Standing, packages_of, sessions_sql
from triggers.models import Goal
from triggers.rule_types import intervals, rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span

LEFT, EXPIRES = "left", "expires"


class PackageForm(forms.Form):
    when = forms.ChoiceField(
        choices=[(LEFT, _("few sessions are left")), (EXPIRES, _("it is about to expire with sessions left"))],
        initial=LEFT, label=_("when"),
        help_text=_("About to expire: the steps say how many days before its last day the messages go."),
    )  # fmt: skip
    left = forms.IntegerField(
        min_value=0, max_value=1000, initial=1, label=_("sessions left"),
        help_text=_("When so many are left after a visit; 0: it is used up. Does not matter for “about to expire”."),
    )  # fmt: skip
    services = forms.ModelMultipleChoiceField(
        Service.objects.all(), required=False, label=_("services"),
        help_text=_("Only packages of one of them. Empty: every package."),
    )  # fmt: skip


class PackageRule(RuleType):
    code = "package"
    name = _("Package nearly used up or expiring")
    description = _(
        "Sessions that were paid in advance: invites to buy the next package in time, and lets nobody lose sessions "
        "because their last day has passed."
    )
    icon = "ti-packages"
    stage = "return"
    anchored = "day"
    anchor_words = _("the visit after which so many sessions are left, or the last day of the package")
    purposes = (Purpose.SERVICE, Purpose.MARKETING)
    goals = (Goal.SERVICE, Goal.VISIT, Goal.GROUP, Goal.NONE)
    form_class = PackageForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        number = params["left"]
        if params["when"] == EXPIRES:
            said = [gettext("A package expires, and sessions of it are left.")]
        elif number:
            words = ngettext(
                "%(n)s session of a package is left, and no new one was bought.",
                "%(n)s sessions of a package are left, and no new one was bought.",
                number,
            )
            said = [words % {"n": number}]
        else:
            said = [gettext("A package is used up, and no new one was bought.")]
        if params.get("services"):
            said.append(gettext("Only packages of: %(services)s.") % {"services": intervals.which(params)})
        return " ".join(said)

    def occasions(self, params: Params, span: Span) -> Query:
        return (_expiring if params["when"] == EXPIRES else _nearly_used_up)(params, span)

    def withdrawn(self, params: Params) -> str:
        package = "k.id = split_part(f.occasion, ':', 1)::bigint AND k.deleted_at IS NULL"
        if params["when"] == EXPIRES:
            return f"""NOT EXISTS (SELECT FROM patients_package k WHERE {package}
                AND split_part(f.occasion, ':', 2) = to_char(k.expires_on, {rhythm.FORMAT})
                AND k.sessions > (SELECT count(*) FROM ({sessions_sql("SELECT f.patient_id")}) u
                    WHERE u.package_id = k.id))"""
        return f"""NOT EXISTS (SELECT FROM patients_package k JOIN patients_visit v ON v.id = f.visit_id
            WHERE {package} AND {rhythm.RENDERED.format(v="v")} AND {_no_newer("k", "'infinity'::date")})"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        services = visits.ids(params, "services")
        packages = [
            standing for standing in packages_of(patient_id, timezone.localdate(now))
            if not services or standing.package.service_id in services
        ]  # fmt: skip
        if not packages:
            return [Clause(gettext("Has a package"), False)]
        return [_clause(standing, params) for standing in packages]

    def needs(self) -> str:
        if Package.objects.filter(deleted_at__isnull=True).exists():
            return ""
        return gettext("No packages have been posted yet.")


def _nearly_used_up(params: Params, span: Span) -> Query:
    known_by = span.known_by("u.day")
    sql = f"""
        SELECT u.patient_id, u.package_id || ':' || u.left_over AS occasion, u.day AS anchor,
            greatest(v.starts_at, {visits.midnight(known_by, "v.branch_id")}) AS since,
            u.service_id, u.visit_id, v.branch_id
        FROM ({sessions_sql(_had_visit(span))}) u
        JOIN patients_visit v ON v.id = u.visit_id
        JOIN patients_package k ON k.id = u.package_id
        WHERE u.left_over = %(o_left)s AND u.day BETWEEN %(o_first)s AND %(o_last)s
            AND {_of(params)} AND {_no_newer("k", known_by)} {span.only("u.patient_id")}
    """
    return Query(sql, {**visits.days(span), "o_left": int(params["left"])})


def _had_visit(span: Span) -> str:
    """Whose package may have come to it in the span: used sessions are counted for these alone."""
    return f"""SELECT c.patient_id FROM patients_package c
        JOIN patients_patient a ON a.id = c.patient_id
        JOIN patients_patient b ON b.id = a.id OR b.merged_into_id = coalesce(a.merged_into_id, a.id)
            OR b.id = a.merged_into_id
        JOIN patients_visit s ON s.patient_id = b.id AND s.starts_on BETWEEN %(o_first)s AND %(o_last)s
        WHERE c.deleted_at IS NULL {span.only("c.patient_id")}"""


def _expiring(params: Params, span: Span) -> Query:
    known_by = span.known_by("k.expires_on")
    near = f"""SELECT c.patient_id FROM patients_package c WHERE c.deleted_at IS NULL
        AND c.expires_on BETWEEN %(o_first)s AND %(o_last)s {span.only("c.patient_id")}"""
    sql = f"""
        SELECT k.patient_id, k.id || ':' || to_char(k.expires_on, {rhythm.FORMAT}) AS occasion, k.expires_on AS anchor,
            {visits.midnight(known_by, "p.branch_id")} AS since,
            k.service_id, NULL::bigint AS visit_id, NULL::int AS branch_id
        FROM patients_package k JOIN patients_patient p ON p.id = k.patient_id
        LEFT JOIN ({sessions_sql(near)}) u ON u.package_id = k.id AND u.day < {known_by}
        WHERE k.deleted_at IS NULL AND k.expires_on BETWEEN %(o_first)s AND %(o_last)s
            AND {_of(params)} {span.only("k.patient_id")}
        GROUP BY k.id, p.id HAVING k.sessions > count(u.visit_id)
    """
    return Query(sql, visits.days(span))


def _of(params: Params) -> str:
    services = visits.ids(params, "services")
    return f"k.service_id IN ({visits.listed(services)})" if services else "true"


def _no_newer(package: str, before: str) -> str:
    """SQL: the person has bought no later package of the service before the day."""
    return f"""NOT EXISTS (SELECT FROM patients_package n
        WHERE n.patient_id = ANY({visits.cards_sql(visits.kept(f"{package}.patient_id"))}) AND n.deleted_at IS NULL
            AND n.service_id = {package}.service_id AND n.bought_on < {before}
            AND (n.bought_on, n.id) > ({package}.bought_on, {package}.id))"""


def _clause(standing: Standing, params: Params) -> Clause:
    package, left = standing.package, standing.left
    words = {
        "name": package.name or (package.service.name if package.service else package.external_id),
        "left": gettext("unknown") if left is None else left,
        "until": date_format(package.expires_on) if package.expires_on else gettext("no last day"),
    }
    text = gettext("Package %(name)s: sessions left %(left)s, of use until %(until)s") % words
    if params["when"] == EXPIRES:
        return Clause(text, not standing.over and package.expires_on is not None)
    return Clause(text, left == params["left"])
