"""Who would get the first message of a rule today, and what would become of it: nothing is written by asking.

The same query as the live run, the same order of questions as services.noting and services.ladders: too late, too soon,
hold-out, goal, gate, caps. What was noted already keeps the answer it got. A rule that is off is taken as if it had
been on all day, unless the moment it goes on is given; places per day are not counted.
"""

import datetime
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection, transaction

from campaigns import reasons as ledger_reasons
from campaigns.models import Policy
from campaigns.planning.holdout import held_out
from campaigns.services.deciding import caps
from campaigns.services.deciding.decisions import decisions
from campaigns.services.deciding.rules import Rules
from triggers import reasons, rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.services import finding, goals, noting, step_messages
from triggers.services.finding import Window
from triggers.timing.cooldown import cooled

# Further than that from Greenwich no clock is.
ANY_ZONE = datetime.timedelta(hours=27)


class Found(NamedTuple):
    """One row of services.finding, and when each step falls due."""

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
    whys: tuple[str, ...]  # why a step is not even asked for, "" = it is (services.noting)

    @property
    def alive(self) -> bool:
        return "" in self.whys


class Person(NamedTuple):
    """`steps` are the moments at which the messages fall due, in their order; `outcome` is a reason, or "": written."""

    patient_id: int
    first_due: datetime.datetime
    steps: tuple[datetime.datetime, ...]
    outcome: str


@dataclass(frozen=True)
class Who:
    """`by_outcome` adds up to `total`; "" is who would be written to."""

    total: int = 0
    people: list[Person] = field(default_factory=list)
    by_outcome: dict[str, int] = field(default_factory=dict)


def today(
    rule: TriggerRule, now: datetime.datetime, limit: int = 50, on: datetime.datetime | None = None
) -> Who:  # fmt: skip
    """Whose first message falls due today, by the clock of their branch; the first `limit` of them, those who would be
    written to in front. `on`: the moment a rule that is off would be switched on."""
    steps = finding.steps_of(rule)
    if not steps:
        return Who()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        rows = _of_today(rule, steps, now, rule.enabled_at if rule.enabled else on)
        outcomes = _outcomes(rule, steps, rows, now)
    people = [
        Person(row.patient_id, row.first_due, row.due, outcome) for row, outcome in zip(rows, outcomes, strict=True)
    ]
    people.sort(key=lambda person: (person.outcome != "", person.first_due, person.patient_id))
    return Who(len(people), people[:limit], dict(Counter(outcomes).most_common()))


