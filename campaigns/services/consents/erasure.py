"""A patient asks to be forgotten: what the campaigns know by name goes, the ledger stays as numbers.

Rows of the ledger name a patient by the card only and hold no address and no text; when the card itself is emptied
they say nothing about anybody, and the counts of campaigns still add up. What does hold words about the person is
emptied or deleted here: scripts and notes of calls, wishes and comments on our own pages, what the mailbox of a local
installation caught, details of events, ids at providers. Messages that have not gone out yet are cancelled. Kept on
purpose: consents and refusals with their proof (the clinic has to be able to show them) and suppressed hashes
(otherwise the next import would write again), but the hash no longer leads to the card.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from campaigns.models import (
    CallAttempt,
    CallTask,
    CaughtMessage,
    Message,
    MessageEvent,
    Suppression,
    VisitRequest,
    WaitingReport,
)
from campaigns.reasons import GONE
from patients.models import PORTAL, Feedback, Patient

State = Message.State
Forgets = Callable[[Sequence[int], dt.datetime], None]
_others: list[Forgets] = []


def also_forget(forgets: Forgets) -> Forgets:
    """An app above this one has something to end when patients (given by their cards) are forgotten."""
    if forgets not in _others:
        _others.append(forgets)
    return forgets


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows were emptied, deleted or cancelled."""

    calls: int
    caught: int
    events: int
    cancelled: int


def forget(patient_ids: Sequence[int], now: dt.datetime) -> Forgotten:
    """Empty what the campaigns hold about these cards (and those merged into them). Safe to repeat."""
    with transaction.atomic():
        cards = list(
            Patient.objects.filter(Q(pk__in=patient_ids) | Q(merged_into__in=patient_ids)).values_list("pk", flat=True)
        )
        about = Message.objects.filter(Q(patient__in=cards) | Q(recipient__in=cards))
        ids = about.values("pk")
        cancelled = about.filter(state__in=[State.PLANNED, State.DEFERRED]).update(state=State.CANCELLED, reason=GONE)
        for forgets in _others:
            forgets(cards, now)
        tasks = CallTask.objects.filter(Q(patient__in=cards) | Q(message__in=ids))
        CallAttempt.objects.filter(task__in=tasks.values("pk")).update(note="")
        tasks.filter(done_at__isnull=True).update(done_at=now)
        calls = tasks.update(title="", script="", note="", closed_why="")
        caught = CaughtMessage.objects.filter(_caught(cards, ids)).delete()[0]
        providers = about.exclude(provider_id="").values("provider_id")
        WaitingReport.objects.filter(provider_id__in=providers).delete()
        events = MessageEvent.objects.filter(message__in=ids).exclude(detail={}).update(detail={})
        about.exclude(provider_id="", error="").update(provider_id="", error="")
        Suppression.objects.filter(message__in=ids).update(message=None)
        VisitRequest.objects.filter(patient__in=cards).update(wish="", note="")
        # What was written on our own page; what a source has posted is that source's to erase.
        Feedback.objects.filter(patient__in=cards, source__code=PORTAL).update(comment="")
    return Forgotten(calls, caught, events, cancelled)


def _caught(cards: list[int], message_ids: object) -> Q:
    """By the message, and by the address for whatever the mailbox could not assign."""
    addresses: set[str] = set()
    for email, phone in Patient.objects.filter(pk__in=cards).values_list("email", "phone"):
        addresses |= {word for word in (email, phone, phone.removeprefix("+")) if word}
    by_address = Q()
    for address in addresses:
        by_address |= Q(to__iexact=address)
    return Q(message_id__in=message_ids) | by_address
