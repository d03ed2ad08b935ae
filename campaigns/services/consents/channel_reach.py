"""Nightly step: how much of the base may be written to on each channel."""

import datetime as dt

from django.conf import settings
from django.db import connection

from campaigns.models import Channel, ChannelReach
from segmentation.services.night import Night

_COUNT = """
WITH night AS (SELECT (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s AS moment), stopped AS MATERIALIZED (
    SELECT DISTINCT channel, address_key FROM campaigns_suppression, night
    WHERE since < moment AND (lifted_at IS NULL OR lifted_at >= moment)
), card AS (
    SELECT p.id, ways.channel, CASE ways.channel WHEN 'email' THEN p.email ELSE p.phone END AS address
    FROM patients_patient p CROSS JOIN unnest(%(channels)s::text[]) AS ways (channel)
    WHERE p.deleted_at IS NULL AND p.merged_into_id IS NULL
)
INSERT INTO campaigns_channelreach (as_of, channel, patients, with_address, granted, refused, reachable)
SELECT %(as_of)s, card.channel, count(*), count(*) FILTER (WHERE card.address <> ''),
    count(*) FILTER (WHERE c.granted), count(*) FILTER (WHERE NOT c.granted),
    count(*) FILTER (WHERE c.granted AND card.address <> '' AND s.address_key IS NULL)
FROM card CROSS JOIN night
LEFT JOIN patients_consent c ON c.patient_id = card.id AND c.channel = card.channel AND c.purpose = 'marketing'
    AND c.at < night.moment AND (c.until IS NULL OR c.until >= night.moment)
LEFT JOIN stopped s ON s.channel = card.channel AND s.address_key = hashtextextended(lower(card.address), 0)
GROUP BY card.channel
ON CONFLICT (as_of, channel) DO UPDATE SET patients = excluded.patients, with_address = excluded.with_address,
    granted = excluded.granted, refused = excluded.refused, reachable = excluded.reachable
"""


def refresh(night: Night) -> int:
    """Count the night; again is the same."""
    return count(night.as_of)


def count(as_of: dt.date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"as_of": as_of, "zone": settings.TIME_ZONE, "channels": Channel.values})
        return int(cursor.rowcount)


def rewind(as_of: dt.date) -> None:
    """Take back what the nights of `as_of` and later have counted."""
    ChannelReach.objects.filter(as_of__gte=as_of).delete()
