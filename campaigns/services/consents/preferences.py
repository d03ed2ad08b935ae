"""What a patient decides by the links of a message: unsubscribe, take it back, choose per channel and purpose.

The one who decides is the reader of the message (a guardian for a child's), known by the message alone. Refusing
works for ever; the preference page, on which messages can also be allowed, closes `OPEN_FOR` after the message and
when its address no longer stands on the reader's card.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from campaigns.models import Channel, Message, MessageEvent, Policy, Purpose, Suppression
from campaigns.services.consents import consent_texts, suppressions
from campaigns.services.hearing.tracking import NewEvent, record, source_word
from patients.models import Consent, Patient
from patients.services.consents import Word, say

OPEN_FOR = dt.timedelta(days=365)
LANGUAGES = ("ru", "en")
OWN_REASONS = (Suppression.Reason.UNSUBSCRIBE, Suppression.Reason.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a message, in which language, at which address (masked; empty when it has changed since)."""

    message: Message
    patient: Patient
    language: str
    masked: str
    still_theirs: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the preference page. `stopped`: why nothing goes to the address whatever the word says."""

    channel: str
    purpose: str
    allowed: bool
    word: Consent | None
    stopped: str


def reader(message_id: int) -> Reader | None:
    message = (
        Message.objects.select_related("text", "patient__merged_into", "recipient__merged_into")
        .filter(pk=message_id).exclude(channel="").first()
    )  # fmt: skip
    if message is None:
        return None
    person = message.recipient or message.patient
    person = person.merged_into or person
    address = _address(person, message.channel)
    theirs = message.address_key is None or (bool(address) and suppressions.address_key(address) == message.address_key)
    language = message.text.language if message.text else person.language
    return Reader(
        message, person, language if language in LANGUAGES else "ru",
        suppressions.masked(address) if theirs and address else "", theirs,
    )  # fmt: skip


def _address(person: Patient, channel: str) -> str:
    return person.email if channel == Channel.EMAIL else person.phone


# --- Unsubscribing --------------------------------------------------------------------------------------------


def unsubscribe(message_id: int, way: str, now: dt.datetime) -> bool:
    """The reader wants no more of this on this channel. Twice is once: False when it was so already."""
    with transaction.atomic():
        message = _locked(message_id)
        found = reader(message_id)
        if message is None or found is None or is_unsubscribed(found):
            return False
        before = MessageEvent.objects.filter(message_id=message_id, kind=MessageEvent.Kind.UNSUBSCRIBED).count()
        event_id = f"unsubscribe:{message_id}:{before}"
        record([NewEvent(message_id, MessageEvent.Kind.UNSUBSCRIBED, now, event_id, detail={"way": way})])
        return True


def is_unsubscribed(found: Reader) -> bool:
    """The address is suppressed by its reader, and no consent given since contradicts."""
    message = found.message
    granted = Consent.objects.filter(
        patient=found.patient, channel=message.channel, purpose=Purpose.MARKETING, granted=True, until__isnull=True
    )
    if found.still_theirs and granted.exists():
        return False
    if message.address_key is None:
        return Consent.objects.filter(
            patient=found.patient, channel=message.channel, purpose=message.purpose, granted=False, until__isnull=True
        ).exists()
    stopped = suppressions.of_address(message.channel, message.address_key).filter(reason=OWN_REASONS[0])
    if message.purpose == Purpose.SERVICE:
        stopped = stopped.filter(marketing_only=False)
    return stopped.exists()


def undo(message_id: int, now: dt.datetime) -> bool:
    """The reader takes the unsubscription back: what held before it holds again, and no more than that."""
    with transaction.atomic():
        message = _locked(message_id)
        found = reader(message_id)
        if message is None or found is None or message.address_key is None:
            return False
        note = source_word("undone")
        if not suppressions.lift_own(message.channel, message.address_key, OWN_REASONS[:1], now, note):
            return False
        if found.still_theirs:
            say(_words_before(found, now, note))
        return True


def _words_before(found: Reader, now: dt.datetime, source: str) -> list[Word]:
    """Consents that unsubscribing ended, given anew under the text they were given under."""
    mine = Consent.objects.filter(patient=found.patient, channel=found.message.channel)
    ended = mine.filter(until__isnull=True, granted=False, source=source_word("unsubscribed"), at__lt=now)
    again = []
    for refusal in ended:
        earlier = mine.filter(purpose=refusal.purpose, until=refusal.at, granted=True).first()
        if earlier is not None:
            again.append(
                Word(
                    found.patient.pk, refusal.channel, refusal.purpose, True, now,
                    text_version=earlier.text_version, source=source, proof=earlier.proof,
                )
            )  # fmt: skip
    return again


def _locked(message_id: int) -> Message | None:
    """Of two requests about one message the second waits, and sees what the first has done."""
    return Message.objects.select_for_update(no_key=True).filter(pk=message_id).first()


# --- Preferences ----------------------------------------------------------------------------------------------


def is_open(found: Reader, now: dt.datetime) -> bool:
    return found.still_theirs and now - (found.message.sent_at or found.message.due_at) < OPEN_FOR


def choices(person: Patient) -> list[Choice]:
    """Every channel on which the reader has an address, for advertising and for service messages.

    Advertising is allowed only by a word; service messages unless a word forbids them.
    """
    open_words = Consent.objects.filter(patient=person, until__isnull=True)
    words = {(word.channel, word.purpose): word for word in open_words}
    lines = []
    for channel in Channel.values:
        address = _address(person, channel)
        if not address:
            continue
        stops = list(suppressions.of_address(channel, suppressions.address_key(address)))
        for purpose in (Purpose.MARKETING, Purpose.SERVICE):
            word = words.get((channel, str(purpose)))
            stopped = _stopped(stops, str(purpose))
            allowed = word.granted if word else purpose == Purpose.SERVICE
            lines.append(Choice(channel, str(purpose), allowed and stopped not in OWN_REASONS, word, stopped))
    return lines


def _stopped(stops: list[Suppression], purpose: str) -> str:
    """The gravest reason: the patient's own word can lift only what it set."""
    reasons = {stop.reason for stop in stops if purpose == Purpose.MARKETING or not stop.marketing_only}
    order = (Suppression.Reason.BOUNCE, Suppression.Reason.MANUAL, *OWN_REASONS)
    return next((str(reason) for reason in order if reason in reasons), "")


def save(found: Reader, wanted: Mapping[tuple[str, str], bool], language: str, policy: Policy, now: dt.datetime) -> int:
    """Write a word for everything that is wanted otherwise than it is; returns how many.

    The word carries the version of the text that stood on the page, and the text is kept.
    """
    with transaction.atomic():
        person = Patient.objects.select_for_update(no_key=True).get(pk=found.patient.pk)
        changed = [
            line for line in choices(person) if wanted.get((line.channel, line.purpose), line.allowed) != line.allowed
        ]
        versions = {
            purpose: consent_texts.keep(consent_texts.shown(purpose, language, policy))
            for purpose in {line.purpose for line in changed}
        }
        source = source_word("preferences")
        proof = f"{source}, № {found.message.pk}"
        say(
            [
                Word(
                    person.pk, line.channel, line.purpose, not line.allowed, now,
                    text_version=versions[line.purpose], source=source, proof=proof,
                )
                for line in changed
            ]
        )  # fmt: skip
        for line in changed:
            if not line.allowed:
                key = suppressions.address_key(_address(person, line.channel))
                suppressions.lift_own(line.channel, key, OWN_REASONS, now, source)
    return len(changed)
