"""From claimed rows to what a channel takes: address, text, headers. One bad patient does not hold up the others."""

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import BigIntegerField, Func, Value
from django.db.models.functions import Lower

from campaigns import reasons, rendering
from campaigns.channels.base import Envelope
from campaigns.models import Channel, Message, Purpose, TemplateText
from campaigns.services.sending.settling import Outcome, not_rendered, of_verdict, put_back
from campaigns.services.writing.contexts import contexts
from patients.models import Patient

log = logging.getLogger(__name__)
_ODD = 3
_KEPT = 256  # texts a process keeps; they never change


@dataclass(frozen=True, slots=True)
class Ready:
    """A message that can be handed over at once. `parts`: what it will cost, by our own count."""

    envelope: Envelope
    attempts: int
    parts: int

    @property
    def message_id(self) -> int:
        return self.envelope.message_id


def envelopes(message_ids: Sequence[int], now: datetime.datetime) -> tuple[list[Ready], list[Outcome]]:
    """Those that can be sent, in the order of the ids given, and what becomes of those that cannot."""
    messages = Message.objects.in_bulk(message_ids)
    ordered = [messages[number] for number in message_ids if number in messages]
    _with_texts(ordered)
    addresses = _addresses(ordered)
    known, failed = _contexts(ordered, now)
    beyond = {outcome.message_id for outcome in failed}
    ready: list[Ready] = []
    unexpected: list[Exception] = []
    for message in ordered:
        if message.pk in beyond:
            continue
        address, key = addresses.get(message.recipient_id or message.patient_id, ("", None))
        if message.text is None or message.pk not in known or not address:
            failed.append(_missing(message, message.pk in known))
            continue
        if key != message.address_key:
            # The card has changed since the gate looked: the new address has to pass it first.
            failed += put_back([message.pk])
            continue
        try:
            ready.append(_ready(message, address, known[message.pk]))
        except rendering.NotRendered as error:
            failed.append(not_rendered(message.pk, str(error)))
        except Exception as error:
            unexpected.append(error)
            failed.append(not_rendered(message.pk, type(error).__name__))
    _not_all(unexpected, len(ordered))
    return ready, failed


def _not_all(unexpected: Sequence[Exception], messages: int) -> None:
    """One patient's data may be odd. When everybody's are, it is the program, and nobody is to be given up for it."""
    if not unexpected:
        return
    log.error("%s of %s messages could not be written: %r", len(unexpected), messages, type(unexpected[0]).__name__)
    if len(unexpected) == messages > _ODD:
        raise unexpected[0]


def _missing(message: Message, known: bool) -> Outcome:
    """Between the gate and here something went away: a text, the patient, the address."""
    if message.text is None:
        return of_verdict(message.pk, reasons.NO_TEXT, None)
    return of_verdict(message.pk, reasons.NO_ADDRESS if known else reasons.GONE, None)


def _ready(message: Message, address: str, context: Mapping[str, Any]) -> Ready:
    text = message.text
    assert text is not None
    rendered = rendering.render(text, context)
    envelope = Envelope(
        message_id=message.pk,
        key=f"m{message.pk}",
        to=address,
        language=text.language,
        subject=rendered.subject,
        text=rendered.plain,
        html=rendered.html,
        headers=_headers(message, context),
    )
    return Ready(envelope, message.attempts, rendered.parts)


def _headers(message: Message, context: Mapping[str, Any]) -> dict[str, str]:
    """One click in the mail program ends the advertising: RFC 2369, RFC 8058."""
    address = context.get("unsubscribe_url")
    if message.channel != Channel.EMAIL or message.purpose != Purpose.MARKETING or not address:
        return {}
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _with_texts(messages: Sequence[Message]) -> None:
    wanted = {message.text_id for message in messages if message.text_id}
    texts = {number: text for number in wanted if (text := _texts.get(number))}
    if missing := wanted - texts.keys():
        texts |= TemplateText.objects.in_bulk(missing)
        if len(_texts) > _KEPT:
            _texts.clear()
        _texts.update(texts)
    for message in messages:
        message.text = texts.get(message.text_id or 0)


_texts: dict[int, TemplateText] = {}


def _addresses(messages: Sequence[Message]) -> dict[int, tuple[str, int]]:
    """Where each reader is reached, with the key of the address (Message.address_key), by patient."""
    if not messages:
        return {}
    field = "email" if messages[0].channel == Channel.EMAIL else "phone"
    readers = {message.recipient_id or message.patient_id for message in messages}
    key = Func(Lower(field), Value(0), function="hashtextextended", output_field=BigIntegerField())
    rows = Patient.objects.filter(pk__in=readers, deleted_at__isnull=True).values_list("pk", field, key)
    return {reader: (address, hashed) for reader, address, hashed in rows}


def _contexts(
    messages: Sequence[Message], now: datetime.datetime
) -> tuple[dict[int, Mapping[str, Any]], list[Outcome]]:
    """For the whole batch; when that fails, one by one, so that the others go on."""
    try:
        return dict(contexts(messages, now)), []
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.warning("%s messages are prepared one by one: %s", len(messages), type(error).__name__)
    known: dict[int, Mapping[str, Any]] = {}
    failed: list[Outcome] = []
    unexpected: list[Exception] = []
    for number, message in enumerate(messages):
        if number == len(unexpected) > _ODD:
            raise unexpected[0]
        try:
            known |= contexts([message], now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            unexpected.append(error)
            failed.append(not_rendered(message.pk, type(error).__name__))
    _not_all(unexpected, len(messages))
    return known, failed
