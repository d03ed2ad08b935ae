"""A link of a message was followed: where it leads, and the click noted."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns import links, machines
from campaigns.models import Link, Message, MessageEvent
from campaigns.models.policy import Policy
from campaigns.selectors.clicks import other_link_within_a_second
from campaigns.services.hearing.tracking import NewEvent, record
from campaigns.services.writing import content


@dataclass(frozen=True, slots=True)
class Target:
    message: Message
    link: Link
    url: str


def target(message_id: int, position: int) -> Target | None:
    """Where the link leads: to the address stored with the text, or to the page of its offer, and to no other."""
    message = Message.objects.select_related("variant", "offer").filter(pk=message_id, text__isnull=False).first()
    if message is None:
        return None
    link = Link.objects.filter(text_id=message.text_id, position=position).first()
    url = content.target_of(link, message.offer.url if message.offer else "") if link else ""
    if link is None or not links.is_page(url):
        return None
    marked = Policy.objects.filter(pk=1, utm_marks=False).first() is None
    return Target(message, link, links.with_marks(url, _marks(message)) if marked else url)


def _marks(message: Message) -> dict[str, str]:
    """What the clinic's web statistics are told: the campaign, never the patient."""
    return {
        "utm_source": "clinic_crm",
        "utm_medium": message.channel,
        "utm_campaign": f"c{message.campaign_id}" if message.campaign_id else "",
        "utm_content": message.variant.letter if message.variant else "",
    }


def note(followed: Target, headers: Mapping[str, str], now: dt.datetime) -> bool:
    """Note the click; True when by a person as far as can be told now.

    A second press within the same second is the same click.
    """
    message, link = followed.message, followed.link
    found = machines.signs(headers, now, message.sent_at or message.claimed_at)
    if other_link_within_a_second(message.pk, link.pk, now):
        found.append("burst")
    who = "m" if found else "p"
    record(
        [
            NewEvent(
                message.pk,
                MessageEvent.Kind.CLICKED,
                now,
                f"click:{message.pk}:{link.position}:{who}:{int(now.timestamp())}",
                machine=bool(found),
                link_id=link.pk,
                detail={"signs": found} if found else {},
            )
        ]
    )
    return not found
