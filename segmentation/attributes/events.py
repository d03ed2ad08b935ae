"""What happened to a patient: visits and services, payments, discounts, feedback. Facts, right at this moment.

Facts that stand on a card merged into another one count for the card that was kept: every query has a second arm for
them, which costs next to nothing as long as such cards are few.
"""

import datetime
from collections.abc import Callable
from typing import Any

from segmentation.attributes.base import Ask, Attribute, Field, Leaf, Members, Operator, Part, _
from segmentation.attributes.windows import Span, coming, past

AGO = Field("ago", "days", _("when"))
AHEAD = Field("ahead", "days", _("when"), ahead=True)
COUNT = Field("count", "count", _("how many times"), least=0, most=10_000)
SERVICES = Field("services", "ids", _("services"), source="service")
GROUPS = Field("groups", "ids", _("service groups"), source="group")
BRANCH = Field("branch", "ids", _("branches"), source="branch")
DOCTOR = Field("doctor", "ids", _("doctors"), source="doctor")
STATE = Field(
    "state", "choice", _("what became of it"),
    choices=(("completed", _("completed")), ("cancelled", _("cancelled")), ("no_show", _("no-show"))),
)  # fmt: skip
BOOKED = ("booked", "confirmed")


def facts(ask: Ask, table: str, columns: str, where: list[str]) -> str:
    """Rows of a table of facts, with the patient they count for as `id`."""
    condition = " AND ".join([*where, *_of_cards(ask)])
    return (
        f"SELECT fact.patient_id AS id{columns} FROM {table} fact WHERE {condition} "
        f"UNION ALL SELECT merged.merged_into_id AS id{columns} FROM patients_patient merged "
        f"JOIN {table} fact ON fact.patient_id = merged.id "
        f"WHERE merged.merged_into_id IS NOT NULL AND {condition}"
    )


def facts_to_group(ask: Ask, table: str, columns: str, where: list[str]) -> str:
    """The same rows for queries that group them by patient.

    PostgreSQL takes the groups of a union for two hundred, and then loops over what it believes to be one row: minutes
    instead of a second. Of one table it knows how many patients there are.
    """
    condition = " AND ".join([*where, *_of_cards(ask)])
    return (
        f"SELECT coalesce(merged.merged_into_id, fact.patient_id) AS id{columns} FROM {table} fact "
        "LEFT JOIN patients_patient merged ON merged.id = fact.patient_id AND merged.merged_into_id IS NOT NULL "
        f"WHERE {condition}"
    )


def _of_cards(ask: Ask) -> list[str]:
    return [] if ask.cards is None else [ask.any_of("fact.patient_id", ask.cards, "bigint")]


def guessed_half(conditions: list[str]) -> str:
    """The same condition as one expression the planner has no statistics for: it takes it for half of the rows.

    Where its own guess is far too low (a range over groups, states of days to come), it would choose a loop that is
    fine for a few rows and endless for many; taking too many for granted costs little.
    """
    return f"CASE WHEN {' AND '.join(conditions)} THEN TRUE ELSE FALSE END"


def days(column: str, span: Span, ask: Ask) -> list[str]:
    return [
        *([f"{column} >= {ask.value(span.first)}::date"] if span.first else []),
        *([f"{column} <= {ask.value(span.last)}::date"] if span.last else []),
    ]


def moments(column: str, span: Span, ask: Ask) -> list[str]:
    """Days of a span on a column of moments, by the clock of the clinic."""
    one = datetime.timedelta(days=1)
    return [
        *([f"{column} >= {ask.morning(span.first)}"] if span.first else []),
        *([f"{column} < {ask.morning(span.last + one)}"] if span.last else []),
    ]


def ago(leaf: Leaf, ask: Ask) -> Span:
    """The days asked for; whatever is asked, nothing after the day itself has happened yet."""
    return past(ask.as_of, leaf["ago"]) if leaf.get("ago") else Span(None, ask.as_of)


def counted(ask: Ask, table: str, where: list[str], leaf: Leaf) -> Part:
    """Those who have at least one of the facts, or as many as asked for. None at all is the absence of one."""
    count = leaf.get("count") or {}
    least, most = count.get("at_least", 0 if count else 1), count.get("at_most")
    if most is None:
        return Members(_at_least(ask, table, where, least))
    if least == 0:  # also those without any
        return Members(_at_least(ask, table, where, most + 1), negated=True)
    having = f"count(*) BETWEEN {ask.value(least)} AND {ask.value(most)}"
    return Members(_grouped(facts_to_group(ask, table, "", where), having))


def _at_least(ask: Ask, table: str, where: list[str], number: int) -> str:
    if number <= 1:
        return facts(ask, table, "", where)
    return _grouped(facts_to_group(ask, table, "", where), f"count(*) >= {ask.value(number)}")


def _grouped(rows: str, having: str) -> str:
    return f"SELECT id FROM ({rows}) facts GROUP BY id HAVING {having}"


