"""Clicks of people: those without a sign of a machine, also none that came to light later."""

import datetime as dt

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.machines import BURST
from campaigns.models import MessageEvent

# Conditions on an event `e` in SQL, the same as `by_people()`. The index of a message's events answers them.
IN_A_BURST = """(e.kind = 'clicked' AND EXISTS (
    SELECT FROM campaigns_messageevent other
    WHERE other.message_id = e.message_id AND other.kind = 'clicked' AND other.link_id <> e.link_id
        AND other.at BETWEEN e.at - interval '1 second' AND e.at + interval '1 second'
))"""
BY_PEOPLE = f"e.kind = 'clicked' AND NOT e.machine AND NOT {IN_A_BURST}"


def by_people() -> QuerySet[MessageEvent]:
    """Clicks without a sign of a machine and without a click on another link of the message within a second."""
    clicks = MessageEvent.objects.filter(kind=MessageEvent.Kind.CLICKED)
    others = clicks.filter(
        ~Q(link_id=OuterRef("link_id")), link_id__isnull=False, message_id=OuterRef("message_id"),
        at__gte=OuterRef("at") - BURST, at__lte=OuterRef("at") + BURST,
    )  # fmt: skip
    return clicks.filter(~Exists(others), machine=False)


def other_link_within_a_second(message_id: int, link_id: int, at: dt.datetime) -> bool:
    """Whether another link of the message was followed just now."""
    return (
        MessageEvent.objects.filter(
            message_id=message_id, kind=MessageEvent.Kind.CLICKED, at__gte=at - BURST, at__lte=at + BURST
        )
        .exclude(link_id=link_id)
        .exists()
    )
