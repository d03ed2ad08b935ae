"""What a campaign would do: how many, on which channel, who is left out and why, cost, load per day and branch."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeVar

from campaigns.models import Channel, ChannelAccount, Message, TemplateText
from campaigns.reasons import REASONS
from campaigns.rendering import NotRendered, render
from campaigns.services.deciding.placing import Places
from campaigns.services.deciding.rules import Rules
from campaigns.services.writing.contexts import contexts

State = Message.State
EXAMPLES = 20
K = TypeVar("K")


class Tally(NamedTuple):
    """Some rows that would be written, alike in everything that is counted."""

    state: str
    reason: str
    channel: str | None
    variant_id: int | None
    text_id: int | None
    branch_id: int | None
    day: datetime.date | None
    messages: int
    examples: tuple[int, int]  # two of the patients


@dataclass(frozen=True)
class Check:
    """The numbers add up: audience = planned + holdout + Σ by_reason; planned = Σ by_channel = Σ by_variant = Σ by_day.

    `cost` in ₽ at the prices of the channels; an SMS has as many parts as the mean of its text written for up to
    twenty of these very patients. `room`: what a channel takes on each day of the campaign (warm-up, daily limit); a
    channel without limits is not in it.
    """

    audience: int
    planned: int
    holdout: int
    by_reason: dict[str, int]
    by_channel: dict[str, int]
    by_variant: dict[str, int]
    by_day: dict[datetime.date, int]
    by_branch: dict[int | None, int]
    load: dict[tuple[datetime.date, int | None], int]
    cost: Decimal
    cost_by_channel: dict[str, Decimal]
    room: dict[str, dict[datetime.date, int]] = field(default_factory=dict)

    @property
    def first_day(self) -> datetime.date | None:
        return min(self.by_day, default=None)

    @property
    def last_day(self) -> datetime.date | None:
        return max(self.by_day, default=None)


def of_tallies(rows: Sequence[Tally], rule: Rules, places: Places, now: datetime.datetime) -> Check:
    planned = [row for row in rows if row.state == State.PLANNED]
    letters = {variant.id: variant.letter for variant in rule.variants}
    cost: dict[str, Decimal] = {}
    for channel, text_id, price in _prices(planned, rule, now):
        messages = sum(row.messages for row in planned if (row.channel, row.text_id) == (channel, text_id))
        cost[channel] = cost.get(channel, Decimal(0)) + messages * price
    reasons = _sums((row.reason, row.messages) for row in rows if row.state == State.SUPPRESSED)
    by_day = _sums((row.day, row.messages) for row in planned if row.day)
    return Check(
        audience=sum(row.messages for row in rows),
        planned=sum(row.messages for row in planned),
        holdout=sum(row.messages for row in rows if row.state == State.HOLDOUT),
        by_reason={reason: reasons[reason] for reason in REASONS if reason in reasons},
        by_channel=_sums((row.channel or "", row.messages) for row in planned),
        by_variant=_sums((letters.get(row.variant_id or 0, ""), row.messages) for row in planned),
        by_day=dict(sorted(by_day.items())),
        by_branch=_sums((row.branch_id, row.messages) for row in planned),
        load=_sums(((row.day, row.branch_id), row.messages) for row in planned if row.day),
        cost=sum(cost.values(), Decimal(0)),
        cost_by_channel=cost,
        room=places.room(),
    )


def _prices(planned: Sequence[Tally], rule: Rules, now: datetime.datetime) -> Iterator[tuple[str, int | None, Decimal]]:
    """(channel, text, ₽ of one message)."""
    price = dict(ChannelAccount.objects.values_list("channel", "price"))
    for channel, text_id in sorted({(row.channel or "", row.text_id or 0) for row in planned}):
        size = Decimal(1)
        if channel == Channel.SMS and text_id and price.get(channel):
            size = _mean_parts(text_id, [row for row in planned if row.text_id == text_id], rule, now)
        yield channel, text_id or None, (price.get(channel, Decimal(0)) * size).quantize(Decimal("0.01"))


def _mean_parts(text_id: int, rows: Sequence[Tally], rule: Rules, now: datetime.datetime) -> Decimal:
    """Parts of the text, written for examples spread over the campaign."""
    text = TemplateText.objects.get(pk=text_id)
    offers = {variant.id: variant.offer_id for variant in rule.variants}
    step = max(len(rows) // (EXAMPLES // 2), 1)
    people = {(patient, row.variant_id, row.branch_id) for row in rows[::step] for patient in row.examples}
    messages = [
        # Keys as long as those of real messages: they stand in the links.
        Message(pk=10**7 + number, text=text, patient_id=patient, offer_id=offers.get(variant or 0), branch_id=branch)
        for number, (patient, variant, branch) in enumerate(sorted(people, key=str)[:EXAMPLES])
    ]
    sizes = []
    for values in contexts(messages, now).values():
        with suppress(NotRendered):
            sizes.append(render(text, values).parts)
    return Decimal(sum(sizes)) / len(sizes) if sizes else Decimal(1)


def _sums(pairs: Iterable[tuple[K, int]]) -> dict[K, int]:
    found: dict[K, int] = {}
    for key, number in pairs:
        found[key] = found.get(key, 0) + number
    return found