def _of_services(leaf: Leaf, ask: Ask) -> list[str]:
    """Visits at which one of the services was rendered; each visit once, however many of them it had."""
    if not leaf.get("services") and not leaf.get("groups"):
        return []
    wanted = {*(leaf.get("services") or ()), *ask.directory.services_of(leaf.get("groups") or ())}
    rendered = ask.any_of("item.service_id", sorted(wanted), "int")
    return [f"EXISTS (SELECT FROM patients_visititem item WHERE item.visit_id = fact.id AND {rendered})"]


def _at(leaf: Leaf, ask: Ask) -> list[str]:
    return [
        *([ask.any_of("fact.branch_id", leaf["branch"], "int")] if leaf.get("branch") else []),
        *([ask.any_of("fact.doctor_id", leaf["doctor"], "int")] if leaf.get("doctor") else []),
    ]


def visited(leaf: Leaf, ask: Ask) -> Part:
    """Visits up to the day, as often as asked for."""
    where = ["fact.deleted_at IS NULL", f"fact.status = {ask.value(leaf.get('state') or 'completed')}"]
    where += [*days("fact.starts_on", ago(leaf, ask), ask), *_at(leaf, ask), *_of_services(leaf, ask)]
    return counted(ask, "patients_visit", where, leaf)


def utmost(last: bool) -> Callable[[Leaf, Ask], Part]:
    """The first (or last) completed visit of its kind, when it fell into the window, the branch, to the doctor.

    Which visit is the first is decided by the services alone: whoever had the first procedure elsewhere, or at another
    time, does not have a first procedure here.
    """

    def build(leaf: Leaf, ask: Ask) -> Part:
        span = ago(leaf, ask)
        # What lies beyond the window on the far side can be neither.
        reach = Span(span.first, ask.as_of) if last else Span(None, span.last)
        where = ["fact.deleted_at IS NULL", "fact.status = 'completed'", *days("fact.starts_on", reach, ask)]
        where += _of_services(leaf, ask)
        columns = ", fact.starts_at, fact.id AS visit, fact.starts_on, fact.branch_id, fact.doctor_id"
        way = "DESC" if last else "ASC"
        inside = guessed_half([*days("fact.starts_on", span, ask), *_at(leaf, ask)])
        rows = facts_to_group(ask, "patients_visit", columns, where)
        return Members(
            f"SELECT fact.id FROM (SELECT DISTINCT ON (id) * FROM ({rows}) visits "
            f"ORDER BY id, starts_at {way}, visit {way}) fact WHERE {inside}"
        )

    return build


def booked(leaf: Leaf, ask: Ask) -> Part:
    """Appointments from the day on."""
    span = coming(ask.as_of, leaf["ahead"]) if leaf.get("ahead") else Span(ask.as_of, None)
    # Nearly all that lies ahead is booked; the planner, who knows states of all times, expects hardly any.
    where = ["fact.deleted_at IS NULL", guessed_half([ask.any_of("fact.status", BOOKED, "text")])]
    where += [*days("fact.starts_on", span, ask), *_at(leaf, ask), *_of_services(leaf, ask)]
    return counted(ask, "patients_visit", where, leaf)


def _visits(code: str, label: str, kinds: tuple[Field, ...], nouns: dict[str, str], help: str) -> Attribute:
    def says(which: str) -> Callable[[Any], str]:
        return lambda phrase: phrase.event(nouns, which)

    where = (BRANCH, DOCTOR)
    operators = (
        Operator("any", _("has been"), (*kinds, COUNT, AGO, *where, STATE), visited, says("any")),
        Operator("first", _("for the first time"), (*kinds, AGO, *where), utmost(last=False), says("first")),
        Operator("last", _("for the last time"), (*kinds, AGO, *where), utmost(last=True), says("last")),
    )
    one_of = tuple(kind.name for kind in kinds)
    return Attribute(code, "visits", label, operators, help, one_of=one_of)


EVENTS = (
    _visits(
        "service_visit", _("Service"), (GROUPS, SERVICES),
        {
            "any": _("had the service %(what)s"), "none": _("has not had the service %(what)s"),
            "first": _("first service %(what)s"), "last": _("last service %(what)s"),
            "cancelled": _("cancelled the service %(what)s"), "no_show": _("missed the service %(what)s"),
        },
        _("Visits with the chosen services or groups. The first one is the first in all branches."),
    ),
    _visits(
        "visit", _("Visit"), (),
        {
            "any": _("was here"), "none": _("was not here"), "first": _("first visit"), "last": _("last visit"),
            "cancelled": _("cancelled an appointment"), "no_show": _("missed an appointment"),
        },
        _("Any visit, whatever was done."),
    ),
    Attribute(
        "appointment", "visits", _("Appointment"),
        (
            Operator(
                "any", _("is booked"), (AHEAD, GROUPS, SERVICES, BRANCH, DOCTOR), booked,
                lambda phrase: phrase.event({"any": _("has an appointment"), "none": _("has no appointment")}, "any"),
            ),
        ),
        _("Booked or confirmed, from today on."),
    ),
)  # fmt: skip
