"""One patient and the campaigns: what was sent, what came of it, and why something was not sent."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Prefetch, Q

from campaigns.models import Campaign, Message, MessageEvent
from segmentation.services import audiences
from segmentation.services.audiences import BrokenAudienceError

SHOWN = 30
CAMPAIGNS, RECENT = 8, dt.timedelta(days=180)
State = Campaign.State


@dataclass(frozen=True)
class Condition:
    """One condition of an audience in words, and whether it holds for the patient today."""

    sentence: str
    holds: bool


@dataclass
class Decision:
    """What a campaign decided about the patient. With a `message` the ledger says it. Without one the patient is not in
    its ledger: `conditions` are those of the audience as of today, `left_out` those that exclude although they hold."""

    campaign: Campaign
    message: Message | None = None
    conditions: list[Condition] = field(default_factory=list)
    left_out: list[Condition] = field(default_factory=list)
    broken: bool = False

    @property
    def failed(self) -> list[Condition]:
        return [condition for condition in self.conditions if not condition.holds]

    @property
    def fits(self) -> bool:
        return not self.broken and not self.failed and not self.left_out


def messages_of(patient_id: int) -> Sequence[Message]:
    """The latest rows of the ledger about the patient, or read by them for somebody else. Two queries."""
    events = Prefetch("events", MessageEvent.objects.order_by("at", "id"))
    rows = Message.objects.filter(Q(patient=patient_id) | Q(recipient=patient_id))
    related = ("campaign", "variant", "patient", "recipient", "text__template")
    return list(rows.select_related(*related).prefetch_related(events).order_by("-due_at", "-id")[:SHOWN])


def decisions(patient_id: int, now: dt.datetime, as_of: dt.date) -> list[Decision]:
    """The campaigns of the last half year and those still running, at most CAMPAIGNS of them, the latest first.

    Two queries, and for every campaign whose ledger does not know the patient two more.
    """
    launched = Campaign.objects.filter(launched_at__lte=now).exclude(state__in=[State.DRAFT, State.WAITING])
    recent = launched.filter(Q(launched_at__gte=now - RECENT) | Q(state__in=[State.RUNNING, State.PAUSED]))
    campaigns = list(recent.order_by("-launched_at", "-pk")[:CAMPAIGNS])
    rows = {
        row.campaign_id: row
        for row in Message.objects.filter(patient=patient_id, campaign__in=campaigns).select_related("recipient")
    }
    return [_decided(campaign, rows.get(campaign.pk), patient_id, as_of) for campaign in campaigns]


def _decided(campaign: Campaign, message: Message | None, patient_id: int, as_of: dt.date) -> Decision:
    if message is not None:
        return Decision(campaign, message)
    audience = campaign.audience or {}
    found = Decision(campaign)
    try:
        held = audiences.matches(patient_id, audience.get("where") or {}, as_of)
        found.conditions = [Condition(sentence, holds) for sentence, holds in held]
        without = audience.get("except") or None
        if without and not found.failed:
            out = audiences.matches(patient_id, without, as_of)
            if out and all(holds for _sentence, holds in out):
                found.left_out = [Condition(sentence, holds) for sentence, holds in out]
    except BrokenAudienceError:
        found.broken = True
    return found
