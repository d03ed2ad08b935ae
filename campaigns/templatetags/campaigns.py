"""What the pages of the campaigns share: their tabs, texts and problems as a reader sees them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.rendering.variables import CATALOGUE

register = template.Library()

_VARIABLE = re.compile(r"\{\{-?\s*([\w.]+)[^}]*\}\}")
_TAG = re.compile(r"\{%[^%]*%\}")
_WORDS = {variable.path: variable.words for variable in CATALOGUE}

# (name for `current`, URL name, label, permission)
_TABS: tuple[tuple[str, str, Promise | str, str], ...] = (
    ("campaigns", "campaigns", _("Campaigns"), "campaigns.view_campaign"),
    ("offers", "offers", _("Offers"), "campaigns.view_offer"),
    ("templates", "templates", _("Templates"), "campaigns.view_template"),
    ("results", "pooled_results", _("Results"), "campaigns.view_campaignresult"),
    ("suppressions", "suppressions", _("Suppressed addresses"), "campaigns.view_suppression"),
    ("mailbox", "mailbox", _("Mailbox"), "campaigns.view_caughtmessage"),
)


@dataclass(frozen=True)
class Tab:
    url: str
    label: str | Promise
    active: bool


@register.simple_tag(takes_context=True)
def campaign_tabs(context: Context, current: str) -> list[Tab]:
    """The tabs the reader may open."""
    user = context.request.user  # type: ignore[attr-defined]
    return [
        Tab(reverse(name), label, code == current)
        for code, name, label, permission in _TABS
        if user.has_perm(permission)
    ]


@register.filter
def has_errors(problems: Iterable[Any]) -> bool:
    """Whether one of the problems stops the launch."""
    return any(problem.severity == "error" for problem in problems)


@register.filter
def without_liquid(text: str) -> str:
    """A subject for a list: variables by what they stand for, tags left out. "«first name», we miss you"."""
    named = _VARIABLE.sub(lambda found: f"«{_word(found[1])}»", text)
    return " ".join(_TAG.sub("", named).split())


def _word(path: str) -> str:
    """The reader is nearly always the patient: "first name" says enough in a list."""
    return str(_WORDS.get(path.replace("recipient.", "patient.")) or _WORDS.get(path, path))
