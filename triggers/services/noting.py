"""Writing down what a rule has found: each occasion with its state and the fate of every step of its ladder."""

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection

from campaigns.planning.holdout import held_out
from triggers import reasons, rule_types
from triggers.models import Firing, FiringStep, TriggerRule, TriggerStep
from triggers.services.finding import COLUMNS, due_sql
from triggers.timing.cooldown import cooled

AT_ONCE = 10_000
State, Fate = Firing.State, FiringStep.State
# Ladders whose first message counts for the cooldown: begun, or kept back to compare with.
BEGUN = (State.OPEN, State.DONE, State.STOPPED, State.HOLDOUT)


class Found(NamedTuple):
    """One row of services.finding that is not in the ledger of firings, and when each step falls due."""

    patient_id: int
    occasion: str
    anchor_at: datetime.datetime
    since: datetime.datetime
    service_id: int | None
    visit_id: int | None
    branch_id: int | None
    zone: str
    first_due: datetime.datetime
    last_due: datetime.datetime
    due: tuple[datetime.datetime, ...]


class Judged(NamedTuple):
    state: str
    fates: list[tuple[str, str]]  # of each step: state, reason


def note(
    rule: TriggerRule, steps: Sequence[TriggerStep], sql: str, params: dict[str, Any], now: datetime.datetime
) -> int:
    """Insert what is new of the query; returns how many firings. Inside the caller's transaction."""
    written = 0
    for rows in _new(rule, steps, sql, params):
        written += _insert(rule, steps, rows, judge(rule, steps, rows, now), now)
    return written


def judge(
    rule: TriggerRule, steps: Sequence[TriggerStep], rows: Sequence[Found], now: datetime.datetime
) -> list[Judged]:
    """late, then cooldown, then hold-out: both sides of the comparison have passed the same."""
    fates = [fates_of(rule, steps, row.due, now) for row in rows]
    alive = [number for number, fate in enumerate(fates) if any(state == Fate.WAITING for state, _why in fate)]
    occasions = [(rows[number].patient_id, rows[number].first_due) for number in alive]
    resting = dict(zip(alive, cooled(occasions, rule.cooldown_days, begun(rule, occasions)), strict=True))
    judged = []
    for number, (row, fate) in enumerate(zip(rows, fates, strict=True)):
        if number not in resting:
            judged.append(Judged(State.LATE, fate))
        elif resting[number]:
            judged.append(Judged(State.COOLDOWN, _all_skipped(fate, reasons.COOLDOWN)))
        elif held_out(rule.salt, row.patient_id, rule.holdout_percent):
            judged.append(Judged(State.HOLDOUT, _all_skipped(fate, reasons.HOLDOUT)))
        else:
            judged.append(Judged(State.OPEN, fate))
    return judged


def fates_of(
    rule: TriggerRule, steps: Sequence[TriggerStep], due: Sequence[datetime.datetime], now: datetime.datetime
) -> list[tuple[str, str]]:
    """Of each step: waits, or why it is not even asked for."""
    on = rule.enabled_at
    fates = []
    for step, at in zip(steps, due, strict=True):
        if on and at < on:
            fates.append((Fate.SKIPPED.value, reasons.BEFORE_ON))
        elif useful_until(step, at) <= now:
            fates.append((Fate.SKIPPED.value, reasons.LATE))
        else:
            fates.append((Fate.WAITING.value, ""))
    return fates


def useful_until(step: TriggerStep, due: datetime.datetime) -> datetime.datetime:
    return due + datetime.timedelta(hours=step.useful_hours)


def begun(
    rule: TriggerRule, occasions: Sequence[tuple[int, datetime.datetime]], other_than: Collection[str] = ()
) -> dict[int, list[datetime.datetime]]:  # fmt: skip
    """When the ladders of these patients began that may be too near; `other_than` are occasions that do not count."""
    if not rule.cooldown_days or not occasions:
        return {}
    rest = datetime.timedelta(days=rule.cooldown_days)
    known = Firing.objects.filter(
        rule=rule, state__in=BEGUN, patient__in={patient for patient, _due in occasions},
        first_due__gt=min(due for _patient, due in occasions) - rest,
        first_due__lt=max(due for _patient, due in occasions) + rest,
    ).exclude(occasion__in=other_than)  # fmt: skip
    found: dict[int, list[datetime.datetime]] = {}
    for patient, due in known.values_list("patient_id", "first_due"):
        found.setdefault(patient, []).append(due)
    return found


