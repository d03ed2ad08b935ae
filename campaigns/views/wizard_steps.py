"""What the steps of the wizard show and take: audience, offer and variants, channels, when."""

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.attribution import smallest_visible
from campaigns.models import Campaign, Channel, ChannelAccount, Offer, Policy, Template
from campaigns.reports import wizard as words
from campaigns.selectors.baseline import share_that_comes
from campaigns.selectors.reach import reach
from campaigns.services.running import drafts
from campaigns.views.wizard_forms import AudienceForm, VariantForm, WhenForm, is_everybody, local_now, variant_letters
from segmentation import conditions
from segmentation.services import audiences

Posted = QueryDict | None


# --- Audience -----------------------------------------------------------------------------------------------------
def audience_context(form: AudienceForm, where: Any, besides: Any) -> dict[str, Any]:
    """The form with its two trees: as posted when they could be read, else as saved."""
    if form.is_bound:
        where = _posted_tree(form, "where", where)
        besides = _posted_tree(form, "besides", besides)
    return {
        "form": form,
        "where": where or {},
        "besides": besides or {},
        "where_errors": form.errors.get("where", []),
        "besides_errors": form.errors.get("besides", []),
        "with_besides": not is_everybody(besides) or bool(form.errors.get("besides")),
    }


def _posted_tree(form: AudienceForm, name: str, otherwise: Any) -> Any:
    try:
        tree = conditions.read(form.data.get(form.add_prefix(name), "") or "{}")
    except ValueError:
        return otherwise
    return tree if isinstance(tree, dict) else otherwise


def is_for_everybody(campaign: Campaign) -> bool:
    """Whether the saved audience is the whole base, as somebody has confirmed."""
    return campaign.steps_saved > 0 and is_everybody((campaign.audience or {}).get("where"))


# --- Offer and variants -------------------------------------------------------------------------------------------
def variant_forms(campaign: Campaign, posted: Posted) -> dict[str, VariantForm]:
    """Letter -> form, of what was posted or of what is saved."""
    saved: dict[str, dict[str, Any]] = {}
    for variant in campaign.variants.prefetch_related("templates"):
        chosen = {one.channel: one.template_id for one in variant.templates.all()}
        saved[variant.letter] = {"weight": variant.weight, "offer": variant.offer_id, **chosen}
    letters = variant_letters(posted) if posted is not None else sorted(saved) or ["A"]
    return {
        letter: VariantForm(
            posted, prefix=letter, initial=saved.get(letter, {}), purpose=campaign.purpose,
            chosen=saved.get(letter, {}),
        )
        for letter in letters
    }  # fmt: skip


def save_offer(campaign: Campaign, forms: Mapping[str, VariantForm], posted: QueryDict) -> str:
    """Save the variants; "next", "stay" (one was added or taken out), or "" when something is wrong."""
    do, _colon, letter = posted.get("do", "").partition(":")
    if do == "remove" and letter in forms and len(forms) > 1:
        forms = {other: form for other, form in forms.items() if other != letter}
    # Every form is looked at, so that all mistakes are shown at once.
    wrong = [letter for letter, form in forms.items() if not form.is_valid()]
    if wrong:
        return ""
    variants = [form.draft() for form in forms.values()]
    if do == "add" and len(variants) < len(drafts.LETTERS):
        # A comparison of everything at once explains nothing: the new variant begins as the last one.
        variants.append(variants[-1])
    if do in ("add", "remove"):
        drafts.save_variants(campaign.pk, variants)
        return "stay"
    missing = _uneven(variants)
    if missing:
        for name, channels in zip(forms, missing, strict=True):
            for channel in channels:
                forms[name].add_error(channel, _("The other variant has a template here; a comparison needs both."))
        return ""
    drafts.save_variants(campaign.pk, variants)
    return "next"


def _uneven(variants: list[drafts.VariantDraft]) -> list[list[str]]:
    """Per variant the channels on which only the others speak; nothing when all speak on the same."""
    used = [set(variant.templates) for variant in variants]
    everywhere = set.union(*used)
    missing = [sorted(everywhere - mine) for mine in used]
    return missing if any(missing) else []


