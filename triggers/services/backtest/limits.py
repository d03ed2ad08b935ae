"""Night, places and caps of a back-test: who is near a limit is handed to triggers.timing.imagined, and lived through
message by message; everybody else stays in the database."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from campaigns import reasons
from campaigns.models import Policy, Purpose
from campaigns.planning.quiet_hours import next_allowed
from campaigns.services.deciding import caps
from campaigns.services.deciding.rules import home_zone
from patients.selectors.capacity import free_slots_sql
from triggers.models import TriggerRule
from triggers.services import goals
from triggers.services.backtest.tables import WAITING, WRITTEN, arrays, execute, listed, rows
from triggers.services.quota import DAYS, NOWHERE
from triggers.timing.imagined import Caps, Outcome, Places, Turn, crowded, lived, over_caps

_KNOWN_FROM_ELSEWHERE = f"""m.purpose = 'marketing'
    AND m.state IN ('planned', 'deferred', 'sending', 'sent', 'unknown')
    AND NOT EXISTS (SELECT FROM triggers_firingstep own JOIN triggers_firing f ON f.id = own.firing_id
        WHERE own.message_id = m.id AND f.rule_id = %(rule)s)
    AND {caps.AT} > %(first)s AND {caps.AT} < %(last)s"""
_KEYS = (("reader_id", caps.READER), ("address_key", "m.address_key"))
_TURN = f"""s.id, s.firing_id, s.step_id, s.due_at, s.goes_at, s.useful_until, coalesce(f.branch_id, {NOWHERE}), s.zone,
    s.reader_id, s.address_key, s.fate = '{reasons.GOAL_MET}'"""


def keep_the_night(policy: Policy) -> None:
    """What falls due at night goes when the night is over, by the clock of the patient's home, if it is of use then."""
    if policy.quiet_from == policy.quiet_until:
        return
    zone = "coalesce(b.timezone, %(home)s)"
    asleep = rows(
        f"""SELECT DISTINCT s.due_at, {zone} FROM backtest_step s LEFT JOIN patients_branch b ON b.id = s.home_id
        WHERE s.fate = '{WRITTEN}' AND ({_maybe_asleep(policy, f"(s.due_at AT TIME ZONE {zone})::time")})""",
        {"home": home_zone()},
    )
    moved = [
        (due, name, goes)
        for due, name in asleep
        if (goes := next_allowed(due, name, policy.quiet_from, policy.quiet_until)) != due
    ]
    if not moved:
        return
    execute(
        f"""UPDATE backtest_step s SET goes_at = n.goes_at,
            fate = CASE WHEN n.goes_at >= s.useful_until THEN '{reasons.LATE}' ELSE s.fate END,
            channel = CASE WHEN n.goes_at >= s.useful_until THEN '' ELSE s.channel END
        FROM unnest(%(dues)s::timestamptz[], %(zones)s::text[], %(goes)s::timestamptz[]) n(due_at, zone, goes_at),
            (SELECT own.id, {zone} AS zone FROM backtest_step own LEFT JOIN patients_branch b ON b.id = own.home_id) h
        WHERE s.fate = '{WRITTEN}' AND h.id = s.id AND n.due_at = s.due_at AND n.zone = h.zone""",
        {
            "home": home_zone(), "dues": [row[0] for row in moved], "zones": [row[1] for row in moved],
            "goes": [row[2] for row in moved],
        },
    )  # fmt: skip


def _maybe_asleep(policy: Policy, local: str) -> str:
    """A clock that is set makes the ends of the night doubtful, so an hour more on either side is asked about."""
    if not (dt.time(1) <= policy.quiet_from and policy.quiet_until < dt.time(23)):
        return "true"
    begins = f"{local} >= time '{policy.quiet_from:%H:%M:%S}' - interval '1 hour'"
    ends = f"{local} < time '{policy.quiet_until:%H:%M:%S}' + interval '1 hour'"
    return f"{begins} {'AND' if policy.quiet_from < policy.quiet_until else 'OR'} {ends}"


