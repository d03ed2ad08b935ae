"""What the messages would cost, ₽: price of the channel × parts.

A mail and a call are one part. An SMS has as many parts as the mean of its text written for up to twenty of the very
patients it would have gone to, as the check of a campaign counts it.
"""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from campaigns.models import Channel, ChannelAccount, Message, TemplateText
from campaigns.rendering import NotRendered, render
from campaigns.services.writing.contexts import contexts

EXAMPLES = 20


class Sent(NamedTuple):
    """Some messages alike: of one step, on one channel, with one text."""

    step_id: int
    channel: str
    text_id: int | None
    messages: int


def prices(sent: Sequence[Sent], now: dt.datetime) -> dict[tuple[int, str], tuple[Decimal, Decimal]]:
    """(step, channel) -> (mean price of a message, mean parts)."""
    price = dict(ChannelAccount.objects.values_list("channel", "price"))
    found: dict[tuple[int, str], tuple[Decimal, Decimal]] = {}
    for key in sorted({(row.step_id, row.channel) for row in sent}):
        alike = [row for row in sent if (row.step_id, row.channel) == key]
        of_part = price.get(key[1], Decimal(0))
        parts = Decimal(1)
        if key[1] == Channel.SMS:
            many = sum(row.messages for row in alike)
            parts = sum((_parts(row, now) * row.messages for row in alike), Decimal(0)) / many
        found[key] = (of_part * parts).quantize(Decimal("0.0001")), parts.quantize(Decimal("0.01"))
    return found


def _parts(row: Sent, now: dt.datetime) -> Decimal:
    """Mean parts of the text, written for examples spread over the period; 1 when it cannot be written for anybody."""
    if row.text_id is None:
        return Decimal(1)
    text = TemplateText.objects.get(pk=row.text_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT f.patient_id, f.branch_id, f.service_id, f.visit_id FROM (
                SELECT firing_id, row_number() OVER (ORDER BY due_at, firing_id) AS n, count(*) OVER () AS of
                FROM backtest_step WHERE step_id = %s AND channel = %s AND text_id = %s AND fate = 'written'
            ) s JOIN backtest_firing f ON f.id = s.firing_id
            WHERE mod(s.n - 1, greatest(s.of / %s, 1)) = 0 ORDER BY s.n LIMIT %s""",
            [row.step_id, row.channel, row.text_id, EXAMPLES, EXAMPLES],
        )
        people = cursor.fetchall()
    messages = [
        # Keys as long as those of real messages: they stand in the links.
        Message(
            pk=10**7 + number, text=text, patient_id=patient, branch_id=branch, service_id=service, visit_id=visit,
            channel=row.channel, due_at=now,
        )
        for number, (patient, branch, service, visit) in enumerate(people)
    ]  # fmt: skip
    sizes = []
    for values in contexts(messages, now).values():
        with suppress(NotRendered):
            sizes.append(render(text, values).parts)
    return Decimal(sum(sizes)) / len(sizes) if sizes else Decimal(1)
