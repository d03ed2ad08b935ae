"""Offers and templates as their pages list them, and a few real patients to try a text on."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import Campaign, CampaignCount, Offer, Template, TemplateText, Variant
from patients.models import Patient

PAGE = 50
ADULT = 18


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    before: int | None = None
    after: int | None = None


def page(rows: QuerySet[Any], after: int | None, before: int | None) -> Page:
    """Fifty rows by key, the newest first; where the neighbours begin."""
    if before is not None:
        found = list(rows.filter(pk__gt=before).order_by("pk")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return Page(found, found[0].pk if more and found else None, found[-1].pk if found else None)
    found = list((rows.filter(pk__lt=after) if after is not None else rows).order_by("-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    return Page(found, found[0].pk if after is not None and found else None, found[-1].pk if more else None)


def offers(archived: bool, query: str) -> QuerySet[Offer]:
    rows = Offer.objects.select_related("service", "group").prefetch_related("branches")
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(promo_code__icontains=query))
    return rows.filter(archived_at__isnull=not archived)


def templates(archived: bool, channel: str, purpose: str, query: str) -> QuerySet[Template]:
    rows = Template.objects.filter(archived_at__isnull=not archived)
    if channel:
        rows = rows.filter(channel=channel)
    if purpose:
        rows = rows.filter(purpose=purpose)
    return rows.filter(name__icontains=query) if query else rows


def current_texts(templates: Sequence[Template]) -> dict[int, list[TemplateText]]:
    """The current versions of the templates of a page, Russian first, without their bodies."""
    found: dict[int, list[TemplateText]] = {}
    rows = TemplateText.objects.filter(template__in=templates, current=True)
    for text in rows.only("template_id", "language", "version", "subject", "made_at").order_by("-language"):
        found.setdefault(text.template_id, []).append(text)
    return found


def uses(offers: Sequence[Offer]) -> dict[int, int]:
    """In how many campaigns each offer stands."""
    found: dict[int, set[int]] = {}
    for offer, campaign in Variant.objects.filter(offer__in=offers).values_list("offer_id", "campaign_id"):
        if offer is not None:
            found.setdefault(offer, set()).add(campaign)
    return {offer: len(campaigns) for offer, campaigns in found.items()}


def campaigns_of_offer(offer: Offer) -> list[tuple[Campaign, int]]:
    """The campaigns of an offer, newest first, with how many messages were sent."""
    campaigns = list(Campaign.objects.filter(variants__offer=offer).distinct().order_by("-id")[:30])
    return _with_sent(campaigns)


def campaigns_of_template(template: Template) -> list[tuple[Campaign, int]]:
    campaigns = list(Campaign.objects.filter(variants__templates__template=template).distinct().order_by("-id")[:30])
    return _with_sent(campaigns)


def _with_sent(campaigns: list[Campaign]) -> list[tuple[Campaign, int]]:
    sent: dict[int, int] = {}
    for campaign, messages in CampaignCount.objects.filter(campaign__in=campaigns, state="sent").values_list(
        "campaign_id", "messages"
    ):
        sent[campaign] = sent.get(campaign, 0) + messages
    return [(campaign, sent.get(campaign.pk, 0)) for campaign in campaigns]


@dataclass(frozen=True, slots=True)
class Example:
    """A real patient of one kind."""

    kind: str
    patient: Patient = field(repr=False)


def examples(today: dt.date) -> list[Example]:
    """A handful of patients who differ in what matters to a text: sex, age, who reads, what is missing."""
    adult = today.replace(year=today.year - ADULT, day=min(today.day, 28))
    middle = today.replace(year=today.year - 55, day=min(today.day, 28))
    there = Patient.objects.filter(deleted_at__isnull=True, merged_into__isnull=True)
    visited = there.filter(visits__status="completed", visits__deleted_at__isnull=True)
    kinds = {
        "woman": visited.filter(sex="female", birth_date__lte=adult, birth_date__gt=middle),
        "man": visited.filter(sex="male", birth_date__lte=adult, birth_date__gt=middle),
        "older": visited.filter(birth_date__lte=middle),
        "child": there.filter(birth_date__gt=adult, guardian__isnull=False),
        "unnamed": there.filter(Q(first_name="") | Q(sex="") | Q(birth_date__isnull=True)),
        "foreign": there.filter(language="en"),
    }
    found: list[Example] = []
    taken: set[int] = set()
    for kind, rows in kinds.items():
        patient = rows.exclude(pk__in=taken).order_by("-pk").first()
        if patient is not None:
            taken.add(patient.pk)
            found.append(Example(kind, patient))
    return found