def keep(rule: TriggerRule, policy: Policy, now: dt.datetime) -> None:
    """Places and caps, in the order of time."""
    span = dt.timedelta(days=policy.cap_days)
    bounds = rows(f"SELECT min(goes_at), max(goes_at) FROM backtest_step WHERE fate = '{WRITTEN}'")[0]
    if bounds[0] is None:
        return
    params: dict[str, Any] = {
        "rule": rule.pk,
        "first": bounds[0] - span,
        "last": now + span,
    }
    if rule.per_day is not None or rule.by_capacity:
        # Whoever waits is looked up by id, midnight after midnight.
        execute("CREATE INDEX ON backtest_step (id)")
        execute("CREATE INDEX ON backtest_firing (id)")
        turns = _everybody()
        limit = _caps(turns, params, policy) if rule.purpose == Purpose.MARKETING else None
        _note(turns, lived(turns, limit, _places(rule, policy, bounds), now))
    elif rule.purpose == Purpose.MARKETING:
        _keep_caps(params, policy)


def _everybody() -> list[Turn]:
    return [
        Turn(*row)
        for row in rows(
            f"""SELECT {_TURN} FROM backtest_step s JOIN backtest_firing f ON f.id = s.firing_id
            WHERE s.fate IN ('{WRITTEN}', '{reasons.GOAL_MET}') ORDER BY s.id"""
        )
    ]


def _keep_caps(params: dict[str, Any], policy: Policy) -> None:
    """Only crowded stretches are lived through; whoever else is written to is never near a cap."""
    ids, steps, readers, addresses, due, goes = arrays(
        ("int8send(id)", "int8send(step_id)", "int8send(reader_id)", "int8send(coalesce(address_key, 0))",
         "timestamptz_send(due_at)", "timestamptz_send(goes_at)"),
        f"FROM backtest_step WHERE fate = '{WRITTEN}'",
    )  # fmt: skip
    span = policy.cap_days * 24 * 3600 * 10**6
    known = [_from_elsewhere(mine, theirs, params) for mine, theirs in _KEYS]
    near = np.zeros(len(ids), dtype=bool)
    for keys, (others, moments) in zip((readers, addresses), known, strict=True):
        near |= crowded(keys, goes, others, moments, policy.cap_messages, span) & (keys != 0)
    order = np.flatnonzero(near)
    order = order[np.lexsort((ids[order], -steps[order], due[order]))]
    books = []
    for keys, (others, moments) in zip((readers, addresses), known, strict=True):
        wanted = np.isin(others, keys[order])
        book: dict[int, list[int]] = defaultdict(list)
        for key, moment in zip(others[wanted].tolist(), moments[wanted].tolist(), strict=True):
            book[key].append(moment)
        books.append(book)
    refused = over_caps(
        readers[order].tolist(), addresses[order].tolist(), goes[order].tolist(), policy.cap_messages, span, *books
    )
    for reason, numbers in refused.items():
        execute(
            "UPDATE backtest_step s SET fate = %(fate)s, channel = '' FROM unnest(%(ids)s::bigint[]) n(id) "
            "WHERE s.id = n.id",
            {"fate": reason, "ids": listed(ids[order[numbers]].tolist())},
        )


def _from_elsewhere(mine: str, theirs: str, params: dict[str, Any]) -> list[np.ndarray]:
    """Keys and moments of what campaigns and other rules sent to these people, or have planned."""
    return arrays(
        (f"int8send({theirs})", f"timestamptz_send({caps.AT})"),
        f"""FROM campaigns_message m WHERE {_KNOWN_FROM_ELSEWHERE}
            AND {theirs} IN (SELECT {mine} FROM backtest_step WHERE fate = '{WRITTEN}')""",
        params,
    )


def _caps(turns: Sequence[Turn], params: dict[str, Any], policy: Policy) -> Caps:
    """With what campaigns and other rules sent, or have planned, to these people."""
    known: list[dict[int, list[dt.datetime]]] = []
    whose: tuple[set[int | None], ...] = ({turn.reader for turn in turns}, {turn.address for turn in turns})
    for (_mine, theirs), keys in zip(_KEYS, whose, strict=True):
        moments: dict[int, list[dt.datetime]] = defaultdict(list)
        for key, at in rows(
            f"SELECT {theirs}, {caps.AT} FROM campaigns_message m "
            f"WHERE {theirs} = ANY(%(keys)s::bigint[]) AND {_KNOWN_FROM_ELSEWHERE}",
            {**params, "keys": [key for key in keys if key is not None]},
        ):
            moments[key].append(at)
        known.append(moments)
    return Caps(policy.cap_messages, policy.cap_days, known[0], known[1])


