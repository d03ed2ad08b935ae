"""The wizard: audience → offer and variants → channels → when → check → launch. One address per step.

A step is saved by "next"; the draft can be left at any time and gone on with later. Steps that have been saved can be
opened in any order, and nothing is sent before the last one is confirmed.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from campaigns.models import Campaign
from campaigns.services.deciding import checking
from campaigns.services.running import drafts, starting
from campaigns.services.writing import campaign_previews
from campaigns.views import wizard_check, wizard_steps
from campaigns.views.wizard_forms import AudienceForm
from patients.access import requires

TITLES = {
    "audience": gettext_lazy("Audience"),
    "offer": gettext_lazy("Offer and variants"),
    "channels": gettext_lazy("Channels"),
    "when": gettext_lazy("When"),
    "check": gettext_lazy("Check"),
    "launch": gettext_lazy("Launch"),
}
SENTENCES = {
    "audience": gettext_lazy("Whom to write to. The number below the conditions counts while you choose."),
    "offer": gettext_lazy("What the patient reads. Two variants or more are compared with each other by themselves."),
    "channels": gettext_lazy("The cheapest channel on which the patient may be reached is used, and only that one."),
    "when": gettext_lazy("When it goes out, how fast, and how the result will be proven."),
    "check": gettext_lazy("Counted by the same rules that will send. Nothing has been sent yet."),
    "launch": gettext_lazy("Read it once more. After the launch texts and audience stay as they are."),
}


@dataclass(frozen=True)
class StepLink:
    """A step on top of the page. `state`: done | current | open | locked."""

    number: int
    title: str
    url: str
    state: str


def step_links(campaign: Campaign | None, current: str) -> list[StepLink]:
    saved = campaign.steps_saved if campaign else 0
    links = []
    for number, code in enumerate(drafts.STEPS):
        state = "current" if code == current else "done" if number < saved else "open" if number == saved else "locked"
        url = reverse("campaign_edit", args=[campaign.pk, code]) if campaign and state != "locked" else ""
        links.append(StepLink(number + 1, str(TITLES[code]), url, state))
    return links


def frame(campaign: Campaign | None, step: str) -> dict[str, Any]:
    """What every step shows around its form."""
    place = drafts.STEPS.index(step)
    before = drafts.STEPS[place - 1] if place else ""
    return {
        "campaign": campaign,
        "step": step,
        "step_title": TITLES[step],
        "sentence": SENTENCES[step],
        "steps": step_links(campaign, step),
        "back_url": reverse("campaign_edit", args=[campaign.pk, before]) if campaign and before else "",
    }


@requires("campaigns.add_campaign")
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_new(request: HttpRequest) -> HttpResponseBase:
    """The first step of a draft that does not exist yet: it is made by "next"."""
    start = starting.of_query(request.GET, request.GET.getlist("segment"), request.GET.getlist("branch"))
    if request.method == "POST":
        key = _draft_key(request.POST.get("draft_key", ""))
        form = AudienceForm(request.POST)
        if form.is_valid():
            made = drafts.create(request.user, key, form.values(), form.cleaned_data["branches"])
            return _onwards(request, made.pk, "audience")
    else:
        key = uuid.uuid4()
        form = AudienceForm(initial={"name": start.name, "branches": start.branches, "purpose": "marketing"})
    context = {
        **frame(None, "audience"),
        **wizard_steps.audience_context(form, start.tree, None),
        "draft_key": key,
        "start_segments": start.segments,
    }
    return render(request, "campaigns/wizard/audience.html", context)


def _draft_key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()


def _onwards(request: HttpRequest, pk: int, step: str) -> HttpResponseBase:
    """After a step has been saved: the next one, or out."""
    if request.POST.get("do") == "close":
        messages.success(request, _("The draft is saved. Go on with it whenever you like."))
        return redirect("campaign", pk)
    place = drafts.STEPS.index(step)
    return redirect("campaign_edit", pk, drafts.STEPS[min(place + 1, len(drafts.STEPS) - 1)])


@requires("campaigns.change_campaign")
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_edit(request: HttpRequest, pk: int, step: str) -> HttpResponseBase:
    """One step of a draft."""
    if step not in drafts.STEPS:
        raise Http404
    campaign = get_object_or_404(Campaign, pk=pk)
    if campaign.state != Campaign.State.DRAFT:
        messages.info(request, _("This campaign is no longer a draft and cannot be edited. A copy of it can."))
        return redirect("campaign", pk)
    if not drafts.reached(campaign, step):
        messages.info(request, _("This step comes later: go on here first."))
        return redirect("campaign_edit", pk, drafts.next_step(campaign))
    try:
        return _HANDLERS[step](request, campaign, timezone.now())
    except drafts.NotADraft:
        messages.info(request, _("The campaign was launched or deleted in another window; nothing was saved here."))
        return redirect("campaigns")


def _audience(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    if request.method == "POST":
        form = AudienceForm(request.POST)
        if form.is_valid():
            drafts.save_audience(campaign.pk, form.values(), form.cleaned_data["branches"])
            return _onwards(request, campaign.pk, "audience")
    else:
        everybody = wizard_steps.is_for_everybody(campaign)
        form = AudienceForm(
            initial={
                "name": campaign.name, "purpose": campaign.purpose, "branches": campaign.branches.all(),
                "everybody": everybody,
            }
        )  # fmt: skip
    audience = campaign.audience or {}
    context = {
        **frame(campaign, "audience"),
        **wizard_steps.audience_context(form, audience.get("where") or {}, audience.get("except")),
    }
    return render(request, "campaigns/wizard/audience.html", context)


def _offer(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    forms = wizard_steps.variant_forms(campaign, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        done = wizard_steps.save_offer(campaign, forms, request.POST)
        if done == "next":
            return _onwards(request, campaign.pk, "offer")
        if done == "stay":
            return redirect("campaign_edit", campaign.pk, "offer")
    saved = campaign.steps_saved > drafts.STEPS.index("offer")
    context = {
        **frame(campaign, "offer"),
        **wizard_steps.offer_context(campaign, forms),
        "previews": campaign_previews.of_campaign(campaign, now) if saved else [],
        "problems": wizard_check.problems(campaign, now) if saved else [],
    }
    return render(request, "campaigns/wizard/offer.html", context)


def _channels(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    error = ""
    if request.method == "POST":
        chosen, error = wizard_steps.chosen_channels(campaign, request.POST)
        if not error:
            drafts.save_channels(campaign.pk, chosen)
            if request.POST.get("do", "").partition(":")[0] in ("up", "down"):
                return redirect("campaign_edit", campaign.pk, "channels")
            return _onwards(request, campaign.pk, "channels")
    context = {**frame(campaign, "channels"), **wizard_steps.channels_context(campaign, now), "error": error}
    return render(request, "campaigns/wizard/channels.html", context)


def _when(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    form = wizard_steps.when_form(campaign, request.POST if request.method == "POST" else None, now)
    if request.method == "POST" and form.is_valid():
        drafts.save_when(campaign.pk, form.values())
        return _onwards(request, campaign.pk, "when")
    context = {**frame(campaign, "when"), **wizard_steps.when_context(campaign, form, now)}
    return render(request, "campaigns/wizard/when.html", context)


def _check(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    if request.method == "POST":
        if request.POST.get("do") == "again":
            checking.forget(campaign)
            return redirect("campaign_edit", campaign.pk, "check")
        drafts.passed_check(campaign.pk)
        return _onwards(request, campaign.pk, "check")
    context = {**frame(campaign, "check"), **wizard_check.check_context(campaign, now)}
    return render(request, "campaigns/wizard/check.html", context)


def _launch(request: HttpRequest, campaign: Campaign, now: dt.datetime) -> HttpResponseBase:
    if request.method == "POST":
        raise Http404  # the launch is an action of the campaign's page: campaigns.views.actions
    context = {**frame(campaign, "launch"), **wizard_check.launch_context(campaign, now, request.user)}
    return render(request, "campaigns/wizard/launch.html", context)


_HANDLERS: dict[str, Callable[[HttpRequest, Campaign, dt.datetime], HttpResponseBase]] = {
    "audience": _audience, "offer": _offer, "channels": _channels, "when": _when, "check": _check, "launch": _launch,
}  # fmt: skip


@require_GET
@requires("campaigns.change_campaign")
def campaign_check(request: HttpRequest, pk: int) -> HttpResponse:
    """The outcome of the check alone, asked for until it is there."""
    campaign = get_object_or_404(Campaign, pk=pk, state=Campaign.State.DRAFT)
    context = wizard_check.check_context(campaign, timezone.now())
    return render(request, "campaigns/wizard/_check.html", {"campaign": campaign, **context})


@require_GET
@requires("campaigns.change_campaign")
def campaign_power(request: HttpRequest, pk: int) -> HttpResponse:
    """What a hold-out of `?holdout_percent=` buys, in a sentence, while the marketer types."""
    campaign = get_object_or_404(Campaign, pk=pk)
    text = request.GET.get("holdout_percent", "")
    percent = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    sentence = wizard_steps.power(campaign, percent, timezone.now())
    return render(request, "campaigns/wizard/_power.html", {"sentence": sentence})