def offer_context(campaign: Campaign, forms: Mapping[str, VariantForm]) -> dict[str, Any]:
    weights = [_whole(form["weight"].value()) for form in forms.values()]
    total = sum(weights) or 1
    return {
        "variants": [
            {
                "letter": letter,
                "form": form,
                "share": weight / total,
                "channels": [form[channel] for channel in Channel.values],
            }
            for (letter, form), weight in zip(forms.items(), weights, strict=True)
        ],
        "can_add": len(forms) < len(drafts.LETTERS),
        "several": len(forms) > 1,
        "no_templates": not Template.objects.filter(archived_at__isnull=True, purpose=campaign.purpose).exists(),
        "no_offers": not Offer.objects.filter(archived_at__isnull=True).exists(),
    }


def _whole(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1


# --- Channels -----------------------------------------------------------------------------------------------------
def chosen_channels(campaign: Campaign, posted: QueryDict) -> tuple[list[str], str]:
    """The ticked channels in their order, and what is wrong with them."""
    texted = drafts.with_texts(campaign)
    order = [channel for channel in posted.getlist("order") if channel in Channel.values]
    ticked = [channel for channel in dict.fromkeys(order) if channel in posted.getlist("channel")]
    do, _colon, moved = posted.get("do", "").partition(":")
    if do in ("up", "down") and moved in ticked:
        place = ticked.index(moved)
        other = min(max(place + (-1 if do == "up" else 1), 0), len(ticked) - 1)
        ticked[place], ticked[other] = ticked[other], ticked[place]
    if not ticked:
        return [], _("Choose at least one channel.")
    labels = dict(Channel.choices)
    without = [str(labels[channel]) for channel in ticked if channel not in texted]
    if without:
        return [], _("There is no template for: %(channels)s. Go back one step and choose one.") % {
            "channels": ", ".join(without)
        }
    return ticked, ""


def channels_context(campaign: Campaign, now: dt.datetime) -> dict[str, Any]:
    """Every channel: the chosen ones first in their order, then the others by price."""
    accounts = {account.channel: account for account in ChannelAccount.objects.all()}
    texted = drafts.with_texts(campaign)
    chosen = [channel for channel in campaign.channels if channel in texted]
    order = chosen + [channel for channel in drafts.by_price() if channel not in chosen]
    reached = reach(campaign, timezone.localdate(now))
    audience = reached[""] if reached else None
    rows = [
        {
            "code": code,
            "label": dict(Channel.choices)[code],
            "account": accounts.get(code),
            "price": accounts[code].price if code in accounts else None,
            "chosen": code in chosen,
            "texted": code in texted,
            "ready": code in accounts and accounts[code].active,
            "reach": reached[code] if reached else None,
            "share": reached[code] / audience if reached and audience else None,
            "place": chosen.index(code) + 1 if code in chosen else None,
            "first": bool(chosen) and code == chosen[0],
            "last": bool(chosen) and code == chosen[-1],
        }
        for code in order
    ]
    prices = [accounts[code].price for code in chosen if code in accounts]
    dearer_first = any(earlier > later for earlier, later in pairwise(prices))
    return {"rows": rows, "audience": audience, "several": len(chosen) > 1, "dearer_first": dearer_first}


# --- When ---------------------------------------------------------------------------------------------------------
def when_form(campaign: Campaign, posted: Posted, now: dt.datetime) -> WhenForm:
    return WhenForm(posted, initial=WhenForm.of(campaign), now=now)


def when_context(campaign: Campaign, form: WhenForm, now: dt.datetime) -> dict[str, Any]:
    policy = Policy.load()
    percent = _whole(form["holdout_percent"].value() or 0)
    young = ChannelAccount.objects.filter(channel__in=campaign.channels, warm_up_from__isnull=False)
    return {
        "form": form,
        "policy": policy,
        "local_now": local_now(now),
        "power": power(campaign, percent, now),
        "young_senders": [account.get_channel_display() for account in young],
        "zone": timezone.get_current_timezone_name(),
    }


def power(campaign: Campaign, percent: int, now: dt.datetime) -> str:
    """What a hold-out of so many percent can prove, in a sentence."""
    if not 0 <= percent <= 90:
        return _("A hold-out from 0 to 90 % is possible.")
    if percent == 0:
        return _("Without a hold-out nothing can be proven: patients who would have come anyway count as success.")
    audience = campaign.audience or {}
    size = audiences.size(
        audience.get("where") or {}, timezone.localdate(now), audience.get("except") or None, seconds=1.0
    )
    held = round(size.patients * percent / 100)
    written = size.patients - held
    if held < 1 or written < 1:
        return _("The audience is too small for a hold-out.")
    share, measured = share_that_comes()
    return words.power(size.patients, held, percent, smallest_visible(written, held, share), share, measured=measured)
