"""Which occasions of a rule fall due in a stretch of time: one query, for the live run, "who today" and the back-test.

    occasions of the type ─► the kept card, branch, zone ─► first and last step ─► cut by the first ─► audience

The type is asked for a little more than the stretch; the cut is made here, exactly, by the moment the first step falls
due. So two stretches side by side give what both together give, and nothing is given twice. Of a patient who
was registered only on a day after the last message there was no occasion: nobody could have written.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from patients.models import Patient
from segmentation.models import Segment
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.rule_types import Query, RuleType, Span
from triggers.timing.clock import ONE_DAY, Timing

COLUMNS = (
    "patient_id", "occasion", "anchor_at", "since", "service_id", "visit_id", "branch_id", "zone", "first_due",
    "last_due",
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Moments after `after`, up to and including `until`."""

    after: datetime.datetime
    until: datetime.datetime


def steps_of(rule: TriggerRule) -> list[TriggerStep]:
    """The steps in use, by position."""
    if rule.pk is None:
        return []
    return list(rule.steps.filter(retired_at__isnull=True).select_related("offer").order_by("position"))


def timing_of(step: TriggerStep, rule: TriggerRule, anchored: str) -> Timing:
    return Timing.of(step.offset, step.unit, step.at, rule.send_at, anchored)


def length_of(rule: TriggerRule, steps: Sequence[TriggerStep] | None = None) -> datetime.timedelta:
    """The longest a ladder can take from its first step to its last; a clock may be set in between."""
    anchored = rule_types.of(rule.rule_type).anchored
    bounds = [timing_of(step, rule, anchored).bounds(anchored) for step in (steps or steps_of(rule))]
    if len(bounds) < 2:
        return datetime.timedelta()
    return max(most for _least, most in bounds) - min(least for least, _most in bounds)


def due_sql(
    step: TriggerStep, rule: TriggerRule, anchored: str, anchor: str = "anchor_at", zone: str = "zone"
) -> str:  # fmt: skip
    """SQL of the moment a step falls due (timestamptz), over columns with the anchor's moment and the zone's name.

    PostgreSQL reads a doubtful time of the wall clock as timing.clock does: the later moment.
    """
    timing = timing_of(step, rule, anchored)
    if timing.at is None:
        return f"({anchor} + interval '{int(timing.exactly.total_seconds())} seconds')"
    wall = f"(({anchor}) AT TIME ZONE {zone})::date + {timing.days} + time '{timing.at:%H:%M:%S}'"
    return f"(({wall}) AT TIME ZONE {zone})"


def found(rule: TriggerRule, window: Window, among: str = "", *, steps: Sequence[TriggerStep] | None = None) -> Query:
    """SELECT of COLUMNS: every occasion whose first step falls due in the window, for the rule's audience.

    `among` is a SELECT of patient ids that alone matter (its parameters are the caller's to add). A rule that was not
    saved has the `steps` it is given, and nobody left out: its audience lies in rows that do not exist yet.
    """
    steps = list(steps) if steps is not None else steps_of(rule)
    if not steps:
        return Query(f"SELECT {', '.join(f'NULL AS {name}' for name in COLUMNS)} WHERE false", {})
    kind = rule_types.of(rule.rule_type)
    merged = Patient.objects.filter(merged_into__isnull=False).exists()
    if among and merged:
        among = _every_card(among)
    occasions = kind.occasions(rule.params, span(rule, kind, steps, window, among))
    dues = [due_sql(step, rule, kind.anchored) for step in steps]
    conditions, params = _conditions(rule)
    placed = f"SELECT z.*, least({', '.join(dues)}) AS first_due, greatest({', '.join(dues)}) AS last_due"
    sql = f"""
        SELECT {_distinct(merged)} {", ".join(COLUMNS)} FROM (
            {placed} FROM ({_placed(kind, occasions.sql, merged)}) z OFFSET 0
        ) x
        WHERE first_due > %(e_after)s AND first_due <= %(e_until)s
            AND (registered_at IS NULL OR registered_at <= last_due
                OR (registered_at AT TIME ZONE zone)::date <= (last_due AT TIME ZONE zone)::date) {conditions}
        {"ORDER BY patient_id, occasion, first_due" if merged else ""}
    """
    return Query(
        sql,
        {**occasions.params, **params, "e_after": window.after, "e_until": window.until,
         "e_home_zone": settings.TIME_ZONE},
    )  # fmt: skip


