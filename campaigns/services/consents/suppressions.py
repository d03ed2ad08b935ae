"""Addresses that are written to no more: suppressed, lifted with a reason, looked up by hash. No address is stored.

`address_key` of an address is `hashtextextended(lower(address), 0)` in PostgreSQL, the same as in the ledger.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import QuerySet

from campaigns.models import Channel, Suppression
from patients.services.ingest.contacts import e164, email_address

Reason = Suppression.Reason


def address_keys(addresses: Sequence[str]) -> list[int]:
    """The hashes of addresses as they stand on patients' cards (E.164 phones, e-mail)."""
    if not addresses:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hashtextextended(lower(a), 0) FROM unnest(%s::text[]) WITH ORDINALITY AS t (a, n) ORDER BY n",
            [list(addresses)],
        )
        return [key for (key,) in cursor.fetchall()]


def address_key(address: str) -> int:
    return address_keys([address])[0]


def readable(channel: str, address: str) -> str | None:
    """The address as it would stand on a card, None when it is none of this channel."""
    word = address.strip()
    return email_address(word) if channel == Channel.EMAIL else e164(word)


def masked(address: str) -> str:
    """Enough to recognise one's own address by: `a***@mail.ru`, `+7 *** *** 45 67`."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return f"{address[:2]} *** *** {address[-4:-2]} {address[-2:]}" if len(address) > 6 else "***"


def suppress(
    channel: str,
    address_key: int,
    reason: str,
    now: dt.datetime,
    *,
    marketing_only: bool = True,
    message_id: int | None = None,
    note: str = "",
) -> bool:
    """Write to the address no more. False when it was suppressed for this reason already.

    An open suppression that let service messages through stops them too when the new one does.
    """  # fmt: skip
    return bool(suppress_many([(channel, address_key, reason, marketing_only, message_id, note, now)]))


Row = tuple[str, int, str, bool, int | None, str, dt.datetime]


def suppress_many(rows: Iterable[Row]) -> int:
    """How many addresses are newly suppressed (or more strictly than before); in one statement, safe twice.

    A row: channel, address key, reason, advertising only, message, note, since.
    """
    unique: dict[tuple[str, int, str], Row] = {}
    for row in rows:
        before = unique.get(row[:3])
        unique[row[:3]] = row if before is None or (before[3] and not row[3]) else before
    if not unique:
        return 0
    # In one order everywhere, so that two transactions with the same addresses wait and do not deadlock.
    columns = [list(column) for column in zip(*(unique[key] for key in sorted(unique)), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO campaigns_suppression AS s
                (channel, address_key, reason, marketing_only, message_id, note, since)
            SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::boolean[], %s::bigint[], %s::text[],
                %s::timestamptz[])
            ON CONFLICT (channel, address_key, reason) WHERE lifted_at IS NULL
            DO UPDATE SET marketing_only = false WHERE s.marketing_only AND NOT excluded.marketing_only
            """,
            columns,
        )
        return int(cursor.rowcount)


def lift(pk: int, note: str, now: dt.datetime) -> bool:
    """The address may be written to again, by a person's word kept in the note. False when it was lifted before."""
    return bool(Suppression.objects.filter(pk=pk, lifted_at__isnull=True).update(lifted_at=now, note=note[:200]))


def lift_own(channel: str, address_key: int, reasons: Sequence[str], now: dt.datetime, note: str) -> int:
    """The patient has asked for messages again: what they themselves had stopped at this address is lifted."""
    return of_address(channel, address_key).filter(reason__in=reasons).update(lifted_at=now, note=note[:200])


def of_address(channel: str, address_key: int) -> QuerySet[Suppression]:
    """What stops messages to this address today."""
    return Suppression.objects.filter(channel=channel, address_key=address_key, lifted_at__isnull=True)
