"""Rows of the ledger in the hands of one dispatcher: taking them, and saying which are about to be handed over.

    planned | deferred ──take──► sending ──hand──► (noted in Dispatcher.handing) ──► the provider

A dispatcher is alive while it holds the advisory lock of its id. Whoever finds the lock free may declare it dead
(services.recovery) by setting `ended_at`; taking and handing over look at it in the same transaction, so that one
declared dead while it was only cut off from the database hands over nothing more.
"""

import contextlib
import datetime
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction

from campaigns.models import Dispatcher, Message
from campaigns.services.sending.settling import Outcome, settle
from patients.locks import lock_connection

log = logging.getLogger(__name__)
LOCK = 0x64697370  # "disp", the first half of the advisory lock's key; the id of the dispatcher is the second

_HEADS = """
SELECT c.id FROM campaigns_campaign c CROSS JOIN LATERAL (
    SELECT m.due_at FROM campaigns_message m
    WHERE m.channel = %(channel)s AND m.campaign_id = c.id AND m.state IN ('planned', 'deferred')
    ORDER BY m.due_at, m.id LIMIT 1
) first
WHERE c.state = 'running' AND first.due_at <= %(now)s
ORDER BY first.due_at, c.id
"""
_DUE_OF_NOBODY = """
SELECT FROM campaigns_message m WHERE m.channel = %(channel)s AND m.campaign_id IS NULL
    AND m.state IN ('planned', 'deferred') AND m.due_at <= %(now)s
"""
# All of one campaign, or of none: with the campaign in front the order is that of the index message_due for both. By
# due_at alone a hundred thousand rows of no campaign would be sorted for every batch.
_TAKE = """
WITH due AS (
    SELECT m.id FROM campaigns_message m
    WHERE m.channel = %(channel)s AND m.state IN ('planned', 'deferred') AND m.due_at <= %(now)s AND {whose}
    ORDER BY m.campaign_id, m.due_at, m.id LIMIT %(size)s FOR UPDATE SKIP LOCKED
)
UPDATE campaigns_message m
SET state = 'sending', reason = '', error = '', dispatcher_id = %(dispatcher)s, claimed_at = %(now)s,
    attempts = m.attempts + 1
FROM due WHERE m.id = due.id RETURNING m.id
"""
_OF_CAMPAIGN = (
    "m.campaign_id = %(campaign)s AND EXISTS (SELECT FROM campaigns_campaign WHERE id = %(campaign)s "
    "AND state = 'running')"
)
_OF_NOBODY = "m.campaign_id IS NULL"
# The state in a CASE: only the look at each id is left, as in settling.
_READY = """
SELECT m.id FROM campaigns_message m LEFT JOIN campaigns_campaign c ON c.id = m.campaign_id
WHERE m.id = ANY(%s) AND CASE m.state WHEN 'sending' THEN m.dispatcher_id = %s ELSE false END
    AND (m.campaign_id IS NULL OR c.state = 'running')
"""


class DeclaredDead(Exception):
    """Another process found our lock free and took our rows back: nothing more may be sent under this id."""


class Holding:
    """The lock of a dispatcher, on a connection of its own (why: patients.locks)."""

    def __init__(self, dispatcher_id: int) -> None:
        self.dispatcher_id = dispatcher_id
        self._held: psycopg.Connection | None = None

    def hold(self) -> None:
        """Take the lock, again after a loss. Raises an OperationalError of psycopg while the server is away."""
        if self._held is not None:
            with contextlib.suppress(psycopg.Error):
                self._held.execute("SELECT 1")
                return
            self.let_go()
        self._held = lock_connection("dispatch")
        self._held.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, self.dispatcher_id])

    def let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(psycopg.Error):
                # The server notices a closed connection a moment later; whoever looks now must see the lock free.
                held.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, self.dispatcher_id])
            held.close()


@contextlib.contextmanager
def a_dispatcher() -> Iterator[Holding]:
    """A new dispatcher, alive until the end of the block."""
    holding = Holding(Dispatcher.objects.create().pk)
    holding.hold()
    try:
        yield holding
    finally:
        holding.let_go()


def anything_due(channel: str, now: datetime.datetime) -> bool:
    """Whether a dispatcher would find anything; answered from an index."""
    with connection.cursor() as cursor:
        params: dict[str, Any] = {"channel": channel, "now": now}
        cursor.execute(f"SELECT EXISTS ({_DUE_OF_NOBODY}) OR EXISTS ({_HEADS})", params)
        return bool(cursor.fetchone()[0])


def take(dispatcher_id: int, channel: str, now: datetime.datetime, size: int) -> list[int]:
    """Claim up to `size` due rows of running campaigns, the longest due first; committed when it returns.

    The campaign whose first message has been due longest is served first. Rows of paused campaigns are never looked
    at: a million of them cost the others nothing.
    """
    taken: list[int] = []
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        durably(cursor)
        cursor.execute(
            "SELECT FROM campaigns_dispatcher WHERE id = %s AND ended_at IS NULL FOR KEY SHARE", [dispatcher_id]
        )
        if not cursor.rowcount:
            raise DeclaredDead
        params: dict[str, Any] = {"channel": channel, "now": now, "dispatcher": dispatcher_id}
        cursor.execute(_TAKE.format(whose=_OF_NOBODY), {**params, "size": size})
        taken += [row[0] for row in cursor.fetchall()]
        if len(taken) < size:
            cursor.execute(_HEADS, params)
            for (campaign,) in cursor.fetchall():
                cursor.execute(
                    _TAKE.format(whose=_OF_CAMPAIGN), {**params, "campaign": campaign, "size": size - len(taken)}
                )
                taken += [row[0] for row in cursor.fetchall()]
                if len(taken) >= size:
                    break
    return taken


def found(dispatcher_id: int, known: Sequence[int]) -> list[int]:
    """Rows in our hands that we do not know of: claimed by a commit whose answer was lost."""
    mine = Message.objects.filter(state=Message.State.SENDING, dispatcher_id=dispatcher_id)
    return list(mine.exclude(pk__in=known).order_by("due_at", "pk").values_list("pk", flat=True))


def step(
    dispatcher_id: int, outcomes: Sequence[Outcome], open_ids: Sequence[int], lot: Sequence[int],
    also: Callable[[], None] = lambda: None,
) -> set[int]:  # fmt: skip
    """Write what came of the last messages, and that the next ones may be handed over; one transaction.

    `open_ids` were handed over before and have no answer yet. Returns those of `lot` that may go: their campaign still
    runs and they are still ours. Raises DeclaredDead when nothing may go any more; what came of the earlier ones is
    written then all the same.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        durably(cursor)
        ready: set[int] = set()
        if lot:
            cursor.execute(_READY, [list(lot), dispatcher_id])
            ready = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            "UPDATE campaigns_dispatcher SET handing = %s::bigint[] WHERE id = %s AND ended_at IS NULL",
            [[*open_ids, *ready], dispatcher_id],
        )
        alive = bool(cursor.rowcount)
        settle(dispatcher_id, outcomes)
        also()
    if not alive:
        raise DeclaredDead
    return ready


def durably(cursor: Any) -> None:
    """What must not be forgotten in a power cut: a claim forgotten after sending would be sent twice."""
    cursor.execute("SET LOCAL synchronous_commit = on")


def close(dispatcher_id: int, now: datetime.datetime) -> None:
    """The dispatcher has ended by itself, everything is written."""
    Dispatcher.objects.filter(pk=dispatcher_id, ended_at__isnull=True).update(ended_at=now, handing=[])
