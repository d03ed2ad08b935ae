"""The list of campaigns."""

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns.models import Campaign, Channel
from campaigns.reports.campaigns import list_headline
from campaigns.reports.in_short import in_short
from campaigns.selectors import listing
from campaigns.selectors.listing import ARCHIVED, CampaignFilter
from patients.access import requires


@require_GET
@requires("campaigns.view_campaign")
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign with its state, its audience, what was sent and what came of it."""
    now = timezone.now()
    asked = CampaignFilter.parse(request.GET)
    page = listing.page(listing.asked_for(asked, now), asked)
    overview = listing.overview()
    context: dict[str, Any] = {
        "asked": asked,
        "rows": [
            {"row": row, "campaign": row.campaign, "tally": row.tally, "channels": channel_names(row.campaign),
             "result": in_short(row.results, row.campaign.holdout_percent)}
            for row in page.rows
        ],
        "filters": _filters(asked),
        "overview": overview,
        "headline": list_headline(overview, listing.sent_since(now - dt.timedelta(days=30))),
        "next_url": _address(request, after=page.after) if page.after else "",
        "previous_url": _address(request, before=page.before) if page.before else "",
    }  # fmt: skip
    return render(request, "campaigns/list.html", context)


def channel_names(campaign: Campaign) -> list[str]:
    """The channels of a campaign in their order, in words."""
    labels = dict(Channel.choices)
    return [str(labels.get(code, code)) for code in campaign.channels]


def _filters(asked: CampaignFilter) -> list[dict[str, Any]]:
    states = [("", _("All states")), *Campaign.State.choices, (ARCHIVED, _("archived"))]
    channels = [("", _("All channels")), *Channel.choices]
    periods = [("", _("All time")), ("30", _("last 30 days")), ("90", _("last 90 days")), ("365", _("last 365 days"))]
    return [
        {"name": "state", "label": _("State"), "kind": "select", "value": asked.state, "options": states},
        {"name": "channel", "label": _("Channel"), "kind": "select", "value": asked.channel, "options": channels},
        {"name": "period", "label": _("Period"), "kind": "select", "value": asked.period, "options": periods},
    ]


def _address(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"
