"""Filling free places: they are offered to those who are overdue longest, to no more people than there are (F14).

For every branch and day: the free places (posted by the MIS, else estimated) as known on the day of the first message,
and a queue of those whose service is overdue by then. The first of the queue are asked, each once in a period of the
calendar, so that the next day is the turn of the next.

Who is asked on a day depends on who was asked before in the period. So the period is lived through from its first day:
for days a live rule has looked at, with those it really asked; for others, as it would have been. Two stretches of time
side by side therefore give what both together give.
"""

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django import forms
from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from patients.models import Branch, Patient, Slot, Visit
from patients.selectors.capacity import free_on, free_slots_sql
from triggers.models import Firing, Goal, TriggerRule
from triggers.rule_types import intervals, rhythm, visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span
from triggers.rule_types.intervals import Intervals
from triggers.rule_types.rhythm import DAY
from triggers.timing.filling import fill

# A look goes back 35 days, and a little more (services.looking).
_LOOKED_BACK = 40 * DAY


class LowCapacityForm(intervals.IntervalsForm):
    overdue_days = forms.IntegerField(
        min_value=0, max_value=3650, initial=14, label=_("overdue for at least, days"),
        help_text=_("Those who are due now are left to the recall."),
    )  # fmt: skip
    longest_days = forms.IntegerField(
        min_value=1, max_value=3650, initial=730, label=_("and for at most, days"),
        help_text=_("Whoever has stayed away longer is not asked."),
    )  # fmt: skip
    per_place = forms.IntegerField(
        min_value=1, max_value=50, initial=1, label=_("invitations per free place"),
        help_text=_("1: never more than there are places. If one in five comes, five fill the day."),
    )  # fmt: skip
    free_percent = forms.IntegerField(
        min_value=0, max_value=100, initial=20, label=_("only days that are free by at least, %"),
        help_text=_("Of all the places of the branch on that day. 0: every day with a free place."),
    )  # fmt: skip
    period = forms.TypedChoiceField(
        choices=[(1, _("a month")), (3, _("a quarter")), (6, _("half a year")), (12, _("a year"))], coerce=int,
        initial=3, label=_("nobody twice within"), help_text=_("By the calendar: a quarter begins on 1 January."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        least, most = cleaned.get("overdue_days"), cleaned.get("longest_days")
        if least is not None and most is not None and least > most:
            self.add_error("longest_days", _("Less than “at least”."))
        return cleaned


class LowCapacity(RuleType):
    code = "low_capacity"
    name = _("Filling free places")
    description = _(
        "A day of the coming ones is hardly booked: invites those who are overdue longest, no more of them than there "
        "are free places at their branch. The steps say how many days before that day."
    )
    icon = "ti-calendar-plus"
    stage = "return"
    anchored = "day"
    anchor_words = _("the day with free places")
    goals = (Goal.SERVICE, Goal.VISIT, Goal.GROUP, Goal.NONE)
    form_class = LowCapacityForm

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def sentence(self, params: Params) -> str:
        said = [
            gettext("At least %(percent)s %% of a day is free at the branch.") % {"percent": params["free_percent"]}
            if params["free_percent"]
            else gettext("A day has free places at the branch."),
            gettext("Overdue for %(least)s to %(most)s days: %(services)s.")
            % {"least": params["overdue_days"], "most": params["longest_days"], "services": intervals.which(params)},
        ]
        number = params["per_place"]
        words = ngettext(
            "%(n)s invitation per free place, the longest overdue first.",
            "%(n)s invitations per free place, the longest overdue first.",
            number,
        )
        return " ".join([*said, words % {"n": number}])

    def occasions(self, params: Params, span: Span) -> Query:
        live = _live(self.code, params, span)
        rows: list[Asked] = []
        for start in _periods(span, params["period"]):
            period = _Period(params, span, start, live)
            # A fact that came late opens no place of a day gone by: whose turn it is, is found among everybody.
            rows += period.really_asked if live and span.among else period.asked()
        return _query([row for row in rows if span.first <= row.day <= span.last], span)

    def withdrawn(self, params: Params) -> str:
        return f"""NOT EXISTS (
            SELECT FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id AND i.service_id = f.service_id
            WHERE v.id = f.visit_id AND {rhythm.RENDERED.format(v="v")})"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        today = timezone.localdate(now)
        clauses = []
        for use in rhythm.last_uses(patient_id, Intervals.of(params), today):
            words = {"name": use.name, "due": date_format(use.due_on)}
            overdue = params["overdue_days"] <= (today - use.due_on).days <= params["longest_days"]
            text = gettext("Overdue: %(name)s, was due on %(due)s") % words
            clauses.append(Clause(text + intervals.whence(use.interval), overdue))
        if not clauses:
            clauses = [
                Clause(gettext("Has had the service: %(services)s") % {"services": intervals.which(params)}, False)
            ]
        branch = Branch.objects.filter(pk__in=_branch_of(patient_id)).first()
        if branch is None:
            return [*clauses, Clause(gettext("The branch is known"), False)]
        tomorrow = today + DAY
        free = free_on(branch, [tomorrow], now)[tomorrow]
        text = gettext("Free places tomorrow at %(branch)s: %(n)s") % {"branch": branch.name, "n": free}
        return [*clauses, Clause(text, free > 0)]

    def needs(self) -> str:
        if not Slot.objects.exists() and not Visit.objects.exists():
            return gettext("Neither free places nor visits have been posted.")
        return intervals.needs_intervals()


class Overdue(NamedTuple):
    """Somebody in the queue of a branch; who comes for the service again leaves it."""

    patient: int
    enters: datetime.date
    leaves: datetime.date
    service: int
    visit: int


class Asked(NamedTuple):
    patient: int
    period: str
    day: datetime.date
    service: int | None
    visit: int | None
    branch: int


@dataclass(frozen=True)
class _Live:
    """A rule that is on: from which day, and up to which day it has surely looked."""

    rule: int
    since: datetime.date
    real_until: datetime.date


def _live(code: str, params: Params, span: Span) -> _Live | None:
    """The rule with these settings that is on, when the time asked about is its own and not long before it."""
    rules = TriggerRule.objects.filter(rule_type=code, params=params, enabled=True).order_by("enabled_at")
    lead = span.lead_days * DAY
    for pk, enabled_at, looked_until in rules.values_list("pk", "enabled_at", "looked_until"):
        since = timezone.localdate(enabled_at)
        if enabled_at and looked_until and span.last + lead >= since and span.first + lead >= since - _LOOKED_BACK:
            return _Live(pk, since, timezone.localdate(looked_until) - DAY)
    return None


def _periods(span: Span, months: int) -> list[datetime.date]:
    """First days of the periods that the days of the span lie in."""
    found, day = [], span.first
    while day <= span.last:
        start = day.replace(month=(day.month - 1) // months * months + 1, day=1)
        found.append(start)
        day = _next(start, months)
    return found


def _next(start: datetime.date, months: int) -> datetime.date:
    month = start.month - 1 + months
    return start.replace(year=start.year + month // 12, month=month % 12 + 1)


class _Period:
    """One period, lived through from its first day (that of a live rule from the day it was switched on)."""

    def __init__(self, params: Params, span: Span, start: datetime.date, live: _Live | None) -> None:
        self.params, self.live, self.label = params, live, f"{start:%Y-%m}"
        self.lead = span.lead_days * DAY
        first = max(start, live.since - self.lead) if live else start
        last = min(span.last, _next(start, params["period"]) - DAY)
        self.days = [first + n * DAY for n in range((last - first).days + 1)]
        self.intervals = Intervals.of(params)

        self.really_asked = self._really_asked() if live else []

    def asked(self) -> list[Asked]:
        """Those who were asked, and those who would have been or will be, by branch and day."""
        places = self._places() if self.days and self.intervals.services else {}
        if not places:
            return self.really_asked
        known = {one.patient for one in self.really_asked}
        # A longer queue costs little, asking again costs as much as asking.
        limit = len(known) + 5000 + 4 * max(sum(free for _day, free in days) for days in places.values())
        while True:
            queues = self._queues(list(places), limit)
            filled = {branch: fill(queues.get(branch, []), days, known) for branch, days in places.items()}
            if not any(done.short and len(queues.get(branch, [])) >= limit for branch, done in filled.items()):
                break
            limit *= 16
        return self.really_asked + [
            Asked(one.patient, self.label, day, one.service, one.visit, branch)
            for branch, done in filled.items()
            for day, one in done.asked
        ]

    def _open(self, day: datetime.date) -> bool:
        """Whose turn it was on a day that a live rule has looked at is no longer a question."""
        return self.live is None or day + self.lead > self.live.real_until

    def _places(self) -> dict[int, list[tuple[datetime.date, int]]]:
        """Invitations by branch and day, in order of days."""
        days = """SELECT b.id AS branch_id, d AS day, d + %(lead)s AS asked_on
            FROM patients_branch b, unnest(%(days)s::date[]) d"""
        sql = f"""SELECT branch_id, day, free * %(per_place)s FROM ({free_slots_sql(days)}) s
            WHERE free > 0 AND free * 100 >= total * %(percent)s ORDER BY branch_id, day"""
        values = {
            "lead": self.lead.days, "days": [day for day in self.days if self._open(day)],
            "per_place": self.params["per_place"], "percent": self.params["free_percent"],
        }  # fmt: skip
        over = {(one.branch, one.day) for one in self.really_asked}
        found: dict[int, list[tuple[datetime.date, int]]] = {}
        for branch, day, free in _rows(sql, values):
            if (branch, day) not in over:
                found.setdefault(branch, []).append((day, free))
        return found

    def _really_asked(self) -> list[Asked]:
        """Whom the live rule has asked in this period."""
        rows = Firing.objects.filter(
            rule=self.live.rule if self.live else None, occasion=self.label, branch__isnull=False
        ).values_list("patient", "anchor_at", "branch__timezone", "service", "visit", "branch")
        return [
            Asked(patient, self.label, timezone.localdate(anchor, zoneinfo.ZoneInfo(zone)), service, visit, branch)
            for patient, anchor, zone, service, visit, branch in rows
        ]

    def _queues(self, branches: list[int], limit: int) -> dict[int, list["Overdue"]]:
        """The first so many of every branch, longest overdue first. Of several services of a person that due first
        counts.

        The next coming is the next row of the person's uses in order: one sort of them all. Looked up use by use, a
        clinic of 100 000 patients would wait for minutes."""
        first, last = self.days[0] + self.lead, self.days[-1] + self.lead
        least, most = self.params["overdue_days"], self.params["longest_days"]
        same = "person" if self.intervals.together else "person, service_id"
        sql = f"""
            SELECT branch_id, person, due + %(least)s - %(lead)s, least(due + %(most)s, again) - %(lead)s,
                service_id, visit_id
            FROM (SELECT *, row_number() OVER (PARTITION BY branch_id ORDER BY due, person) AS turn FROM (
                SELECT DISTINCT ON (u.person) u.person, u.service_id, u.visit_id, u.due, u.again,
                    coalesce(u.branch_id, p.branch_id) AS branch_id
                FROM (
                    SELECT *, first_value(starts_on) OVER (PARTITION BY {same} ORDER BY starts_on
                        RANGE BETWEEN interval '1 day' FOLLOWING AND UNBOUNDED FOLLOWING) AS again
                    FROM (
                        SELECT coalesce(card.merged_into_id, card.id) AS person, w.service_id, v.id AS visit_id,
                            v.starts_on, v.starts_on + {self.intervals.after("card", "v.starts_on")} AS due, v.branch_id
                        FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id
                        JOIN {self.intervals.sql()} ON w.service_id = i.service_id
                        JOIN patients_patient card ON card.id = v.patient_id
                        WHERE {rhythm.RENDERED.format(v="v")} AND v.starts_on >= %(oldest)s
                    ) every
                ) u
                JOIN patients_patient p ON p.id = u.person AND p.deleted_at IS NULL
                WHERE u.due BETWEEN %(first)s - %(most)s AND %(last)s - %(least)s
                    AND (u.again IS NULL OR u.again >= %(first)s)
                ORDER BY u.person, u.due, u.service_id, u.visit_id DESC
            ) q) q
            WHERE branch_id = ANY(%(branches)s) AND turn <= %(limit)s ORDER BY branch_id, turn
        """
        values = {
            "least": least, "most": most, "lead": self.lead.days, "first": first, "last": last, "branches": branches,
            "limit": limit, "oldest": first - (most + max(self.intervals.days)) * DAY, **self.intervals.values(),
        }  # fmt: skip
        found: dict[int, list[Overdue]] = {}
        for branch, *one in _rows(sql, values):
            found.setdefault(branch, []).append(Overdue(*one))
        return found


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _query(rows: Sequence[Asked], span: Span) -> Query:
    columns = ("o_patients", "o_periods", "o_days", "o_services", "o_visits", "o_branches")
    sql = f"""
        SELECT r.patient_id, r.period AS occasion, r.day AS anchor,
            {visits.midnight(span.known_by("r.day"), "r.branch_id")} AS since, r.service_id, r.visit_id, r.branch_id
        FROM unnest(
            %(o_patients)s::bigint[], %(o_periods)s::text[], %(o_days)s::date[], %(o_services)s::int[],
            %(o_visits)s::bigint[], %(o_branches)s::int[]
        ) AS r(patient_id, period, day, service_id, visit_id, branch_id)
        WHERE true {span.only("r.patient_id")}
    """
    return Query(sql, {name: [row[number] for row in rows] for number, name in enumerate(columns)})


def _branch_of(patient_id: int) -> list[int]:
    """The branch of the last visit, else the home branch."""
    came = Visit.objects.filter(
        patient__in=visits.cards(patient_id), deleted_at__isnull=True, status="completed", branch__isnull=False
    )
    last = came.order_by("-starts_on").values_list("branch", flat=True).first()
    home = Patient.objects.filter(pk=patient_id).values_list("branch", flat=True).first()
    return [pk for pk in (last or home,) if pk]
