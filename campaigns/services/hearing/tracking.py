"""What happened to messages after they were handed over: noted once, with all that follows from it.

In the transaction that notes the event a bounce, a complaint or an unsubscription suppresses the address, and the
last two are also the reader's word: a refusal on that channel. An event that comes again changes nothing.

- `bounced`: the address does not exist, nothing is sent to it any more. `detail["hard"] = False` (mailbox full, try
  later) only notes it.
- `complained`, `unsubscribed`: advertising to the address stops; when the message itself was a service message, the
  service messages stop too.

The refusal is the reader's own only while the address still stands on their card: when the clinic has corrected it
meanwhile, a stranger at the old address must not decide for the patient.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import Channel, MessageEvent, Purpose, Suppression
from campaigns.services.consents import suppressions
from patients.services.consents import Word, say

Kind = MessageEvent.Kind
Reason = Suppression.Reason
STOPS = {Kind.BOUNCED: Reason.BOUNCE, Kind.COMPLAINED: Reason.COMPLAINT, Kind.UNSUBSCRIBED: Reason.UNSUBSCRIBE}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened. `event_id` is unique, with the provider's name in front: `sms:41f…`.

    `detail` is stored and shown: codes and the provider's words, never an address or a text.
    """

    message_id: int
    kind: str
    at: dt.datetime
    event_id: str
    machine: bool = False
    link_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class _Noted(NamedTuple):
    """A new event with what is known of its message."""

    message_id: int
    kind: str
    at: dt.datetime
    hard: bool
    channel: str
    purpose: str
    address_key: int | None
    reader_id: int
    still_theirs: bool


def record(events: Sequence[NewEvent]) -> int:
    """Note the events that are new, with their consequences, in one transaction; returns how many were new.

    Events about messages that do not exist (any more) are passed over: a provider repeats what it was not thanked for.
    """
    if not events:
        return 0
    with transaction.atomic():
        noted = _note(events)
        stops = [event for event in noted if event.kind in STOPS and event.hard]
        suppressions.suppress_many(
            (
                event.channel, event.address_key, STOPS[Kind(event.kind)], _advertising_only(event),
                event.message_id, "", event.at,
            )
            for event in stops
            if event.address_key is not None and event.channel
        )  # fmt: skip
        say([word for event in stops if event.kind != Kind.BOUNCED and event.still_theirs for word in _refusals(event)])
    return len(noted)


def _advertising_only(event: _Noted) -> bool:
    return event.kind != Kind.BOUNCED and event.purpose == Purpose.MARKETING


def _refusals(event: _Noted) -> list[Word]:
    purposes = [Purpose.MARKETING] if _advertising_only(event) else [Purpose.MARKETING, Purpose.SERVICE]
    source = source_word("complaint" if event.kind == Kind.COMPLAINED else "unsubscribed")
    return [
        Word(event.reader_id, event.channel, str(purpose), False, event.at, source=source,
             proof=f"{source}, № {event.message_id}")
        for purpose in purposes
        if event.channel in Channel.values
    ]  # fmt: skip


def source_word(kind: str) -> str:
    """Where a word came from, in the clinic's language: it is stored beside what the front desk writes."""
    with translation.override(settings.LANGUAGE_CODE):
        return {
            "complaint": _("complaint to the mail service"),
            "unsubscribed": _("unsubscribe link"),
            "undone": _("unsubscribing undone"),
            "preferences": _("preference page"),
        }[kind]


def _note(events: Sequence[NewEvent]) -> list[_Noted]:
    """Insert in the order of the ids, so that two deliveries of the same report wait and do not deadlock."""
    once = {event.event_id: event for event in events}
    ordered = [once[event_id] for event_id in sorted(once)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH new AS (
                INSERT INTO campaigns_messageevent
                    (message_id, kind, at, event_id, machine, link_id, detail, received_at)
                SELECT m.id, n.kind, n.at, n.event_id, n.machine, n.link_id, n.detail, now()
                FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::boolean[], %s::bigint[],
                    %s::jsonb[]) WITH ORDINALITY
                    AS n (message_id, kind, at, event_id, machine, link_id, detail, place)
                JOIN campaigns_message m ON m.id = n.message_id
                ORDER BY n.place
                ON CONFLICT (event_id) DO NOTHING
                RETURNING message_id, kind, at, detail
            )
            SELECT new.message_id, new.kind, new.at, coalesce(new.detail -> 'hard' <> 'false', true),
                m.channel, m.purpose, m.address_key, kept.id,
                m.address_key IS NULL OR m.address_key = hashtextextended(
                    lower(CASE WHEN m.channel = 'email' THEN kept.email ELSE kept.phone END), 0)
            FROM new
            JOIN campaigns_message m ON m.id = new.message_id
            JOIN patients_patient p ON p.id = coalesce(m.recipient_id, m.patient_id)
            JOIN patients_patient kept ON kept.id = coalesce(p.merged_into_id, p.id)
            """,
            [
                [event.message_id for event in ordered],
                [str(event.kind) for event in ordered],
                [event.at for event in ordered],
                [event.event_id[:160] for event in ordered],
                [event.machine for event in ordered],
                [event.link_id for event in ordered],
                [json.dumps(dict(event.detail), ensure_ascii=False) for event in ordered],
            ],
        )
        return [_Noted(*row) for row in cursor.fetchall()]