def span(
    rule: TriggerRule, kind: RuleType, steps: Sequence[TriggerStep], window: Window, among: str = ""
) -> Span:  # fmt: skip
    """What the type is asked for: anchors from which a first step may fall due in the window, in any zone.

    `lead` is the least time there can be between the anchor and the first step: a fact later than that is never
    counted, so that what is found does not depend on when it was asked.
    """
    timings = [timing_of(step, rule, kind.anchored) for step in steps]
    least = min(timing.bounds(kind.anchored)[0] for timing in timings)
    most = min(timing.bounds(kind.anchored)[1] for timing in timings)
    days = min(timing.days for timing in timings)
    after, until = window.after.astimezone(datetime.UTC), window.until.astimezone(datetime.UTC)
    # The date at a branch is that of Greenwich, the one before or the one after; a moment and a part of a day after it
    # may lie on two dates.
    return Span(
        first=after.date() - ONE_DAY * (2 + days),
        last=until.date() + ONE_DAY * (1 - days),
        after=after - most,
        until=until - least,
        lead_days=days,
        lead=least,
        among=among,
    )


def _placed(kind: RuleType, occasions: str, merged: bool) -> str:
    """Every occasion with the card that is kept, its branch and the clock there."""
    anchor = "o.anchor" if kind.anchored == "moment" else "(o.anchor::timestamp AT TIME ZONE o.zone)"
    card = "JOIN patients_patient p ON p.id = o.patient_id"
    if merged:
        card = """JOIN patients_patient named ON named.id = o.patient_id
            JOIN patients_patient p ON p.id = coalesce(named.merged_into_id, named.id)"""
    return f"""
        SELECT patient_id, occasion, {anchor} AS anchor_at, since, service_id, visit_id, branch_id, zone, registered_at
        FROM (
            SELECT p.id AS patient_id, p.registered_at, o.occasion, o.anchor, o.since, o.service_id, o.visit_id,
                b.id AS branch_id, coalesce(b.timezone, %(e_home_zone)s) AS zone
            FROM ({occasions}) o
            {card}
            LEFT JOIN segmentation_metrics x ON x.patient_id = p.id
            LEFT JOIN patients_branch b ON b.id = coalesce(o.branch_id, p.branch_id, x.last_branch_id)
            WHERE p.deleted_at IS NULL
        ) o
    """


def _conditions(rule: TriggerRule) -> tuple[str, dict[str, Any]]:
    """Branches, dates and segments of the rule, on the day of the first step by the branch's clock."""
    day = "(first_due AT TIME ZONE zone)::date"
    lines: list[str] = []
    params: dict[str, Any] = {}
    if rule.valid_from:
        lines.append(f"AND {day} >= %(e_valid_from)s")
        params["e_valid_from"] = rule.valid_from
    if rule.valid_until:
        lines.append(f"AND {day} <= %(e_valid_until)s")
        params["e_valid_until"] = rule.valid_until
    if rule.pk is None:
        return " ".join(lines), params
    if branches := list(rule.branches.values_list("pk", flat=True)):
        lines.append("AND branch_id = ANY(%(e_branches)s)")
        params["e_branches"] = branches
    for name, word, segments in (("e_include", "", rule.include), ("e_exclude", "NOT", rule.exclude)):
        ids = list(Segment.objects.filter(pk__in=segments.all()).values_list("pk", flat=True))
        if ids:
            params[name] = ids
            lines.append(f"""AND {word} EXISTS (SELECT FROM segmentation_membership m
                WHERE m.patient_id = x.patient_id AND m.segment_id = ANY(%({name})s)
                    AND m.entered_on <= {day} AND (m.left_on IS NULL OR m.left_on > {day}))""")
    return " ".join(lines), params


def _every_card(among: str) -> str:
    """All cards of the people whose cards these are: facts of a merged card count for the card that is kept."""
    return f"""SELECT card.id FROM patients_patient named
        JOIN patients_patient card ON coalesce(card.merged_into_id, card.id) = coalesce(named.merged_into_id, named.id)
        WHERE named.id IN ({among})"""


def _distinct(merged: bool) -> str:
    """Two cards of one person may tell of the same occasion."""
    return "DISTINCT ON (patient_id, occasion)" if merged else ""
