"""Ladders of a card that was merged into another go on with the card that is kept."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection

from triggers import reasons

# What lies on the merged card belongs to the kept one, as its facts do. The kept card may know the occasion already,
# and so may two cards merged into one: the oldest firing stays.
_FOLLOW = """
WITH moving AS (
    SELECT f.id, f.rule_id, p.merged_into_id AS kept_id, f.occasion,
        row_number() OVER (PARTITION BY f.rule_id, p.merged_into_id, f.occasion ORDER BY f.id) AS n
    FROM patients_patient p JOIN triggers_firing f ON f.patient_id = p.id AND f.rule_id = %(rule)s
    WHERE p.merged_into_id IS NOT NULL {among}
)
UPDATE triggers_firing f SET patient_id = m.kept_id FROM moving m
WHERE f.id = m.id AND m.n = 1 AND NOT EXISTS (SELECT FROM triggers_firing k
    WHERE k.rule_id = m.rule_id AND k.patient_id = m.kept_id AND k.occasion = m.occasion)
RETURNING f.id
"""
# What waits in the ledger to be sent would be refused for a card that is gone; its last look finds reader and address.
_MESSAGES = """
UPDATE campaigns_message m SET patient_id = f.patient_id
FROM triggers_firingstep fs JOIN triggers_firing f ON f.id = fs.firing_id
WHERE fs.firing_id = ANY(%s) AND m.id = fs.message_id AND m.state IN ('planned', 'deferred')
"""
_DOUBLES = """
WITH doubles AS (
    UPDATE triggers_firing f SET state = 'withdrawn', closed_at = %(now)s FROM patients_patient p
    WHERE f.rule_id = %(rule)s AND f.state = 'open' AND p.id = f.patient_id AND p.merged_into_id IS NOT NULL {among}
    RETURNING f.id
)
UPDATE triggers_firingstep fs SET state = 'skipped', reason = '{withdrawn}' FROM doubles
WHERE fs.firing_id = doubles.id AND fs.state IN ('waiting', 'held')
"""


def follow(rule_id: int, now: datetime.datetime, among: Sequence[int] | None = None) -> int:
    """Move the firings of merged cards (of `among`, or of everybody) to the cards that are kept; how many. Called
    before a rule looks: otherwise the kept card would be found anew, and written to a second time."""
    which = "AND p.id = ANY(%(among)s)" if among is not None else ""
    params: dict[str, Any] = {"rule": rule_id, "now": now, "among": list(among or ())}
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW.format(among=which), params)
        moved = [row[0] for row in cursor.fetchall()]
        cursor.execute(_MESSAGES, [moved])
        cursor.execute(_DOUBLES.format(among=which, withdrawn=reasons.WITHDRAWN), params)
        return len(moved)
