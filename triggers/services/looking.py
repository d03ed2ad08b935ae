"""What a rule has found since it last looked: an occasion is a row, once, whatever becomes of it.

Two things are looked at, in one transaction with the note of how far it has come:

    (looked_until, now]      everybody whose first message falls due in the time since the last look
    (now − weeks, now]       patients whose facts have changed in a transaction the last look could not see

So a fact counts whenever it arrives: posted in time, a week late, or committed after a look that began later. The night
looks at the last weeks of everybody. What was found already is found again and stays as it is (unique occasion).
"""

import datetime
import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from patients.models import Branch
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.services import finding, merged, noting, reviving
from triggers.services.finding import Window
from triggers.timing.clock import strikes

log = logging.getLogger(__name__)
# A fact may come so much later than the message it calls for was due, and is still noted; what is still of use is sent.
DEEP = datetime.timedelta(days=35)
# With more changed patients than this, asking for everybody is cheaper than for each.
MANY_CHANGED = 20_000


@dataclass(frozen=True)
class Look:
    """One rule, the row being held."""

    rule: TriggerRule
    steps: list[TriggerStep]
    now: datetime.datetime


def look_all(now: datetime.datetime, *, deep: bool = False) -> int:
    """Every rule that is on looks; returns how many occasions were new. One that fails keeps no other from looking."""
    rules = TriggerRule.objects.filter(enabled=True).order_by("-priority", "pk")
    return sum(look_one(rule_id, now, deep=deep) for rule_id in rules.values_list("pk", flat=True))


def look_one(rule_id: int, now: datetime.datetime, *, deep: bool = False) -> int:
    """`look`, and a note on the rule when that fails: the next tick tries again."""
    try:
        return look(rule_id, now, deep=deep)
    except Exception as error:
        # The kind of error only: the database quotes rows in its details.
        log.error("rule %s could not look: %s", rule_id, type(error).__name__)
        TriggerRule.objects.filter(pk=rule_id).update(error=type(error).__name__)
        return 0


def look(rule_id: int, now: datetime.datetime, *, deep: bool = False) -> int:
    """Note the new occasions of one rule; returns how many. `deep`: of everybody in the last weeks.

    Killed anywhere, nothing has happened. While another process looks, it does the work: this one returns at once, and
    a look that matters for its depth waits instead.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        rows = TriggerRule.objects.select_for_update(skip_locked=not deep, no_key=True)
        rule = rows.filter(pk=rule_id, enabled=True).first()
        if rule is None or rule.enabled_at is None or rule.looked_until is None:
            return 0
        cursor.execute("SET LOCAL jit = off")
        seen = snapshot()  # before anything is read: what is committed from here on is new to the next look as well
        at = Look(rule, finding.steps_of(rule), now)
        written = 0
        if at.steps:
            if rule.looked_until < now and not deep and _anything_due(at, rule.looked_until):
                written += _note(at, Window(rule.looked_until, now))
            # A dump restored into another server counts its transactions anew: the horizon says nothing there.
            written += _note_the_changed(at, deep or not rule.horizon or _next_of(rule.horizon) > _next_of(seen))
        TriggerRule.objects.filter(pk=rule.pk).update(
            looked_until=max(rule.looked_until, now), horizon=seen, error=""
        )  # fmt: skip
        return written


def snapshot() -> str:
    """Which transactions the database has finished by now, in its own words."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        return str(cursor.fetchone()[0])


def reach(rule: TriggerRule, steps: list[TriggerStep], now: datetime.datetime) -> Window:
    """The last weeks: occasions of which a step may still be sent. Ladders that were over when the rule was switched on
    are none of its business; after a longer silence everything since the last look is."""
    length = finding.length_of(rule, steps)
    begins = now - DEEP - length
    if rule.enabled_at:
        begins = max(begins, rule.enabled_at - length)
    return Window(min(begins, rule.looked_until) if rule.looked_until else begins, now)


def changed_since(horizon: str) -> list[int]:
    """Patients whose facts were changed by transactions that the snapshot could not see. A transaction that looks at
    what it has changed itself sees that every time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT patient_id FROM patients_changedpatient
            WHERE transaction >= least(pg_snapshot_xmin(%(horizon)s::pg_snapshot)::text::bigint,
                    coalesce(pg_current_xact_id_if_assigned()::text::bigint, 9223372036854775807))
                AND (NOT pg_visible_in_snapshot(transaction::text::xid8, %(horizon)s::pg_snapshot)
                    OR transaction = pg_current_xact_id_if_assigned()::text::bigint)""",
            {"horizon": horizon},
        )
        return [row[0] for row in cursor.fetchall()]


def _next_of(horizon: str) -> int:
    """The number the next transaction was to get: "xmin:xmax:running ones"."""
    return int(horizon.split(":")[1])


def _anything_due(at: Look, after: datetime.datetime) -> bool:
    """Whether a first message can fall due by now at all: of rules that write at ten o'clock, only when it has struck
    ten somewhere."""
    anchored = rule_types.of(at.rule.rule_type).anchored
    times = {finding.timing_of(step, at.rule, anchored).at for step in at.steps}
    if None in times:
        return True
    zones = {settings.TIME_ZONE, *Branch.objects.values_list("timezone", flat=True).distinct()}
    return strikes(after, at.now, {time for time in times if time}, zones)


def _note_the_changed(at: Look, deep: bool) -> int:
    window = reach(at.rule, at.steps, at.now)
    if window.after >= window.until:
        return 0
    changed = [] if deep else changed_since(at.rule.horizon)
    if deep or len(changed) > MANY_CHANGED:
        merged.follow(at.rule.pk, at.now)
        reviving.revive(at.rule, at.steps, window, at.now)
        return _note(at, window)
    if not changed:
        return 0
    merged.follow(at.rule.pk, at.now, changed)
    reviving.revive(at.rule, at.steps, window, at.now, changed)
    return _note(at, window, changed)


def _note(at: Look, window: Window, among: list[int] | None = None) -> int:
    whom = "SELECT unnest(%(e_among)s::bigint[])" if among is not None else ""
    query = finding.found(at.rule, window, whom, steps=at.steps)
    return noting.note(at.rule, at.steps, query.sql, {**query.params, "e_among": among}, at.now)
