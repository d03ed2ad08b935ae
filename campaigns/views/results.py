"""What campaigns brought: one of them, and all together."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, CampaignResult, Channel
from campaigns.reports import pooled
from campaigns.reports import result_words as words
from campaigns.reports import results as pictures
from campaigns.selectors import results
from patients.access import requires
from segmentation.views.files import picture_file


@require_safe
@requires("campaigns.view_campaignresult")
def campaign_results(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A page of its own, or for htmx the same as a part of the campaign's page. `?download=` answers with a file."""
    campaign = get_object_or_404(Campaign, pk=pk)
    report = results.report(campaign)
    curve, groups = pictures.curve(report), pictures.groups(report)
    variants, segments, funnel = pictures.variants(report), pictures.segments(report), pictures.funnel(report)
    answer = picture_file(request, [curve, groups, variants, funnel, *segments], report.as_of)
    if answer:
        return answer
    context: dict[str, Any] = {
        "campaign": campaign,
        "report": report,
        "headline": words.headline(report),
        "sufficient": words.sufficient(report),
        "tiles": pictures.tiles(report) if report.whole.treated.n else [],
        "curve": curve,
        "groups": groups,
        "variants": variants if report.variants else None,
        "segments": segments,
        "funnel": funnel,
        "path": reverse("campaign_results", args=[pk]),
    }
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    return render(request, "campaigns/_results.html" if fragment else "campaigns/results.html", context)


@require_safe
@requires("campaigns.view_campaignresult")
def pooled_results(request: HttpRequest) -> HttpResponseBase:
    """All campaigns of a period: each with its interval, by month, and together."""
    asked = results.PoolFilter.parse(request.GET)
    today = _today()
    lines = results.lines(asked, today)
    whole = results.together(lines)
    forest, months = pooled.forest(lines, whole), pooled.months(lines)
    answer = picture_file(request, [forest, months], today)
    if answer:
        return answer
    left_out = [line for line in lines if not line.counts]
    context: dict[str, Any] = {
        "filters": _filters(asked),
        "lines": lines,
        "whole": whole,
        "headline": words.of_pool(whole),
        "unlike": words.unlike(whole),
        "sufficient": _sufficient(whole, lines, today),
        "tiles": pooled.pool_tiles(whole) if whole else [],
        "forest": forest,
        "months": months,
        "without_holdout": [line for line in left_out if not line.estimate.holdout.n],
        "being_counted": [line for line in left_out if line.estimate.holdout.n],
        "today": today,
    }
    return render(request, "campaigns/pooled_results.html", context)


def _today() -> dt.date:
    """Pages speak as of the last counted night."""
    last = CampaignResult.objects.order_by("-as_of").values_list("as_of", flat=True).first()
    return last or timezone.localdate()


def _sufficient(whole: Any, lines: list[results.Line], today: dt.date) -> str:
    """Whether campaigns together are enough to believe, and at the pace of the last three months when they will be."""
    if whole is None or whole.real:
        return ""
    return words.missing(results.pool_needs(whole, results.pace(lines, today)), today, can_wait=True)


def _filters(asked: results.PoolFilter) -> list[dict[str, Any]]:
    periods = [("90", _("90 days")), ("365", _("a year")), ("all", _("all time"))]
    return [
        {"name": "period", "label": _("Begun within"), "kind": "select", "value": asked.period, "options": periods},
        {
            "name": "channel", "label": _("Channel"), "kind": "select", "value": asked.channel,
            "options": [("", _("any")), *Channel.choices],
        },
        {
            "name": "offer", "label": _("Offer"), "kind": "select", "value": str(asked.offer or ""),
            "options": [("", _("any")), *results.offers_used()],
        },
    ]  # fmt: skip
