"""The page of one campaign: how far it is, everybody accounted for, what is said, what it brought, its buttons."""

import datetime as dt
import uuid
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from campaigns.models import Campaign
from campaigns.reports import breakdown, summary
from campaigns.reports.forecast import Picture
from campaigns.selectors import progress
from campaigns.services.deciding import checking
from campaigns.services.running import drafts
from campaigns.services.writing import campaign_previews
from campaigns.views.actions import offered
from campaigns.views.wizard_check import branch_names, forecast, problems
from patients.access import requires

State = Campaign.State
LIVING = (State.PLANNING, State.RUNNING)
KEEP_LOAD = 120  # seconds


def _campaign(pk: int) -> Campaign:
    people = ("created_by", "submitted_by", "approved_by", "goal_service", "goal_group")
    rows = Campaign.objects.select_related(*people).prefetch_related("branches", "variants__offer__branches")
    return get_object_or_404(rows, pk=pk)


def _progress(campaign: Campaign, user: Any) -> dict[str, Any]:
    counted = progress.of_campaign(campaign.pk)
    return {
        "campaign": campaign,
        "counted": counted,
        "parts": breakdown.parts(counted) if counted.audience else [],
        "headline": breakdown.headline(campaign, counted),
        "percent": round(100 * counted.share_done),
        "living": campaign.state in LIVING,
        "buttons": offered(campaign, user, counted),
    }


@require_GET
@requires("campaigns.view_campaign")
def campaign(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about one campaign."""
    now = timezone.now()
    found = _campaign(pk)
    draft = found.state == State.DRAFT
    waiting = found.state == State.WAITING
    see_people = request.user.has_perm("patients.view_patient")
    checked = checking.latest(found, now) if draft or waiting else None
    seen = forecast(checked.outcome, branch_names()) if checked else None
    context: dict[str, Any] = {
        **_progress(found, request.user),
        "forecast": seen,
        "summary": summary.lines(found, seen, now),
        "load": None if draft or waiting else _load(found, now),
        "previews": campaign_previews.of_campaign(found, now) if see_people else [],
        "problems": problems(found, now) if draft or waiting else [],
        "next_step": drafts.next_step(found) if draft else "",
        "own": found.submitted_by_id == request.user.pk,
        "draft_key": uuid.uuid4(),
        "see_people": see_people,
        "with_results": found.launched_at is not None,
    }
    return render(request, "campaigns/campaign.html", context)


def _load(found: Campaign, now: dt.datetime) -> Picture | None:
    """Reads the campaign's part of the ledger, so it is kept for a while."""
    key = f"campaign-load:{found.pk}:{found.state}:{found.planned_at and found.planned_at.timestamp()}"
    rows = cache.get(key)
    if rows is None:
        rows = progress.load(found.pk)
        cache.set(key, rows, KEEP_LOAD)
    return breakdown.load_picture(rows, branch_names())


@require_GET
@requires("campaigns.view_campaign")
def campaign_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The state and the numbers alone, asked for every few seconds while something goes on."""
    found = _campaign(pk)
    answer = render(request, "campaigns/_progress.html", _progress(found, request.user))
    if request.GET.get("state") != found.state:
        answer["HX-Refresh"] = "true"  # planned, finished, paused by somebody: other buttons, other pictures
    return answer
