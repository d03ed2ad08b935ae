"""How many processes send on a channel at once: places that are taken by a lock and free when their holder is dead."""

import contextlib
import math
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection

from campaigns.models import Channel, ChannelAccount
from patients.locks import lock_connection

_PLACES = 0x706C6300  # "plc" and the number of the channel: the first half of the advisory lock's key
_RATE = 300.0  # messages a second that keep one worker busy
_BACKLOG = 2_000  # messages that are worth one more worker
_COUNTED = 20_000
_DUE = """
SELECT count(*) FROM (
    SELECT FROM campaigns_message m
    WHERE m.channel = %(channel)s AND m.state IN ('planned', 'deferred') AND m.due_at <= %(now)s
        AND (m.campaign_id IS NULL OR m.campaign_id IN (SELECT id FROM campaigns_campaign WHERE state = 'running'))
    LIMIT %(most)s
) due
"""


def wanted(account: ChannelAccount, now: datetime) -> int:
    """How many workers what is due on the channel is worth."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"channel": account.channel, "now": now, "most": _COUNTED})
        backlog = cursor.fetchone()[0]
    by_rate = math.ceil(account.per_second / _RATE)
    return min(by_rate, 1 + backlog // _BACKLOG, settings.DISPATCH_WORKERS) if backlog else 0


def busy(channel: str) -> int:
    """How many places of the channel are taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_key(channel)],
        )
        return int(cursor.fetchone()[0])


@contextlib.contextmanager
def a_place(channel: str) -> Iterator[bool]:
    """Take one of the places of the channel for the block; False when all are taken."""
    with lock_connection("dispatch") as held:
        for number in range(settings.DISPATCH_WORKERS):
            row = held.execute("SELECT pg_try_advisory_lock(%s, %s)", [_key(channel), number]).fetchone()
            if row and row[0]:
                yield True
                return  # closing the connection lets go of it
        yield False


def _key(channel: str) -> int:
    return _PLACES + Channel.values.index(channel)
