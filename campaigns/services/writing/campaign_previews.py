"""What a campaign says, as an example patient of its audience reads it. Nothing is written, nothing is sent."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import ngettext

from campaigns import links, rendering
from campaigns.models import Campaign, Channel, TemplateText, Variant, VariantText
from campaigns.services.writing.contexts import Asked, fill, reader_of
from patients.models import Patient
from patients.selectors.search import listed
from segmentation.services import audiences

EXAMPLE_LINK = "https://clinic.example/"


@dataclass(frozen=True)
class Preview:
    """One text. `error`: why it cannot be written for this patient."""

    letter: str
    channel: str
    channel_code: str
    language: str
    language_code: str
    template_id: int
    patient: str
    subject: str = ""
    text: str = ""
    parts: str = ""
    error: str = ""


def of_campaign(campaign: Campaign, now: dt.datetime) -> list[Preview]:
    """Every variant, channel and language: frozen versions once it is submitted, else the current."""
    order = {code: place for place, code in enumerate(campaign.channels)}
    texts = sorted(_texts(campaign), key=lambda found: (found[0].letter, order.get(found[1].template.channel, 9)))
    patient = _example(campaign, now)
    if patient is None or not texts:
        return []
    reader = reader_of(patient, timezone.localdate(now))
    asked = [
        Asked(number, text, text.language, patient.pk, reader, branch_id=patient.branch_id, offer=variant.offer)
        for number, (variant, text) in enumerate(texts)
    ]
    values = fill(asked, now, lambda _key, wanted: dict.fromkeys([*_links(wanted), "unsubscribe_url"], EXAMPLE_LINK))
    return [_preview(variant, text, patient, values.get(number, {})) for number, (variant, text) in enumerate(texts)]


def _links(wanted: Iterable[str]) -> list[str]:
    return [path for path in wanted if path in links.PERSONAL or path.startswith("link_")]


def _texts(campaign: Campaign) -> Iterable[tuple[Variant, TemplateText]]:
    variants = {one.pk: one for one in campaign.variants.select_related("offer__service", "offer__group")}
    if campaign.state != Campaign.State.DRAFT:
        rows = VariantText.objects.filter(variant__in=variants).select_related("text__template")
        for row in rows.order_by("-language"):
            yield variants[row.variant_id], row.text
        return
    for variant in variants.values():
        templates = [one.template_id for one in variant.templates.all() if one.channel in campaign.channels]
        current = TemplateText.objects.filter(template__in=templates, current=True).select_related("template")
        for text in current.order_by("-language"):
            yield variant, text


def _example(campaign: Campaign, now: dt.datetime) -> Patient | None:
    """Somebody of the audience with a name, of the campaign's branches when there is one; when it is empty or cannot be
    read, somebody of the base."""
    audience = campaign.audience or {}
    branches = set(campaign.branches.values_list("pk", flat=True))
    try:
        people = audiences.sample(
            audience.get("where") or {}, timezone.localdate(now), 50, audience.get("except") or None
        )
    except audiences.BrokenAudienceError:
        people = []
    grown = [person for person in people if person.first_name and person.guardian_id is None] or people
    grown = [person for person in grown if person.branch_id in branches] or grown
    return grown[0] if grown else listed().exclude(first_name="").order_by("pk").first()


def _preview(variant: Variant, text: TemplateText, patient: Patient, values: dict[str, Any]) -> Preview:
    channel = Channel(text.template.channel)
    frame: dict[str, Any] = {
        "letter": variant.letter, "channel": str(channel.label), "channel_code": channel.value,
        "language": text.get_language_display(), "language_code": text.language,
        "template_id": text.template_id, "patient": str(patient),
    }  # fmt: skip
    try:
        made = rendering.render(text, values)
    except rendering.NotRendered as refused:
        return Preview(**frame, error=str(refused))
    size = ""
    if channel == Channel.SMS:
        size = ngettext("%(n)s SMS part", "%(n)s SMS parts", made.parts) % {"n": made.parts}
    return Preview(**frame, subject=made.subject, text=made.plain, parts=size)
