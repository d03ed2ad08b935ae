"""What the catcher holds: pages by key, found by address and campaign. A fixed number of queries."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from campaigns.models import Campaign, CaughtMessage, Channel, Message
from campaigns.selectors.call_origins import Origin, of_messages

PAGE = 50
WAITING = 1_000
_LISTED = ("pk", "channel", "to", "sender", "subject", "message_id", "at")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader looks for; anything that means nothing is as good as nothing."""

    channel: str = ""
    campaign: int | None = None
    words: str = ""
    before: int | None = None

    @classmethod
    def parse(cls, channel: str, campaign: str, words: str, before: str) -> "Asked":
        return cls(
            channel if channel in (Channel.EMAIL, Channel.SMS) else "", _number(campaign),
            words.replace("\0", "").strip()[:120], _number(before),
        )  # fmt: skip

    @property
    def narrows(self) -> bool:
        return bool(self.channel or self.campaign or self.words)


@dataclass(frozen=True, slots=True)
class Row:
    """A caught message in the list; `origin`: its campaign or rule; `text` is what an SMS says."""

    caught: CaughtMessage
    origin: Origin | None
    text: str


def page(asked: Asked) -> tuple[list[Row], int | None]:
    """The newest that fit, and the key to go on from (None at the end)."""
    found = list(_found(asked).only(*_LISTED)[: PAGE + 1])
    shown = found[:PAGE]
    origins = of_messages([caught.message_id for caught in shown if caught.message_id])
    texts = _texts(shown)
    rows = [Row(caught, origins.get(caught.message_id or 0), texts.get(caught.pk, "")) for caught in shown]
    return rows, shown[-1].pk if len(found) > PAGE else None


def waiting(now: dt.datetime) -> tuple[int, dt.datetime | None]:
    """How many mails and SMS wait for a later moment (counted up to WAITING), and when the next of these goes."""
    ahead = Message.objects.filter(
        channel__in=(Channel.EMAIL, Channel.SMS), state__in=("planned", "deferred"), due_at__gt=now
    )
    moments = list(ahead.values_list("due_at", flat=True)[:WAITING])
    return len(moments), min(moments, default=None)


def campaigns_caught(limit: int = 50) -> list[Campaign]:
    """The campaigns whose messages are there, newest first."""
    theirs = Message.objects.filter(campaign_id=OuterRef("pk"), pk__in=_newest_ids())
    return list(Campaign.objects.filter(Exists(theirs)).order_by("-pk")[:limit])


def _newest_ids() -> QuerySet[CaughtMessage, int | None]:
    return CaughtMessage.objects.filter(message_id__isnull=False).values_list("message_id", flat=True)


def _found(asked: Asked) -> QuerySet[CaughtMessage]:
    found = CaughtMessage.objects.order_by("-pk")
    if asked.channel:
        found = found.filter(channel=asked.channel)
    if asked.words:
        digits = "".join(filter(str.isdigit, asked.words))
        # A number is looked for as it is stored, however it was typed.
        is_number = len(digits) >= 4 and not any(map(str.isalpha, asked.words))
        found = found.filter(to__icontains=digits[-10:] if is_number else asked.words)
    if asked.campaign:
        of_campaign = Message.objects.filter(pk=OuterRef("message_id"), campaign_id=asked.campaign)
        found = found.filter(Exists(of_campaign))
    return found.filter(pk__lt=asked.before) if asked.before else found


def _texts(shown: Sequence[CaughtMessage]) -> dict[int, str]:
    texts = CaughtMessage.objects.filter(pk__in=[caught.pk for caught in shown if caught.channel == Channel.SMS])
    return {pk: bytes(raw).decode("utf-8", "replace") for pk, raw in texts.values_list("pk", "raw")}


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None
