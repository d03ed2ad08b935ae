"""What a campaign asks of the people it is to reach: read once, then told to the database in one statement."""

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from campaigns.models import Campaign, Offer, Policy, Purpose, TemplateText, VariantTemplate, VariantText
from patients.models import Branch

DRAFTS = (Campaign.State.DRAFT,)


@dataclass(frozen=True)
class VariantRule:
    """One variant: its share, its offer, the branches it is for (None: any) and its texts by channel and language."""

    id: int
    letter: str
    weight: int
    offer_id: int | None
    branches: frozenset[int] | None
    texts: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Rules:
    campaign_id: int | None  # None: a message of no campaign
    purpose: str
    channels: tuple[str, ...]
    variants: tuple[VariantRule, ...]
    salt: str
    holdout_percent: int
    skip_booked: bool
    goal_service_id: int | None
    goal_group_id: int | None
    useful_until: datetime.datetime | None
    cap_messages: int
    cap_days: int
    quiet_from: datetime.time
    quiet_until: datetime.time
    # False: what is about a person's own appointment is not said to the family once for all.
    one_per_address: bool = True

    @property
    def marketing(self) -> bool:
        return self.purpose == Purpose.MARKETING

    def on(self, channel: str) -> "Rules":
        """The same, for messages whose channel is settled."""
        return replace(self, channels=(channel,))


def of_campaign(campaign: Campaign, policy: Policy | None = None) -> Rules:
    policy = policy or Policy.load()
    variants = _variants(campaign)
    return Rules(
        campaign_id=campaign.pk,
        purpose=campaign.purpose,
        channels=tuple(dict.fromkeys(campaign.channels)),
        variants=variants,
        salt=campaign.salt,
        holdout_percent=campaign.holdout_percent,
        skip_booked=campaign.skip_booked,
        goal_service_id=campaign.goal_service_id,
        goal_group_id=campaign.goal_group_id,
        useful_until=_useful_until(campaign, variants),
        cap_messages=policy.cap_messages,
        cap_days=policy.cap_days,
        quiet_from=policy.quiet_from,
        quiet_until=policy.quiet_until,
    )


def of_nobody(purpose: str, channel: str, policy: Policy | None = None) -> Rules:
    """The rules of the house alone, for messages that belong to no campaign."""
    nobody = Campaign(purpose=purpose, channels=[channel], skip_booked=False, holdout_percent=0)
    return of_campaign(nobody, policy)


def zones() -> dict[int, str]:
    """The time zone of every branch; a patient without a branch lives by the clinic's clock (`home_zone`)."""
    return dict(Branch.objects.values_list("pk", "timezone"))


def home_zone() -> str:
    return str(settings.TIME_ZONE)


def _variants(campaign: Campaign) -> tuple[VariantRule, ...]:
    if campaign.pk is None:
        return ()
    bound = frozenset(campaign.branches.values_list("pk", flat=True)) or None
    found = list(campaign.variants.select_related("offer").prefetch_related("offer__branches").order_by("letter"))
    texts = _current_texts(campaign) if campaign.state in DRAFTS else _frozen_texts(campaign)
    return tuple(
        VariantRule(
            id=variant.pk,
            letter=variant.letter,
            weight=variant.weight,
            offer_id=variant.offer_id,
            branches=bound or (_branches_of(variant.offer) if variant.offer else None),
            texts={(channel, language): text for owner, channel, language, text in texts if owner == variant.pk},
        )
        for variant in found
    )


def _useful_until(campaign: Campaign, variants: Sequence[VariantRule]) -> datetime.datetime | None:
    """An offer that has ended is no longer sent; with several offers the first end ends the comparison of all."""
    offers = [variant.offer_id for variant in variants if variant.offer_id]
    ends = Offer.objects.filter(pk__in=offers).values_list("valid_until", flat=True)
    zone = zoneinfo.ZoneInfo(home_zone())
    midnights = [datetime.datetime.combine(end, datetime.time.max, zone) for end in ends if end]
    return min([*midnights, *filter(None, [campaign.useful_until])], default=None)


def _branches_of(offer: Offer) -> frozenset[int] | None:
    return frozenset(branch.pk for branch in offer.branches.all()) or None


def _frozen_texts(campaign: Campaign) -> Sequence[tuple[int, str, str, int]]:
    rows = VariantText.objects.filter(variant__campaign=campaign)
    return list(rows.values_list("variant_id", "channel", "language", "text_id"))


def _current_texts(campaign: Campaign) -> Sequence[tuple[int, str, str, int]]:
    """What would be frozen if the campaign were launched now."""
    used = VariantTemplate.objects.filter(variant__campaign=campaign)
    templates = list(used.values_list("variant_id", "channel", "template_id"))
    current = TemplateText.objects.filter(template_id__in=[row[2] for row in templates], current=True)
    by_template: dict[int, list[tuple[str, int]]] = {}
    for template, language, text in current.values_list("template_id", "language", "pk"):
        by_template.setdefault(template, []).append((language, text))
    return [
        (variant, channel, language, text)
        for variant, channel, template in templates
        for language, text in by_template.get(template, [])
    ]
