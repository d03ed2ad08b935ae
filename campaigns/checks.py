"""Is a text, is a campaign fit to be sent? Errors stand in the way of a launch, warnings do not (F10)."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Channel, ChannelAccount, Offer, Policy, Purpose, Template, TemplateText
from campaigns.rendering import ERROR, WARNING, Problem, wording
from campaigns.rendering.asked import Asked
from campaigns.rendering.lint import look, placed
from campaigns.rendering.liquid_env import unguarded, used
from patients.models import Service


def sensitive_services() -> list[wording.Sensitive]:
    """What to look for in lines that others can read."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for name, sensitive in Service.objects.values_list("name", "sensitive"):
        names[sensitive].append(name)
    return wording.sensitive(names[True], names[False])


def of_text(
    text: Any, purpose: str, channel: str, language: str, policy: Policy | None = None,
    sensitive: list[wording.Sensitive] | None = None, offer_is_sensitive: bool | None = None,
) -> list[Problem]:  # fmt: skip
    """Problems of anything with subject, preheader and body: a version, or what is being typed."""
    asked = Asked(
        channel, purpose, language, text.subject, text.preheader, text.body,
        sensitive_services() if sensitive is None else sensitive, offer_is_sensitive,
    )  # fmt: skip
    found = look(asked)
    if policy is not None and purpose == Purpose.MARKETING and not (policy.clinic_name and policy.clinic_details):
        message = _("The name of the clinic, its address and licence are not filled in: Administration, Rules of "
                    "sending.")  # fmt: skip
        found.append(Problem("no_details", WARNING, "body", 0, message))
    return found


def of_campaign(campaign: Campaign, now: dt.datetime | None = None) -> list[Problem]:
    """Problems of everything a campaign would say, by variant, channel and language."""
    policy, sensitive = Policy.load(), sensitive_services()
    first = timezone.localdate(campaign.starts_at or now or timezone.now())
    found = [*of_channels(campaign.channels)]
    variants = list(campaign.variants.select_related("offer__service", "offer__group").prefetch_related("templates"))
    if not variants:
        found.append(Problem("no_variant", ERROR, "", 0, _("There is nothing to say yet: choose a template.")))
    for variant in variants:
        if variant.offer is not None:
            found += of_offer(variant.offer, campaign, first)
        chosen = {row.channel: row.template_id for row in variant.templates.all()}
        where = _("Variant %(letter)s") % {"letter": variant.letter}
        found += of_messages(campaign.purpose, campaign.channels, chosen, variant.offer, where, policy, sensitive)
    return sorted(found, key=lambda problem: not problem.is_error)


def of_channels(channels: Iterable[str]) -> Iterator[Problem]:
    """Can these channels send at all?"""
    codes = list(channels)
    accounts = {account.channel: account for account in ChannelAccount.objects.filter(channel__in=codes)}
    for code in codes:
        account = accounts.get(code)
        if account is not None and not account.active:
            message = _("The channel “%(channel)s” is switched off.") % {"channel": Channel(code).label}
            yield Problem("channel_off", ERROR, "", 0, message)
        elif account is not None and not account.sender and code != Channel.CALL:
            message = _("The channel “%(channel)s” has no sender: Administration, Channels.")
            yield Problem("no_sender", ERROR, "", 0, message % {"channel": Channel(code).label})


def of_offer(offer: Offer, campaign: Campaign, first: dt.date) -> Iterator[Problem]:
    """Is the offer valid when and where the campaign speaks of it?"""
    name = {"offer": offer.name}
    yield from of_living_offer(offer, first)
    if offer.valid_from and offer.valid_from > first:
        message = _("The offer “%(offer)s” is not valid yet on the first day of the campaign.") % name
        yield Problem("offer_not_yet", ERROR, "", 0, message)
    own = {branch.pk for branch in campaign.branches.all()}
    there = {branch.pk for branch in offer.branches.all()}
    if own and there and not own <= there:
        message = _("The offer “%(offer)s” does not hold in every branch of the campaign.") % name
        yield Problem("offer_branches", ERROR, "", 0, message)