def _of_today(
    rule: TriggerRule, steps: list[TriggerStep], now: datetime.datetime, on: datetime.datetime | None
) -> list[Found]:  # fmt: skip
    query = finding.found(rule, Window(now - ANY_ZONE, now + ANY_ZONE), steps=steps)
    anchored = rule_types.of(rule.rule_type).anchored
    dues = ", ".join(f"{finding.due_sql(step, rule, anchored)} AS due{n}" for n, step in enumerate(steps))
    whys = ", ".join(_why(n, step) for n, step in enumerate(steps))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT x.*, {whys} FROM (
                SELECT {", ".join(finding.COLUMNS)}, {dues} FROM ({query.sql}) found
                WHERE (first_due AT TIME ZONE zone)::date = (%(n_now)s::timestamptz AT TIME ZONE zone)::date OFFSET 0
            ) x LEFT JOIN triggers_firing f
                ON f.rule_id = %(w_rule)s AND f.patient_id = x.patient_id AND f.occasion = x.occasion
            ORDER BY patient_id, first_due, occasion""",
            {**query.params, "n_now": now, "n_on": on, "w_rule": rule.pk},
        )
        width, ends = len(finding.COLUMNS), len(finding.COLUMNS) + len(steps)
        return [
            Found._make((*row[:width], tuple(row[width:ends]), tuple(row[ends:]))) for row in cursor.fetchall()
        ]  # fmt: skip


def _why(number: int, step: TriggerStep) -> str:
    """As it was noted; of what is not noted yet, as it would be now."""
    return f"""CASE WHEN f.id IS NULL THEN {noting.why_sql(f"due{number}", step)}
        ELSE coalesce((SELECT noted.reason FROM triggers_firingstep noted
            WHERE noted.firing_id = f.id AND noted.step_id = {int(step.pk)}
                AND noted.reason IN ('{reasons.BEFORE_ON}', '{reasons.LATE}')), '') END"""


def _outcomes(
    rule: TriggerRule, steps: list[TriggerStep], rows: list[Found], now: datetime.datetime
) -> list[str]:  # fmt: skip
    first = min(range(len(steps)), key=lambda number: rows[0].due[number]) if rows else 0
    outcomes = [row.whys[first] for row in rows]
    # A ladder of which nothing can be sent any more lets nobody rest.
    alive = [number for number, row in enumerate(rows) if row.alive]
    occasions = [(rows[number].patient_id, rows[number].first_due) for number in alive]
    before = {} if rule.pk is None else noting.begun(rule, occasions, other_than={row.occasion for row in rows})
    for number, rests in zip(alive, cooled(occasions, rule.cooldown_days, before), strict=True):
        outcomes[number] = outcomes[number] or (reasons.COOLDOWN if rests else "")
    for number, row in enumerate(rows):
        if not outcomes[number] and rule.salt and held_out(rule.salt, row.patient_id, rule.holdout_percent):
            outcomes[number] = reasons.HOLDOUT
    for number in _met(rule, rows, _free(outcomes)):
        outcomes[number] = ledger_reasons.GOAL_MET
    asked = step_messages.rules_of(rule, steps[first], Policy.load())
    for number, reason in _refused(asked, rows, _free(outcomes), now).items():
        outcomes[number] = reason
    return outcomes


def _free(outcomes: list[str]) -> list[int]:
    return [number for number, outcome in enumerate(outcomes) if not outcome]


def _met(rule: TriggerRule, rows: list[Found], free: list[int]) -> list[int]:
    """Those whose goal is met already."""
    sql = f"""SELECT f.ref FROM unnest(%(ref)s::int[], %(patient)s::bigint[], %(since)s::timestamptz[],
        %(service)s::bigint[]) f(ref, patient_id, since, service_id) WHERE {goals.met("f", rule=rule)}"""
    with connection.cursor() as cursor:
        cursor.execute(sql, {
            "ref": free, "patient": [rows[number].patient_id for number in free],
            "since": [rows[number].since for number in free],
            "service": [rows[number].service_id for number in free],
        })  # fmt: skip
        return [row[0] for row in cursor.fetchall()]


def _refused(asked: Rules, rows: list[Found], free: list[int], now: datetime.datetime) -> dict[int, str]:
    """What the gate and the caps say of the others."""
    query = decisions(
        asked, "SELECT ref, patient_id FROM unnest(%(w_ref)s::int[], %(w_patient)s::bigint[]) w(ref, patient_id)", now,
        known=False, keep="ref",
    )  # fmt: skip
    params: dict[str, Any] = {
        **query.params, "w_ref": free, "w_patient": [rows[number].patient_id for number in free],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ref, reason, reader_id, address_key FROM ({query.sql}) d", params)
        decided = cursor.fetchall()
        refused = {ref: reason for ref, reason, _reader, _address in decided if reason}
        passed = [row for row in decided if not row[1]]
        if asked.marketing and passed:
            cursor.execute(
                caps.over_sql(
                    "SELECT * FROM unnest(%(w_ref)s::int[], %(w_reader)s::bigint[], %(w_address)s::bigint[], "
                    "%(w_at)s::timestamptz[]) w(ref, reader_id, address_key, at)"
                ),
                {
                    "w_ref": [row[0] for row in passed],
                    "w_reader": [row[2] for row in passed],
                    "w_address": [row[3] for row in passed],
                    "w_at": [max(rows[row[0]].first_due, now) for row in passed],
                    **caps.params(asked),
                },
            )
            for ref, by_person, _by_address, _waiting in cursor.fetchall():
                refused[ref] = ledger_reasons.CAP_PERSON if by_person else ledger_reasons.CAP_ADDRESS
    return refused
