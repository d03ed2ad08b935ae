"""Rows a dead dispatcher left in `sending`: what it may have handed over is `unknown`, the rest is planned again."""

import datetime
import logging

from django.db import connection, transaction

from campaigns import reasons
from campaigns.services.sending.claims import LOCK, durably
from campaigns.services.sending.settling import Outcome, State, put_back, settle

log = logging.getLogger(__name__)

_LEFT = """
SELECT DISTINCT dispatcher_id FROM campaigns_message WHERE state = 'sending' AND dispatcher_id IS NOT NULL
"""
_NOBODYS = """
UPDATE campaigns_message SET state = 'unknown', reason = %s, sent_at = claimed_at
WHERE state = 'sending' AND dispatcher_id IS NULL
"""


def sweep(now: datetime.datetime) -> int:
    """Explain every row of dispatchers that are no more; how many rows. Safe beside living dispatchers and itself."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        dispatchers = [row[0] for row in cursor.fetchall()]
        # Without a dispatcher nobody knows any more what was handed over.
        cursor.execute(_NOBODYS, [reasons.INTERRUPTED])
        orphans = cursor.rowcount
    return orphans + sum(_bury(dispatcher, now) for dispatcher in dispatchers)


def _bury(dispatcher_id: int, now: datetime.datetime) -> int:
    """The lock is held until the commit: one that was only cut off waits for it, then finds itself declared dead."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, dispatcher_id])
        if not cursor.fetchone()[0]:
            return 0
        durably(cursor)
        cursor.execute("SELECT handing FROM campaigns_dispatcher WHERE id = %s FOR UPDATE", [dispatcher_id])
        handing = set((cursor.fetchone() or [[]])[0])
        cursor.execute(
            "UPDATE campaigns_dispatcher SET ended_at = COALESCE(ended_at, %s) WHERE id = %s", [now, dispatcher_id]
        )
        cursor.execute(
            "SELECT id, claimed_at FROM campaigns_message WHERE state = 'sending' AND dispatcher_id = %s",
            [dispatcher_id],
        )
        rows = cursor.fetchall()
        # It counts for the caps from the moment it may have been sent.
        unknown = [
            Outcome(number, State.UNKNOWN, reasons.INTERRUPTED, sent_at=claimed_at)
            for number, claimed_at in rows
            if number in handing
        ]
        back = put_back(number for number, _claimed_at in rows if number not in handing)
        settled = settle(dispatcher_id, [*unknown, *back])
    if settled:
        log.warning(
            "dispatcher %s died: %s messages may have been sent, %s are planned again",
            dispatcher_id, len(unknown), len(back),
        )  # fmt: skip
    return settled