def _places(rule: TriggerRule, policy: Policy, bounds: tuple[dt.datetime, dt.datetime]) -> Places:
    slots = _slots(bounds) if rule.by_capacity else {}

    def room(branch: int, day: dt.date) -> int:
        limits = [slots.get((branch, day), 0)] if rule.by_capacity else []
        return min([*limits, rule.per_day] if rule.per_day is not None else limits)

    def met(ids: list[int], moment: dt.datetime) -> set[int]:
        return {
            row[0]
            for row in rows(
                f"""SELECT s.id FROM backtest_step s JOIN backtest_firing f ON f.id = s.firing_id
                WHERE s.id = ANY(%(ids)s::bigint[]) AND {goals.met("f", "%(moment)s::timestamptz", rule)}""",
                {"ids": ids, "moment": moment},
            )
        }

    def night_over(moment: dt.datetime, zone: str) -> dt.datetime:
        return next_allowed(moment, zone, policy.quiet_from, policy.quiet_until)

    return Places(room, night_over, met)


def _slots(bounds: tuple[dt.datetime, dt.datetime]) -> dict[tuple[int, dt.date], int]:
    """Free slots of the days to come, per day of them, as on every day of the period; what became of the slots of a day
    in the end is all that is known of it."""
    days = f"""SELECT b.id AS branch_id, asked::date AS asked_on, asked::date + ahead AS day
        FROM patients_branch b, generate_series(1, {DAYS}) ahead,
            generate_series(%(first)s::date - 1, %(last)s::date + {DAYS * 6}, interval '1 day') asked"""
    found: dict[tuple[int, dt.date], int] = {}
    for branch, asked_on, free in rows(
        f"SELECT branch_id, asked_on, sum(free)::int FROM ({free_slots_sql(days)}) coming GROUP BY 1, 2",
        {"first": bounds[0].date(), "last": bounds[1].date()},
    ):
        found[branch, asked_on] = free
        found[NOWHERE, asked_on] = found.get((NOWHERE, asked_on), 0) + free
    return {key: math.ceil(free / DAYS) for key, free in found.items()}


def _note(turns: Sequence[Turn], outcome: dict[int, Outcome]) -> None:
    """Who still waits at the end is not in the outcome. What was decided later than due was looked at then."""
    still = [turn.id for turn in turns if not turn.held and turn.id not in outcome]
    execute(
        f"UPDATE backtest_step SET fate = '{WAITING}', channel = '' WHERE id = ANY(%(ids)s::bigint[])", {"ids": still}
    )
    # Most go when they were due: nothing of them changes.
    changed = [
        (turn.id, *outcome[turn.id])
        for turn in turns
        if turn.id in outcome and outcome[turn.id] != (WRITTEN, turn.goes_at)
    ]
    execute(
        f"""UPDATE backtest_step s SET fate = n.fate, goes_at = n.goes_at,
            channel = CASE WHEN n.fate = '{WRITTEN}' THEN s.channel ELSE '' END,
            came = n.fate = '{reasons.GOAL_MET}' AND EXISTS (
                SELECT FROM backtest_firing f JOIN patients_visit v ON v.patient_id = f.patient_id
                WHERE f.id = s.firing_id AND v.deleted_at IS NULL AND v.status IN ('arrived', 'completed')
                    AND v.starts_at > f.since AND v.starts_at <= greatest(s.due_at, n.goes_at))
        FROM unnest(%(ids)s::bigint[], %(fates)s::text[], %(moments)s::timestamptz[]) n(id, fate, goes_at)
        WHERE n.id = s.id""",
        {name: [row[column] for row in changed] for column, name in enumerate(("ids", "fates", "moments"))},
    )