def _all_skipped(fates: list[tuple[str, str]], reason: str) -> list[tuple[str, str]]:
    return [(Fate.SKIPPED.value, why or reason) for _state, why in fates]


def _new(
    rule: TriggerRule, steps: Sequence[TriggerStep], sql: str, params: dict[str, Any]
) -> Iterator[list[Found]]:  # fmt: skip
    """What is not noted yet, by patient and time, some thousands at once: a hundred thousand need no more memory."""
    anchored = rule_types.of(rule.rule_type).anchored
    dues = "".join(f", {due_sql(step, rule, anchored)}" for step in steps)
    over = "" if rule.enabled_at is None else "AND x.last_due >= %(e_enabled_at)s"
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""SELECT {", ".join(COLUMNS)}{dues} FROM ({sql}) x
            WHERE NOT EXISTS (SELECT FROM triggers_firing f WHERE f.rule_id = %(e_rule)s
                AND f.patient_id = x.patient_id AND f.occasion = x.occasion) {over}
            ORDER BY patient_id, first_due, occasion""",
            {**params, "e_rule": rule.pk, "e_enabled_at": rule.enabled_at},
        )
        width = len(COLUMNS)
        while rows := cursor.fetchmany(AT_ONCE):
            yield [Found._make((*row[:width], tuple(row[width:]))) for row in rows]


def _insert(
    rule: TriggerRule, steps: Sequence[TriggerStep], rows: Sequence[Found], judged: Sequence[Judged],
    now: datetime.datetime,
) -> int:  # fmt: skip
    columns: dict[str, Any] = {
        "patient": [row.patient_id for row in rows], "occasion": [row.occasion for row in rows],
        "state": [one.state for one in judged], "anchor": [row.anchor_at for row in rows],
        "since": [row.since for row in rows], "first_due": [row.first_due for row in rows],
        "branch": [row.branch_id for row in rows], "service": [row.service_id for row in rows],
        "visit": [row.visit_id for row in rows], "closed": [None if one.state == State.OPEN else now for one in judged],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO triggers_firing (rule_id, patient_id, occasion, state, anchor_at, since, first_due,
                branch_id, service_id, visit_id, closed_at, found_at)
            SELECT %(rule)s, n.*, %(now)s FROM unnest(%(patient)s::bigint[], %(occasion)s::text[], %(state)s::text[],
                %(anchor)s::timestamptz[], %(since)s::timestamptz[], %(first_due)s::timestamptz[], %(branch)s::bigint[],
                %(service)s::bigint[], %(visit)s::bigint[], %(closed)s::timestamptz[]) n
            ON CONFLICT DO NOTHING RETURNING id, patient_id, occasion""",
            {**columns, "rule": rule.pk, "now": now},
        )
        ids = {(patient, occasion): firing for firing, patient, occasion in cursor.fetchall()}
        ladders = [
            (ids[row.patient_id, row.occasion], step, due, fate)
            for row, one in zip(rows, judged, strict=True)
            if (row.patient_id, row.occasion) in ids
            for step, due, fate in zip(steps, row.due, one.fates, strict=True)
        ]
        cursor.execute(
            """INSERT INTO triggers_firingstep (firing_id, step_id, due_at, useful_until, state, reason)
            SELECT * FROM unnest(%(firing)s::bigint[], %(step)s::bigint[], %(due)s::timestamptz[],
                %(useful)s::timestamptz[], %(state)s::text[], %(reason)s::text[])""",
            {
                "firing": [firing for firing, _step, _due, _fate in ladders],
                "step": [step.pk for _firing, step, _due, _fate in ladders],
                "due": [due for _firing, _step, due, _fate in ladders],
                "useful": [useful_until(step, due) for _firing, step, due, _fate in ladders],
                "state": [state for _firing, _step, _due, (state, _reason) in ladders],
                "reason": [reason for _firing, _step, _due, (_state, reason) in ladders],
            },
        )
    return len(ids)
