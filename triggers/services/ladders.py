"""Steps that fall due become rows of the ledger, or come to their end; called every few seconds.

    due, of use, the occasion stands ─► goal ─► gate (campaigns) ─► a place today ─► caps ─► planned or suppressed

Rules go by priority: of two rules with a message for one patient the higher one is counted first. One transaction per
rule: killed anywhere, nothing has happened. Of two workers one plans; the other comes again in a few seconds.
"""

import datetime
import logging

from django.db import connection, transaction

from campaigns.models import Policy
from triggers import reasons
from triggers.models import TriggerRule
from triggers.services import due_steps, quota, step_messages

log = logging.getLogger(__name__)
LOCK = 0x6C616464  # "ladd", the first half of the advisory lock's key
_WITH_WORK = """
SELECT r.id FROM triggers_triggerrule r
WHERE r.archived_at IS NULL AND (%(rule)s::bigint IS NULL OR r.id = %(rule)s) AND EXISTS (
    SELECT FROM triggers_triggerstep s WHERE s.rule_id = r.id AND (
        EXISTS (SELECT FROM triggers_firingstep fs
            WHERE fs.step_id = s.id AND fs.state = 'waiting' AND fs.due_at <= %(now)s)
        OR s.id IN (SELECT fs.step_id FROM triggers_firingstep fs WHERE fs.state = 'held')))
ORDER BY r.priority DESC, r.id
"""
_RESENT = f"""
WITH again AS (
    UPDATE campaigns_message m SET state = 'planned', reason = '', error = '', due_at = %(now)s, dispatcher_id = NULL,
        claimed_at = NULL, sent_at = NULL, attempts = 0
    FROM triggers_firingstep fs, triggers_triggerstep s, triggers_triggerrule r
    WHERE m.campaign_id IS NULL AND m.state = 'unknown' AND m.purpose = 'service' AND m.useful_until > %(now)s
        AND fs.message_id = m.id AND fs.reason = '' AND s.id = fs.step_id AND r.id = s.rule_id AND r.resend_unknown
        AND (%(rule)s::bigint IS NULL OR r.id = %(rule)s)
    RETURNING fs.id
)
UPDATE triggers_firingstep fs SET reason = '{reasons.RESENT}' FROM again WHERE fs.id = again.id
"""


def plan_due(now: datetime.datetime, rule_id: int | None = None) -> int:
    """Decide every step that is due, of all rules or of one; returns how many. A rule that was switched off still ends
    the ladders it has begun: whoever wants them stopped says so when switching it off. One that fails says so on its
    page and keeps no other from going on."""
    params = {"now": now, "rule": rule_id}
    with connection.cursor() as cursor:
        cursor.execute(_RESENT, params)
        resent = int(cursor.rowcount)
        cursor.execute(_WITH_WORK, params)
        rules = [row[0] for row in cursor.fetchall()]
    decided = resent
    for number in rules:
        planned = _planned(number, now)
        if planned is None:  # another worker is at it: the next rule would overtake what is not planned yet
            break
        decided += planned
    return decided


def _planned(rule_id: int, now: datetime.datetime) -> int | None:
    try:
        with transaction.atomic():
            return _plan(rule_id, now)
    except Exception as error:
        # The kind of error only: the database quotes rows in its details.
        log.error("ladders of rule %s were not planned: %s", rule_id, type(error).__name__)
        TriggerRule.objects.filter(pk=rule_id).update(error=type(error).__name__)
        return 0


def _plan(rule_id: int, now: datetime.datetime) -> int | None:
    """How many steps were decided; None while another worker plans, whatever rule."""
    with connection.cursor() as cursor:
        # One at a time over all rules, so that the caps are counted in the order of priority.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        # Whoever stops ladders holds this row, and finds all that was planned before.
        held = TriggerRule.objects.select_for_update(skip_locked=True, no_key=True)
        rule = held.filter(pk=rule_id, archived_at__isnull=True).first()
        if rule is None:
            return 0
        # Compiling these statements takes longer than they run.
        cursor.execute("SET LOCAL jit = off")
        # Retired steps too: ladders that began with them may go on.
        steps = list(rule.steps.select_related("offer").prefetch_related("templates", "offer__branches"))
        rooms = quota.rooms(rule, now)
        if not due_steps.gather(cursor, rule, steps, rooms, now):
            return 0
        decided = due_steps.end(cursor, now)
        policy = Policy.load()
        for step in due_steps.later_first(cursor, steps):
            if len(steps) > 1:
                decided += due_steps.overtaken(cursor, step)
            decided += step_messages.decide(cursor, rule, step, policy, rooms, now)
        due_steps.close(cursor, now)
        cursor.execute("DROP TABLE ladder_due")
        return decided