def of_living_offer(offer: Offer, day: dt.date) -> Iterator[Problem]:
    """Is the offer one that may still be spoken of?"""
    name = {"offer": offer.name}
    if offer.archived_at:
        yield Problem("offer_archived", ERROR, "", 0, _("The offer “%(offer)s” is archived.") % name)
    if offer.valid_until and offer.valid_until < day:
        message = _("The offer “%(offer)s” has expired: change its dates or choose another.") % name
        yield Problem("offer_expired", ERROR, "", 0, message)
    for text in (offer.name, offer.terms, offer.terms_en):
        if match := wording.PROMISES.search(text):
            message = _("“%(words)s” in the offer: a result must not be guaranteed (38-FZ, art. 5 and 24).")
            yield Problem("guarantee", ERROR, "", 0, message % {"words": match[0][:60]})


def offer_is_sensitive(offer: Offer | None, sensitive: list[wording.Sensitive]) -> bool:
    if offer is None:
        return False
    if offer.service is not None and offer.service.sensitive:
        return True
    said = " ".join((offer.name, offer.terms, offer.terms_en, offer.group.name if offer.group else ""))
    return wording.named(said, sensitive) is not None or wording.diagnosis(said) is not None


def of_messages(
    purpose: str, channels: Iterable[str], chosen: Mapping[str, int], offer: Offer | None, where: str,
    policy: Policy, sensitive: list[wording.Sensitive],
) -> Iterator[Problem]:  # fmt: skip
    """Problems of the texts of one message: `chosen` are the ids of its templates by channel."""
    templates = Template.objects.in_bulk(set(chosen.values()))
    current: dict[int, list[TemplateText]] = {}
    for text in TemplateText.objects.filter(template_id__in=set(chosen.values()), current=True).order_by("-language"):
        current.setdefault(text.template_id, []).append(text)
    secret = offer_is_sensitive(offer, sensitive)
    for code in channels:
        place = f"{where}, {Channel(code).label}"
        template = templates.get(chosen.get(code, 0))
        if template is None:
            yield Problem("no_template", ERROR, "", 0, _("No template is chosen."), where=place)
            continue
        if template.purpose != purpose:
            message = _("The template “%(name)s” is for another purpose.") % {"name": template.name}
            yield Problem("other_purpose", ERROR, "", 0, message, where=place, template_id=template.pk)
        if template.archived_at:
            message = _("The template “%(name)s” is archived.") % {"name": template.name}
            yield Problem("template_archived", ERROR, "", 0, message, where=place, template_id=template.pk)
        texts = current.get(template.pk, [])
        if not texts:
            yield Problem("no_text", ERROR, "", 0, _("The template has no text."), where=place, template_id=template.pk)
        for text in texts:
            yield from _text(purpose, offer, template, text, policy, sensitive, secret, place)


def _text(
    purpose: str, offer: Offer | None, template: Template, text: TemplateText, policy: Policy,
    sensitive: list[wording.Sensitive], secret: bool, where: str,
) -> Iterator[Problem]:  # fmt: skip
    where = f"{where}, {text.get_language_display()}"
    for problem in of_text(text, purpose, template.channel, text.language, policy, sensitive, secret):
        yield placed(problem, where, template.pk)
    said, subject = (unguarded(part, "offer") for part in (text.html or text.plain, text.subject))
    wants_offer = any(path.startswith("offer.") for path in used(said) | used(subject))
    if wants_offer and offer is None:
        message = _("The text speaks of an offer, and none is chosen.")
        yield Problem("no_offer", ERROR, "body", 0, message, where=where, template_id=template.pk)
    says_terms = "offer.terms" in used(text.html or text.plain) | used(text.subject)
    if says_terms and text.language == "en" and offer is not None and offer.terms and not offer.terms_en:
        message = _("The offer has no terms in English: the Russian ones would be sent.")
        yield Problem("offer_language", WARNING, "body", 0, message, where=where, template_id=template.pk)
    if "{{ offer.url" in unguarded(text.body, "offer") and offer is not None and not offer.url:
        message = _("The text links to the page of the offer, and the offer has none.")
        yield Problem("no_offer_page", ERROR, "body", 0, message, where=where, template_id=template.pk)
