"""The buttons of a campaign. What cannot be taken back asks first, on a page that says what will happen."""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from campaigns.models import Campaign
from campaigns.selectors import progress
from campaigns.services.running import drafts, lifecycle
from patients.access import requires

Act = Callable[[Campaign, Any, dt.datetime, HttpRequest], HttpResponseBase | None]
LAUNCH, APPROVE, CHANGE, ADD = (
    "campaigns.launch_campaign", "campaigns.approve_campaign", "campaigns.change_campaign", "campaigns.add_campaign",
)  # fmt: skip


@dataclass(frozen=True)
class Button:
    """`asks`: the question of the confirmation page, with `why` below it; empty for what can be taken back.

    `states`: in which it is offered; the domain looks again. `note`: the confirmation takes a word for the author.
    """

    code: str
    label: str | Promise
    icon: str
    permission: str
    states: tuple[str, ...]
    act: Act
    done: str | Promise = ""
    asks: str | Promise = ""
    why: str | Promise = ""
    tone: str = ""
    note: bool = False


def _lifecycle(function: Callable[[int, Any, dt.datetime], Campaign]) -> Act:
    def act(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
        function(campaign.pk, user, now)
        return None

    return act


def _reject(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
    lifecycle.reject(campaign.pk, user, now, request.POST.get("note", "").strip())
    return None


def _copy(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
    try:
        key = uuid.UUID(request.POST.get("draft_key", ""))
    except ValueError:
        key = uuid.uuid4()
    name = _("%(name)s — copy") % {"name": campaign.name[:180]}
    made = drafts.copy(campaign.pk, user, key, name)
    messages.success(request, _("This is a copy with its own hold-out. Look at the time, then check and launch it."))
    return redirect("campaign_edit", made.pk, "when")


def _delete(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
    if not drafts.delete(campaign.pk):
        raise lifecycle.NotAllowed(_("Only a draft can be deleted."))
    messages.success(request, _("The draft is deleted."))
    return redirect("campaigns")


def _archive(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
    drafts.archive(campaign.pk, now)
    return None


def _unarchive(campaign: Campaign, user: Any, now: dt.datetime, request: HttpRequest) -> HttpResponseBase | None:
    drafts.unarchive(campaign.pk)
    return None


State = Campaign.State
OVER = (State.FINISHED, State.STOPPED)
BUTTONS = {
    button.code: button
    for button in (
        Button("launch", gettext_lazy("Launch"), "ti-send", LAUNCH, (), _lifecycle(lifecycle.submit)),
        Button("approve", gettext_lazy("Approve and launch"), "ti-check", APPROVE, (), _lifecycle(lifecycle.approve),
               gettext_lazy("Approved: the campaign is being planned.")),
        Button("reject", gettext_lazy("Send back"), "ti-arrow-back-up", "campaigns.view_campaign", (), _reject,
               gettext_lazy("The campaign is a draft again."), gettext_lazy("Send the campaign back to its author?"),
               gettext_lazy("It becomes a draft again; nothing has been sent. A word helps the author."), note=True),
        Button("pause", gettext_lazy("Pause"), "ti-player-pause", LAUNCH, (State.RUNNING,), _lifecycle(lifecycle.pause),
               gettext_lazy("Paused: nothing more is handed over. What is being sent this second still arrives.")),
        Button("resume", gettext_lazy("Go on"), "ti-player-play", LAUNCH, (State.PAUSED,), _lifecycle(lifecycle.resume),
               gettext_lazy("The campaign goes on: every message is checked again right before it is sent.")),
        Button("stop", gettext_lazy("Stop"), "ti-player-stop", LAUNCH, (State.PLANNING, State.RUNNING, State.PAUSED),
               _lifecycle(lifecycle.stop), gettext_lazy("Stopped for good."),
               gettext_lazy("Stop the campaign for good?"),
               gettext_lazy("What has not been sent never will be. This cannot be taken back; to wait a little, pause "
                            "it instead. Results of what was sent are counted on."), tone="danger"),
        Button("retry_failed", gettext_lazy("Retry what failed"), "ti-refresh", LAUNCH,
               (State.RUNNING, State.PAUSED, State.FINISHED), _lifecycle(lifecycle.retry_failed),
               gettext_lazy("What failed is planned once more."), gettext_lazy("Try once more what failed?"),
               gettext_lazy("These messages were certainly not sent: the provider refused them or did not work. Each "
                            "is checked again first; addresses that do not exist stay suppressed.")),
        Button("release_unknown", gettext_lazy("Send the unknown ones"), "ti-help-circle", LAUNCH,
               (State.RUNNING, State.PAUSED, State.FINISHED), _lifecycle(lifecycle.release_unknown),
               gettext_lazy("The unknown messages are planned once more."),
               gettext_lazy("Send again what may have been sent?"),
               gettext_lazy("Nobody knows whether these messages went out: the process died, or the provider did not "
                            "answer. Some patients may get the message twice. Look into the provider's list first."),
               tone="danger"),
        Button("copy", gettext_lazy("Copy as a new draft"), "ti-copy", ADD, tuple(State.values), _copy),
        Button("archive", gettext_lazy("Archive"), "ti-archive", CHANGE, (State.DRAFT, *OVER), _archive,
               gettext_lazy("Archived. The filter “archived” of the list shows it.")),
        Button("unarchive", gettext_lazy("Back from the archive"), "ti-archive-off", CHANGE, (), _unarchive,
               gettext_lazy("The campaign is in the list again.")),
        Button("delete", gettext_lazy("Delete the draft"), "ti-trash", CHANGE, (State.DRAFT,), _delete,
               asks=gettext_lazy("Delete this draft?"),
               why=gettext_lazy("Nothing was sent from it. It cannot be brought back."), tone="danger"),
    )
}  # fmt: skip


def offered(campaign: Campaign, user: Any, counted: progress.Progress) -> list[dict[str, Any]]:
    """The buttons for this campaign and this reader, each with how many messages it is about."""
    found: list[dict[str, Any]] = []
    now = timezone.now()
    about = {"retry_failed": counted.of("failed"), "release_unknown": counted.of("unknown")}
    for button in BUTTONS.values():
        shown = campaign.archived_at is not None if button.code == "unarchive" else campaign.state in button.states
        if button.code in ("archive", "delete") and campaign.archived_at is not None:
            shown = False
        if button.code in about and campaign.ended_at and campaign.ended_at < now - dt.timedelta(campaign.window_days):
            shown = False  # what was to be said then is not to be said now
        if not shown or not user.has_perm(button.permission) or about.get(button.code) == 0:
            continue
        found.append({"button": button, "number": about.get(button.code)})
    return found


@requires("campaigns.view_campaign")
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_action(request: HttpRequest, pk: int, action: str) -> HttpResponseBase:
    """GET asks, POST does it. Pressed twice, it is done once."""
    button = BUTTONS.get(action)
    if button is None:
        raise Http404
    return _permitted(button)(request, pk)


def _permitted(button: Button) -> Callable[[HttpRequest, int], HttpResponseBase]:
    @requires(button.permission)
    def answer(request: HttpRequest, pk: int) -> HttpResponseBase:
        campaign = Campaign.objects.filter(pk=pk).first()
        if campaign is None:
            if button.code == "delete":  # pressed twice
                return redirect("campaigns")
            raise Http404
        if request.method != "POST":
            if not button.asks:
                return redirect("campaign", pk)
            return render(request, "campaigns/confirm.html", _question(button, campaign))
        try:
            answered = button.act(campaign, request.user, timezone.now(), request)
        except lifecycle.NotAllowed as refusal:
            messages.error(request, str(refusal))
            return redirect("campaign", pk)
        if answered is not None:
            return answered
        if button.done:
            messages.success(request, str(button.done))
        return redirect("campaign", pk)

    return answer


def _question(button: Button, campaign: Campaign) -> dict[str, Any]:
    counted = progress.of_campaign(campaign.pk)
    numbers = {
        "stop": counted.waiting, "retry_failed": counted.of("failed"), "release_unknown": counted.of("unknown")
    }  # fmt: skip
    return {"button": button, "campaign": campaign, "number": numbers.get(button.code)}
