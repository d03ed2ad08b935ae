"""Drafts: made once by a form, saved step by step, copied, put away. What has been launched is never changed here.

Every save takes the row and looks at its state first: a draft that was launched in another window stays as launched.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest

from campaigns.models import Campaign, Channel, ChannelAccount, Offer, Policy, Template, Variant, VariantTemplate
from patients.models import Branch

STEPS = ("audience", "offer", "channels", "when", "check", "launch")
LETTERS = "ABCDE"
State = Campaign.State


class NotADraft(Exception):
    """The campaign has been launched or deleted meanwhile."""


@dataclass
class VariantDraft:
    """A variant as the form has it: `templates` by channel."""

    weight: int = 1
    offer: Offer | None = None
    templates: Mapping[str, Template] = field(default_factory=dict)


def create(user: Any, draft_key: uuid.UUID, values: Mapping[str, Any], branches: Iterable[Branch]) -> Campaign:
    """The draft of this form; the same form sent twice is the same draft."""
    policy = Policy.load()
    with transaction.atomic():
        campaign, created = Campaign.objects.get_or_create(
            draft_key=draft_key,
            defaults={
                **values,
                "channels": [str(Channel.EMAIL)],
                "holdout_percent": policy.holdout_percent,
                "window_days": policy.window_days,
                "salt": secrets.token_hex(16),
                "created_by": user,
                "steps_saved": 1,
            },
        )
        if created:
            campaign.branches.set(branches)
            Variant.objects.create(campaign=campaign, letter="A")
        elif campaign.state == State.DRAFT:
            save_audience(campaign.pk, values, branches)
    return campaign


def _take(campaign_id: int) -> Campaign:
    """The draft, locked until the transaction ends."""
    campaign = Campaign.objects.select_for_update().filter(pk=campaign_id, state=State.DRAFT).first()
    if campaign is None:
        raise NotADraft
    return campaign


def _saved(campaign: Campaign, step: str, **values: Any) -> None:
    for name, value in values.items():
        setattr(campaign, name, value)
    campaign.steps_saved = max(campaign.steps_saved, STEPS.index(step) + 1)
    campaign.save()


@transaction.atomic
def save_audience(campaign_id: int, values: Mapping[str, Any], branches: Iterable[Branch]) -> None:
    """Name, purpose, who is in and who is out, which branches."""
    campaign = _take(campaign_id)
    purpose_changed = campaign.purpose != values.get("purpose", campaign.purpose)
    _saved(campaign, "audience", **values)
    campaign.branches.set(branches)
    if purpose_changed:
        # A text for advertising is no service message: whoever chose it has to choose again.
        of_other = ~Q(template__purpose=campaign.purpose)
        VariantTemplate.objects.filter(of_other, variant__campaign=campaign).delete()


@transaction.atomic
def save_variants(campaign_id: int, variants: Sequence[VariantDraft]) -> None:
    """What is said: the variants get the letters in their order. Channels that have lost their text are left out."""
    campaign = _take(campaign_id)
    campaign.variants.filter(letter__gt=LETTERS[len(variants) - 1]).delete()
    for letter, draft in zip(LETTERS, variants, strict=False):
        values = {"weight": draft.weight, "offer": draft.offer}
        variant, _created = Variant.objects.update_or_create(campaign=campaign, letter=letter, defaults=values)
        variant.templates.exclude(channel__in=list(draft.templates)).delete()
        for channel, template in draft.templates.items():
            VariantTemplate.objects.update_or_create(
                variant=variant, channel=channel, defaults={"template": template}
            )  # fmt: skip
    texted = with_texts(campaign)
    kept = [channel for channel in campaign.channels if channel in texted]
    # Before the step of the channels has been saved every channel with a text takes part, the cheapest first.
    if campaign.steps_saved < STEPS.index("channels") + 1 or not kept:
        kept = [channel for channel in by_price() if channel in texted]
    _saved(campaign, "offer", channels=kept or campaign.channels)


def with_texts(campaign: Campaign) -> set[str]:
    """Channels for which every variant has a template."""
    variants = list(campaign.variants.all())
    rows = VariantTemplate.objects.filter(variant__campaign=campaign).values_list("variant", "channel")
    having: dict[str, set[int]] = {}
    for variant, channel in rows:
        having.setdefault(channel, set()).add(variant)
    return {channel for channel, some in having.items() if len(some) == len(variants)}


def by_price() -> list[str]:
    """Every channel, the cheapest message first; without an account in the usual order."""
    prices = dict(ChannelAccount.objects.values_list("channel", "price"))
    usual = [str(code) for code in Channel.values]
    return sorted(usual, key=lambda code: (prices.get(code, usual.index(code) * 10_000), usual.index(code)))


@transaction.atomic
def save_channels(campaign_id: int, channels: Sequence[str]) -> None:
    _saved(_take(campaign_id), "channels", channels=list(channels))


@transaction.atomic
def save_when(campaign_id: int, values: Mapping[str, Any]) -> None:
    """Time, pace, hold-out, window, goal."""
    _saved(_take(campaign_id), "when", **values)


def reached(campaign: Campaign, step: str) -> bool:
    """Whether every step before this one has been saved."""
    return campaign.steps_saved >= STEPS.index(step)


def next_step(campaign: Campaign) -> str:
    """Where to go on."""
    return STEPS[min(campaign.steps_saved, len(STEPS) - 1)]


@transaction.atomic
def passed_check(campaign_id: int) -> None:
    """The reader has seen what the check found and goes on."""
    Campaign.objects.filter(pk=campaign_id, state=State.DRAFT).update(
        steps_saved=Greatest(F("steps_saved"), STEPS.index("check") + 1)
    )


@transaction.atomic
def copy(campaign_id: int, user: Any, draft_key: uuid.UUID, name: str) -> Campaign:
    """A new draft with everything but the past: another salt, so another hold-out. Pressed twice, one draft."""
    source = Campaign.objects.get(pk=campaign_id)
    values = {
        kept: getattr(source, kept)
        for kept in (
            "purpose", "standing", "audience", "channels", "per_day", "holdout_percent", "window_days",
            "goal_service", "goal_group", "skip_booked", "warm_up",
        )
    }  # fmt: skip
    # The times of the old one have passed; they are asked for anew.
    fresh = {"name": name[:200], "salt": secrets.token_hex(16), "created_by": user, "steps_saved": 3}
    campaign, created = Campaign.objects.get_or_create(draft_key=draft_key, defaults={**values, **fresh})
    if not created:
        return campaign
    campaign.branches.set(source.branches.all())
    for variant in source.variants.prefetch_related("templates"):
        made = Variant.objects.create(
            campaign=campaign, letter=variant.letter, weight=variant.weight, offer=variant.offer
        )
        VariantTemplate.objects.bulk_create(
            VariantTemplate(variant=made, channel=one.channel, template_id=one.template_id)
            for one in variant.templates.all()
        )
    return campaign


def delete(campaign_id: int) -> bool:
    """A draft that was never launched disappears; False for anything else."""
    with transaction.atomic():
        try:
            campaign = _take(campaign_id)
        except NotADraft:
            return False
        campaign.delete()
    return True


def archive(campaign_id: int, now: dt.datetime) -> bool:
    """Out of the list: what is over, and drafts that wait for another time."""
    over = [State.DRAFT, State.FINISHED, State.STOPPED]
    found = Campaign.objects.filter(pk=campaign_id, state__in=over, archived_at__isnull=True)
    return bool(found.update(archived_at=now))


def unarchive(campaign_id: int) -> bool:
    return bool(Campaign.objects.filter(pk=campaign_id, archived_at__isnull=False).update(archived_at=None))
