"""What the types about return share: which services, after how many days, and who has not come again by then.

The use of a service is a completed visit with it. Days are those of the branch. Of two uses on one day (a MIS may write
one coming as two documents) one counts: that with the doctor's word, else the one posted later. Cards merged into one
are one person: whoever came again under another card has come again.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients.models import Service, ServiceGroup, VisitItem
from triggers.rule_types import visits
from triggers.rule_types.base import Params, Query, Span

DAY = datetime.timedelta(days=1)
NEVER = 36500  # a hundred years; keeps the arithmetic of dates in range whatever was typed
FORMAT = "'YYYY-MM-DD'"
RENDERED = "{v}.deleted_at IS NULL AND {v}.status = 'completed'"
USE = "v.id, v.patient_id, v.starts_on, v.starts_at, v.branch_id, v.return_due_on"
# Pairs of cards of one person; there are few merged cards.
_OTHER_CARDS = """(
    SELECT id AS card, merged_into_id AS other FROM patients_patient WHERE merged_into_id IS NOT NULL
    UNION ALL SELECT merged_into_id, id FROM patients_patient WHERE merged_into_id IS NOT NULL
    UNION ALL SELECT a.id, b.id FROM patients_patient a CROSS JOIN LATERAL (
        SELECT id FROM patients_patient WHERE merged_into_id = a.merged_into_id OFFSET 0
    ) b WHERE a.merged_into_id IS NOT NULL AND b.id <> a.id
)"""


class IntervalsForm(forms.Form):
    """Which services, and after how many days each is due again."""

    services = forms.ModelMultipleChoiceField(
        Service.objects.all(), required=False, label=_("services"),
        help_text=_("Each on its own, unless “one for all of them” is ticked: then coming for any of them counts."),
    )  # fmt: skip
    group = forms.ModelChoiceField(
        ServiceGroup.objects.all(), required=False, label=_("or all services of a group"),
        help_text=_("Services and group empty: every service that has a recall interval."),
    )  # fmt: skip
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, label=_("own interval, days"),
        help_text=_("Empty: the recall interval set at the service. A service without one is left out then."),
    )  # fmt: skip
    together = forms.BooleanField(
        required=False, label=_("one for all of them"),
        help_text=_("Coming for any of them counts, and of a visit for several the one that is due first is told of."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("services") and cleaned.get("group"):
            self.add_error("group", ValidationError(_("Choose services or a group, not both.")))
        if cleaned.get("days") and not (cleaned.get("services") or cleaned.get("group")) and not self.errors:
            self.add_error("days", ValidationError(_("Choose the services this interval is for.")))
        return cleaned


@dataclass(frozen=True)
class Intervals:
    """The services of a rule and the days after which each is due again, in step."""

    services: list[int]
    days: list[int]
    together: bool = False

    @classmethod
    def of(cls, params: Params) -> "Intervals":
        rows = _chosen(params).order_by("pk").values_list("pk", "recall_days")
        own = params.get("days")
        known = [(pk, min(own or interval, NEVER)) for pk, interval in rows if own or interval]
        return cls([pk for pk, _days in known], [days for _pk, days in known], bool(params.get("together")))

    def times(self, number: int) -> "Intervals":
        return Intervals(self.services, [min(days * number, NEVER) for days in self.days], self.together)

    def sql(self) -> str:
        return "unnest(%(o_services)s::int[], %(o_intervals)s::int[]) AS w(service_id, days)"

    def values(self) -> dict[str, Any]:
        return {"o_services": self.services, "o_intervals": self.days}


def _chosen(params: Params) -> Any:
    chosen = Service.objects.all()
    if params.get("services"):
        chosen = chosen.filter(pk__in=visits.ids(params, "services"))
    elif params.get("group"):
        chosen = chosen.filter(group=params["group"])
    return chosen.filter(Q() if params.get("days") else Q(recall_days__gt=0))


def due_again(intervals: Intervals, span: Span, *, doctor_first: bool = False) -> Query:
    """Uses whose service falls due again (after its interval, or on the day the doctor named) within the days of the
    span and was not rendered again by the day of the first message; with the columns of occasions.

    The occasion is `<service>:<day of the use>`, and `:<day>` behind it when the doctor named the day. The visit may
    lie after the first message fell due (an interval shorter than the ladder): the steps still ahead count.
    """
    if not intervals.services:
        return Query(NOTHING, {})
    named = "v.return_due_on > v.starts_on"
    unnamed = f"AND ({named}) IS NOT TRUE" if doctor_first else ""
    own = f"""
        SELECT {USE}, w.service_id, v.starts_on + w.days AS anchor, '' AS word
        FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id
        JOIN {intervals.sql()} ON w.service_id = i.service_id
        WHERE {RENDERED.format(v="v")} AND {came_on(span.first, span.last, intervals.days)}
            AND v.starts_on + w.days BETWEEN %(o_first)s AND %(o_last)s {unnamed} {span.only("v.patient_id")}
    """
    doctors = f"""
        UNION ALL
        SELECT {USE}, i.service_id, v.return_due_on, ':' || to_char(v.return_due_on, {FORMAT})
        FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id
        WHERE {RENDERED.format(v="v")} AND {named} AND i.service_id = ANY(%(o_services)s)
            AND v.return_due_on BETWEEN %(o_first)s AND %(o_last)s {span.only("v.patient_id")}
    """
    known_by = span.known_by("u.anchor")
    sql = f"""
        SELECT DISTINCT u.patient_id, u.service_id || ':' || to_char(u.starts_on, {FORMAT}) || u.word AS occasion,
            u.anchor, greatest(u.starts_at, {visits.midnight(known_by, "u.branch_id")}) AS since,
            u.service_id, u.id AS visit_id, u.branch_id
        FROM ({own} {doctors if doctor_first else ""}) u
        WHERE {_not_again("u", known_by, _same(intervals, "u"), doctor_first=doctor_first)}
            {_first_of_visit(intervals) if intervals.together else ""}
    """
    return Query(sql, {**visits.days(span), **intervals.values()})


NOTHING = """SELECT NULL::bigint AS patient_id, '' AS occasion, NULL::date AS anchor, NULL::timestamptz AS since,
    NULL::int AS service_id, NULL::bigint AS visit_id, NULL::int AS branch_id WHERE false"""


def _not_again(use: str, known_by: str, same: str, *, doctor_first: bool) -> str:
    """SQL: no later use of the service before the day `known_by`, nor one on the same day that counts instead."""
    rank = "(({0}.return_due_on > {0}.starts_on) IS TRUE, {0}.id)" if doctor_first else "({0}.id)"
    return nothing_of_person(
        use,
        f"""{RENDERED.format(v="x")} AND x.starts_on >= {use}.starts_on
        AND x.starts_on < greatest({known_by}, {use}.starts_on + 1)
        AND (x.starts_on > {use}.starts_on OR {rank.format("x")} > {rank.format(use)}) AND {same}""",
    )


def not_since(use: str, known_by: str, same: str = "true") -> str:
    """SQL: no completed visit (`x`; `same` narrows it) after the day of `use` and before the day `known_by`."""
    return nothing_of_person(
        use,
        f"{RENDERED.format(v='x')} AND x.starts_on > {use}.starts_on AND x.starts_on < {known_by} AND {same}",
    )


def nothing_of_person(use: str, which: str) -> str:
    """SQL: the person of `use` (a row with patient_id) has no visit `x` like this, under any card.

    OFFSET 0 keeps it a look into the index per use; joined, the whole table of visits would be read. Of the other cards
    too: with tables loaded a minute ago the database believes in half a million of them, and joins them anew per use.
    """
    return f"""NOT EXISTS (SELECT FROM patients_visit x WHERE x.patient_id = {use}.patient_id AND {which} OFFSET 0)
        AND NOT EXISTS (SELECT FROM {_OTHER_CARDS} c CROSS JOIN LATERAL (
            SELECT FROM patients_visit x WHERE x.patient_id = c.other AND {which} OFFSET 0
        ) y WHERE c.card = {use}.patient_id OFFSET 0)"""


def _same(intervals: Intervals, use: str) -> str:
    which = "y.service_id = ANY(%(o_services)s)" if intervals.together else f"y.service_id = {use}.service_id"
    return f"EXISTS (SELECT FROM patients_visititem y WHERE y.visit_id = x.id AND {which} OFFSET 0)"


def _first_of_visit(intervals: Intervals) -> str:
    """Of the services of one visit the one that is due first."""
    return f"""AND NOT EXISTS (
        SELECT FROM patients_visititem y JOIN {intervals.sql()} ON w.service_id = y.service_id
        JOIN {intervals.sql().replace("AS w(", "AS mine(")} ON mine.service_id = u.service_id
        WHERE y.visit_id = u.id AND (w.days, w.service_id) < (mine.days, mine.service_id)
    )"""


def came_on(first: datetime.date, last: datetime.date, intervals: Iterable[int]) -> str:
    """The days on which a use must lie for its service to fall due on the days asked for: the index by day is asked
    for these alone, and one long stretch is asked for once."""
    stretches = joined((first - days * DAY, last - days * DAY) for days in set(intervals))
    ranges = [f"v.starts_on BETWEEN '{first}' AND '{last}'" for first, last in stretches]
    return f"({' OR '.join(ranges)})"


def joined(stretches: Iterable[tuple[datetime.date, datetime.date]]) -> list[tuple[datetime.date, datetime.date]]:
    """Stretches of days (both ends inclusive) that touch or overlap become one; in order."""
    found: list[tuple[datetime.date, datetime.date]] = []
    for first, last in sorted(stretches):
        if found and first <= found[-1][1] + DAY:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def use_is_no_more(doctor_first: bool = False) -> str:
    """SQL over `f`: the visit was withdrawn or moved, or has lost the service; or the doctor named another day."""
    word = ""
    if doctor_first:
        word = f"""AND split_part(f.occasion, ':', 3) =
            CASE WHEN v.return_due_on > v.starts_on THEN to_char(v.return_due_on, {FORMAT}) ELSE '' END"""
    return f"""NOT EXISTS (
        SELECT FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id AND i.service_id = f.service_id
        WHERE v.id = f.visit_id AND {RENDERED.format(v="v")}
            AND split_part(f.occasion, ':', 2) = to_char(v.starts_on, {FORMAT}) {word}
    )"""


def people(span: Span) -> str:
    """SQL of the cards that count; the few that matter are looked up first, not found among everybody's birthdays."""
    some = f"{span.only('p.id')} OFFSET 0" if span.among else ""
    return f"(SELECT p.* FROM patients_patient p WHERE p.deleted_at IS NULL AND p.merged_into_id IS NULL {some})"


