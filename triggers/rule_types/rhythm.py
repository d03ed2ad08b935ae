"""What the types about return share: whose service is due after its interval, and who has not come again by then.

The use of a service is a completed visit with it. Days are those of the branch. Of two uses on one day (a MIS may write
one coming as two documents) one counts: that with the doctor's word, else the one posted later. Cards merged into one
are one person: whoever came again under another card has come again.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F

from patients.models import VisitItem
from segmentation.selectors.cycles import Interval
from triggers.rule_types import visits
from triggers.rule_types.base import Query, Span
from triggers.rule_types.intervals import Intervals

DAY = datetime.timedelta(days=1)
FEW_STRETCHES = 4
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
    own = " UNION ALL ".join(_own(part, span, unnamed) for part in intervals.parts())
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


def _own(part: Intervals, span: Span, unnamed: str) -> str:
    """Uses due by the intervals of a part of the services: each part is asked for on its own days alone."""
    anchor, due, whose = part.due((span.last - span.first).days + 1)
    return f"""(
        SELECT {USE}, w.service_id, {anchor} AS anchor, '' AS word
        FROM patients_visit v JOIN patients_visititem i ON i.visit_id = v.id
        JOIN {due} {part.card("v.patient_id")}
        WHERE {RENDERED.format(v="v")} AND {came_on(span.first, span.last, part.days)} {unnamed}
            {span.only("v.patient_id")} {whose}
    )"""


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
    others, mine = (intervals.after("own", "u.starts_on", name) for name in ("w", "mine"))
    return f"""AND NOT EXISTS (
        SELECT FROM patients_visititem y JOIN {intervals.sql()} ON w.service_id = y.service_id
        JOIN {intervals.sql("mine")} ON mine.service_id = u.service_id {intervals.card("u.patient_id")}
        WHERE y.visit_id = u.id AND ({others}, w.service_id) < ({mine}, mine.service_id)
    )"""


def came_on(first: datetime.date, last: datetime.date, intervals: Iterable[int]) -> str:
    """The days on which a use must lie for its service to fall due on the days asked for: the index by day is asked
    for these alone, and one long stretch is asked for once.

    Learned intervals are many, and stretches with them: these are asked for as a list of days, which the database
    looks up at once where a chain of OR would be gone through for every visit.
    """
    stretches = joined((first - days * DAY, last - days * DAY) for days in set(intervals))
    if len(stretches) <= FEW_STRETCHES:
        ranges = [f"v.starts_on BETWEEN '{first}' AND '{last}'" for first, last in stretches]
        return f"({' OR '.join(ranges)})"
    days = (first + n * DAY for first, last in stretches for n in range((last - first).days + 1))
    return f"v.starts_on = ANY ('{{{','.join(map(str, days))}}}'::date[])"


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


@dataclass(frozen=True)
class LastUse:
    """The last use of a service by a person, and the interval that counts after it."""

    service: int
    name: str
    came_on: datetime.date
    named: datetime.date | None
    interval: Interval

    @property
    def due_on(self) -> datetime.date:
        return self.came_on + self.interval.days * DAY


def last_uses(patient_id: int, intervals: Intervals, until: datetime.date) -> list[LastUse]:
    """The last use of each service by a person up to a day."""
    items = (
        VisitItem.objects.filter(
            visit__patient__in=visits.cards(patient_id), visit__deleted_at__isnull=True, visit__status="completed",
            visit__starts_on__lte=until, service__in=intervals.services,
        )
        .order_by("service_id", "-visit__starts_on", F("visit__return_due_on").desc(nulls_last=True), "-visit")
        .distinct("service_id")
        .select_related("service", "visit__patient")
    )  # fmt: skip
    uses = [_last_use(item, intervals) for item in items]
    if intervals.together and uses:
        last = max(use.came_on for use in uses)
        return [min((use for use in uses if use.came_on == last), key=lambda use: (use.interval.days, use.service))]
    return uses


def _last_use(item: VisitItem, intervals: Intervals) -> LastUse:
    visit, who = item.visit, item.visit.patient
    interval = intervals.of_use(item.service_id, who.sex, _age(who.birth_date, visit.starts_on))
    return LastUse(item.service_id, item.service.name, visit.starts_on, visit.return_due_on, interval)


def _age(born: datetime.date | None, on: datetime.date) -> int | None:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) if born else None
