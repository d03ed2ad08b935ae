"""Who is behind a number of a campaign: a list with reasons, and the same as a file."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns.models import Campaign
from campaigns.reasons import REASONS, in_words
from campaigns.reports.breakdown import STATES
from campaigns.selectors import audience, progress
from campaigns.selectors.audience import PeopleFilter
from campaigns.services.deciding import checking
from campaigns.services.running import exports
from patients.access import requires
from segmentation.selectors.people import segments_of
from segmentation.services.exports import FORMATS
from segmentation.views.files import file_answer

WRITTEN_TO, HOLDOUT = "", "holdout"


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


@require_GET
@requires("campaigns.view_campaign", "patients.view_patient")
def campaign_people(request: HttpRequest, pk: int) -> HttpResponse:
    """The patients of a state and a reason; of a draft, those whom the check would leave out."""
    campaign = get_object_or_404(Campaign, pk=pk)
    if campaign.state in (Campaign.State.DRAFT, Campaign.State.WAITING):
        return _of_draft(request, campaign)
    asked = PeopleFilter.parse(request.GET.get("state", ""), request.GET.get("reason", ""))
    counted = progress.of_campaign(pk)
    page = audience.page(
        audience.ledger(campaign, asked), _id(request.GET.get("after")), _id(request.GET.get("before"))
    )
    segments = segments_of(message.patient_id for message in page.rows)
    context: dict[str, Any] = {
        "campaign": campaign,
        "asked": asked,
        "rows": [
            {"message": message, "reason": in_words(message.reason, message.purpose),
             "state": STATES[message.state][0], "segments": segments.get(message.patient_id, [])[:2]}
            for message in page.rows
        ],
        "filters": _filters(asked, counted, campaign.purpose),
        "number": _number(asked, counted),
        "title": _title(asked, campaign.purpose),
        "next_url": _address(request, after=page.after) if page.after else "",
        "previous_url": _address(request, before=page.before) if page.before else "",
        "export_url": reverse("campaign_people_export", args=[pk]),
    }  # fmt: skip
    return render(request, "campaigns/people.html", context)


def _of_draft(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    reason = request.GET.get("reason", WRITTEN_TO)
    if reason not in REASONS and reason not in (WRITTEN_TO, HOLDOUT):
        reason = WRITTEN_TO
    people = checking.people(campaign, reason, timezone.now(), _id(request.GET.get("after")) or 0, audience.PAGE + 1)
    ids = people or []
    shown = audience.patients(ids[: audience.PAGE])
    segments = segments_of(patient.pk for patient in shown)
    more = len(ids) > audience.PAGE
    context = {
        "campaign": campaign,
        "draft": True,
        "slow": people is None,
        "patients": [{"patient": patient, "segments": segments.get(patient.pk, [])[:2]} for patient in shown],
        "title": _draft_title(reason, campaign.purpose),
        "next_url": _address(request, after=ids[audience.PAGE - 1]) if more else "",
    }
    return render(request, "campaigns/people.html", context)


def _draft_title(reason: str, purpose: str) -> str:
    if reason == HOLDOUT:
        return _("Hold-out")
    return str(in_words(reason, purpose)) if reason else _("Would get a message")


def _title(asked: PeopleFilter, purpose: str) -> str:
    if asked.reason:
        return str(in_words(asked.reason, purpose))
    return str(STATES[asked.state][0]) if asked.state else _("The whole audience")


def _number(asked: PeopleFilter, counted: progress.Progress) -> int:
    if asked.reason:
        return sum(
            number
            for (state, reason), number in counted.by_reason.items()
            if reason == asked.reason and asked.state in ("", state)
        )
    return counted.of(asked.state) if asked.state else counted.audience


def _filters(asked: PeopleFilter, counted: progress.Progress, purpose: str) -> list[dict[str, Any]]:
    states = [("", _("All states")), *((code, words[0]) for code, words in STATES.items() if counted.of(code))]
    found = {reason for (state, reason) in counted.by_reason if asked.state in ("", state)} | {asked.reason} - {""}
    reasons = [("", _("All reasons")), *((code, in_words(code, purpose)) for code in REASONS if code in found)]
    return [
        {"name": "state", "label": _("State"), "kind": "select", "value": asked.state, "options": states},
        {"name": "reason", "label": _("Reason"), "kind": "select", "value": asked.reason, "options": reasons},
    ]


def _address(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


@require_GET
@requires("campaigns.view_campaign", "patients.view_patient", "patients.export_patient")
def campaign_people_export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The list as a file; who took it away is noted first."""
    campaign = get_object_or_404(Campaign, pk=pk)
    file_format = request.GET.get("format", "")
    if file_format not in FORMATS:
        raise Http404
    asked = PeopleFilter.parse(request.GET.get("state", ""), request.GET.get("reason", ""))
    chunks: Iterator[bytes] = exports.people(campaign, asked, file_format=file_format, user=request.user)
    return file_answer(chunks, f"campaign-{pk}", file_format, timezone.localdate())
