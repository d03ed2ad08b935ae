"""Frequency caps: at most so many advertising messages to one person, and to one address, in any stretch of days.

A stretch is half-open and rolls: with a cap of 2 in 7 days a third message may go exactly 168 hours after the first.
What counts is what was sent, is being sent or may have been sent, at the moment it happened; when planning, also what
is already planned, at the moment it is due. A new message is refused when it would make any stretch around it too full:
its own, or that of a message already planned for a later day. Service messages are neither counted nor refused.
"""

import datetime
from collections.abc import Sequence

from django.db import connection

from campaigns import reasons
from campaigns.services.deciding.rules import Rules

# The same expressions as in the indexes message_of_reader and message_by_address.
READER = "coalesce(m.recipient_id, m.patient_id)"
AT = (
    "CASE WHEN m.state IN ('planned', 'deferred') THEN m.due_at "
    "ELSE coalesce(m.sent_at, m.claimed_at, m.due_at) END"
)  # fmt: skip
COUNTED = "m.state IN ('planned', 'deferred', 'sending', 'sent', 'unknown') AND m.purpose = 'marketing'"


def over_sql(rows: str, counted: str = COUNTED, few: bool = False) -> str:
    """SELECT ref, by_person, by_address, waiting of those of `rows` (ref, reader_id, address_key, at) over a cap.

    Parameters: cap_messages, cap_days. `waiting`: only because of messages that are being sent this very moment.
    `few`: one look into the index for each of `rows`, whatever the database believes of the ledger (decisions.py).
    """
    # Hours, not days: a day in the session's zone may have 23 of them.
    span = "make_interval(hours => 24 * %(cap_days)s::int)"
    near = f"{AT} > r.at - {span} AND {AT} < r.at + {span} AND {counted} {'OFFSET 0' if few else ''}"
    met = f"SELECT {AT} AS at, m.state = 'sending' AS open FROM campaigns_message m"
    return f"""
        WITH met AS MATERIALIZED (
            SELECT r.ref, 'person' AS whose, m.at, r.at AS own_at, m.open
            FROM ({rows}) r CROSS JOIN LATERAL ({met} WHERE {READER} = r.reader_id AND {near}) m
            UNION ALL
            SELECT r.ref, 'address', m.at, r.at, m.open
            FROM ({rows}) r CROSS JOIN LATERAL ({met} WHERE m.address_key = r.address_key AND {near}) m
        ), counted AS (
            SELECT ref, whose, at, own_at,
                count(*) OVER stretch AS messages, count(*) FILTER (WHERE NOT open) OVER stretch AS settled
            FROM (SELECT * FROM met UNION ALL SELECT DISTINCT ref, whose, own_at, own_at, false FROM met) every
            WINDOW stretch AS (
                PARTITION BY ref, whose ORDER BY at
                RANGE BETWEEN {span} - interval '1 microsecond' PRECEDING AND CURRENT ROW
            )
        )
        SELECT ref, bool_or(whose = 'person') AS by_person, bool_or(whose = 'address') AS by_address,
            NOT bool_or(settled > %(cap_messages)s) AS waiting
        FROM counted WHERE messages > %(cap_messages)s AND at >= own_at GROUP BY ref
    """


def params(rule: Rules) -> dict[str, int]:
    return {"cap_messages": rule.cap_messages, "cap_days": rule.cap_days}


def now_over(
    rule: Rules, ids: Sequence[int], batch: Sequence[int], now: datetime.datetime
) -> dict[int, tuple[str, bool]]:
    """Which of these messages may not go now: the reason, and whether to ask again in a moment.

    Two dispatchers may hold two messages to one person. Each sees the other's as being sent and neither knows which
    will be; both wait. Within one batch, which may hold messages of several campaigns, the older row goes first.
    """
    if not ids:
        return {}
    rows = (
        "SELECT own.id AS ref, coalesce(own.recipient_id, own.patient_id) AS reader_id, own.address_key, "
        "%(now)s::timestamptz AS at FROM campaigns_message own WHERE own.id = ANY(%(ids)s)"
    )
    others = (
        "m.state IN ('sending', 'sent', 'unknown') AND m.purpose = 'marketing' "
        "AND m.id <> r.ref AND (m.state <> 'sending' OR m.id < r.ref OR NOT m.id = ANY(%(batch)s))"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            over_sql(rows, others, few=True), {"ids": list(ids), "batch": list(batch), "now": now, **params(rule)}
        )
        found = cursor.fetchall()
    return {
        ref: (reasons.CAP_PERSON if by_person else reasons.CAP_ADDRESS, waiting)
        for ref, by_person, _by_address, waiting in found
    }
