"""What the pages of the campaigns share: their tabs."""

from dataclasses import dataclass

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

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
