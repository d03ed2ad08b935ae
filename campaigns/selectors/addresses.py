"""The suppression list as a page shows it: counts, and rows without an address."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, QuerySet

from campaigns.models import Channel, Suppression

PAGE = 50


@dataclass(frozen=True)
class Shown:
    """A row of the list. `masked` is known when the address still stands on the card of the message's reader."""

    row: Suppression
    fingerprint: str
    masked: str
    patient_id: int | None


def open_counts() -> dict[str, dict[str, int]]:
    """Reason -> channel -> addresses suppressed today."""
    counts: dict[str, dict[str, int]] = {
        reason: dict.fromkeys(Channel.values, 0) for reason in Suppression.Reason.values
    }
    rows = Suppression.objects.filter(lifted_at__isnull=True).order_by().values_list("reason", "channel")
    for reason, channel, n in rows.annotate(n=Count("pk")):
        counts[reason][channel] = n
    return counts


def rows(channel: str, reason: str, lifted: bool) -> QuerySet[Suppression]:
    found = Suppression.objects.filter(lifted_at__isnull=not lifted)
    if channel:
        found = found.filter(channel=channel)
    return found.filter(reason=reason) if reason else found


def page(found: QuerySet[Suppression], before: int | None) -> tuple[list[Suppression], str]:
    """Newest first, and the key of the next page."""
    if before is not None:
        found = found.filter(pk__lt=before)
    listed = list(found.select_related("message").order_by("-pk")[: PAGE + 1])
    return listed[:PAGE], str(listed[PAGE - 1].pk) if len(listed) > PAGE else ""


def fingerprint(address_key: int) -> str:
    """Something to tell two hashed addresses apart by: the first eight digits of the hash."""
    return f"{address_key & 0xFFFFFFFFFFFFFFFF:016x}"[:8]


def current_addresses(listed: list[Suppression]) -> dict[int, str]:
    """Suppression -> the address, where the reader of its message still has it. One query for a page."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, a.address
            FROM campaigns_suppression s
            JOIN campaigns_message m ON m.id = s.message_id
            JOIN patients_patient p ON p.id = coalesce(m.recipient_id, m.patient_id)
            CROSS JOIN LATERAL (SELECT CASE s.channel WHEN 'email' THEN p.email ELSE p.phone END AS address) a
            WHERE s.id = ANY(%s) AND a.address <> '' AND hashtextextended(lower(a.address), 0) = s.address_key
            """,
            [[row.pk for row in listed]],
        )
        return dict(cursor.fetchall())