def which(params: Params) -> str:
    """The services in words."""
    if params.get("services"):
        names = Service.objects.filter(pk__in=visits.ids(params, "services")).values_list("name", flat=True)
        return visits.in_words(list(names))
    if params.get("group"):
        group = ServiceGroup.objects.filter(pk=params["group"]).first()
        return gettext("services of the group “%(name)s”") % {"name": group or "?"}
    return gettext("every service with a recall interval")


def last_uses(patient_id: int, intervals: Intervals, until: datetime.date) -> Sequence[dict[str, Any]]:
    """The last use of each service by a person up to a day: service, name, starts_on, return_due_on, interval."""
    rows = (
        VisitItem.objects.filter(
            visit__patient__in=visits.cards(patient_id), visit__deleted_at__isnull=True, visit__status="completed",
            visit__starts_on__lte=until, service__in=intervals.services,
        )
        .order_by("service", "-visit__starts_on", F("visit__return_due_on").desc(nulls_last=True), "-visit")
        .distinct("service")
        .values("service", "service__name", "visit__starts_on", "visit__return_due_on")
    )  # fmt: skip
    days = dict(zip(intervals.services, intervals.days, strict=True))
    uses = [
        {
            "service": row["service"], "name": row["service__name"], "came_on": row["visit__starts_on"],
            "named": row["visit__return_due_on"], "days": days[row["service"]],
        }
        for row in rows
    ]  # fmt: skip
    if intervals.together and uses:
        last = max(row["visit__starts_on"] for row in rows)
        return [min((use for use in uses if use["came_on"] == last), key=lambda use: (use["days"], use["service"]))]
    return uses


def needs_intervals() -> str:
    if Service.objects.filter(recall_days__gt=0).exists():
        return ""
    return gettext("No service has a recall interval yet: set it at the service, or give the rule its own.")
