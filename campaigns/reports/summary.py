"""A campaign in plain words: who, what, where, when, how it will be proven."""

import datetime as dt
from dataclasses import dataclass

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, Channel, Purpose, Variant
from campaigns.reports.forecast import Forecast
from patients import wording
from segmentation.services import audiences


@dataclass(frozen=True)
class Line:
    label: str
    text: str
    step: str


def lines(campaign: Campaign, found: Forecast | None, now: dt.datetime) -> list[Line]:
    """One line per question, each with the step in which it was answered."""
    return [
        Line(_("Who"), who(campaign), "audience"),
        Line(_("Branches"), branches(campaign), "audience"),
        Line(_("What"), _what(campaign), "offer"),
        Line(_("Channels"), " → ".join(channel_names(campaign)), "channels"),
        Line(_("When"), when(campaign), "when"),
        Line(_("How it is proven"), _proof(campaign, found), "when"),
    ]


def channel_names(campaign: Campaign) -> list[str]:
    labels = dict(Channel.choices)
    return [str(labels.get(code, code)) for code in campaign.channels]


def who(campaign: Campaign) -> str:
    """The audience as a sentence. One that can no longer be understood says so."""
    audience = campaign.audience or {}
    where, besides = audience.get("where") or {}, audience.get("except") or {}
    try:
        text = audiences.sentence(where)
        if besides:
            text += " " + _("Except: %(besides)s") % {"besides": audiences.sentence(besides)}
    except (KeyError, TypeError, AttributeError, AssertionError):
        return _("the conditions can no longer be read")
    return text


def branches(campaign: Campaign) -> str:
    own = [str(branch) for branch in campaign.branches.all()]
    if own:
        return ", ".join(own)
    of_offers = {
        str(branch)
        for variant in campaign.variants.all()
        if variant.offer is not None
        for branch in variant.offer.branches.all()
    }
    if of_offers:
        return _("%(branches)s (those of the offer)") % {"branches": ", ".join(sorted(of_offers))}
    return _("all branches")


def _what(campaign: Campaign) -> str:
    variants = list(campaign.variants.all())
    if campaign.purpose == Purpose.SERVICE:
        kind = _("service message")
    else:
        kind = _("advertising")
    if len(variants) <= 1:
        return f"{_said(variants[0])}; {kind}" if variants else kind
    total = sum(variant.weight for variant in variants) or 1
    shares = [
        f"{variant.letter} — {wording.share(variant.weight / total)}: {_said(variant)}" for variant in variants
    ]  # fmt: skip
    return f"{'; '.join(shares)}; {kind}"


def _said(variant: Variant) -> str:
    return variant.offer.name if variant.offer else _("without an offer")


def moment(at: dt.datetime) -> str:
    local = timezone.localtime(at)
    return f"{wording.day(local)}, {formats.time_format(local.time(), 'H:i')}"


def when(campaign: Campaign) -> str:
    if campaign.standing:
        text = _("every night whoever has newly entered the audience, until it is stopped")
    elif campaign.starts_at:
        text = _("from %(moment)s") % {"moment": moment(campaign.starts_at)}
    else:
        text = _("right after the launch")
    if campaign.per_day:
        pace = ngettext("at most %(n)s message a day", "at most %(n)s messages a day", campaign.per_day)
        text += ", " + pace % {"n": wording.number(campaign.per_day)}
    if campaign.useful_until:
        text += ", " + _("useful until %(moment)s") % {"moment": moment(campaign.useful_until)}
    return text


def _proof(campaign: Campaign, found: Forecast | None) -> str:
    window = wording.days(campaign.window_days)
    if not campaign.holdout_percent:
        text = _("no hold-out: what it earned cannot be proven; visits within %(window)s are shown")
        return text % {"window": window}
    held = f" ({wording.patients_count(found.holdout)})" if found else ""
    return _("%(percent)s %%%(held)s get nothing, to compare with; visits and payments within %(window)s count") % {
        "percent": campaign.holdout_percent, "held": held, "window": window,
    }  # fmt: skip
