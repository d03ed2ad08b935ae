"""The mailbox of a local installation: what was sent, as the patient would see it."""

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods

from campaigns.models import CaughtMessage, Channel, ChannelAccount, Message
from campaigns.rendering.sms import parts
from campaigns.reports.letters import in_a_frame, letter
from campaigns.selectors import mailbox as selector
from campaigns.selectors.call_origins import of_messages
from campaigns.services.sending.accounts import CATCHER
from patients.access import requires
from patients.selectors.contacts import masked, readable_phone

LOOKS = ("mail", "phone", "plain", "headers")
# A mail is a stranger's page: no scripts, no forms, nothing of ours; pictures and styles are what it is made of.
_OF_A_MAIL = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaigns.view_caughtmessage")
def mailbox(request: HttpRequest) -> HttpResponse:
    """The newest messages. An address to look for is posted, so that it gets into no log."""
    words = request.POST.get("q", "")
    before = request.POST.get("from", "") or request.GET.get("from", "")
    asked = selector.Asked.parse(request.GET.get("channel", ""), request.GET.get("campaign", ""), words, before)
    rows, after = selector.page(asked)
    shown = _Shown(request)
    context = {
        "asked": asked,
        "rows": [{"row": row, "to": shown.address(row.caught)} for row in rows],
        "filters": _filters(asked),
        "next": after,
        "next_url": _next_url(request, after) if after and not asked.words else "",
        "headline": _headline(asked, bool(rows)),
        "waiting": "" if asked.narrows else _waiting(timezone.now()),
        "caught_channels": ChannelAccount.objects.filter(params__provider=CATCHER).exists(),
    }
    template = "campaigns/_mailbox_rows.html" if request.headers.get("HX-Request") else "campaigns/mailbox.html"
    return render(request, template, context)


@require_GET
@requires("campaigns.view_caughtmessage")
def caught(request: HttpRequest, pk: int) -> HttpResponse:
    """One message with what the ledger knows of it."""
    found = get_object_or_404(CaughtMessage, pk=pk)
    look = request.GET.get("look", "")
    context: dict[str, Any] = {
        "caught": found,
        "to": _Shown(request).address(found),
        "message": _message(found),
        "origin": of_messages([found.message_id]).get(found.message_id) if found.message_id else None,
        "looks": [(name, label, name == (look or "mail")) for name, label in _looks()],
        "look": look if look in LOOKS else "mail",
    }
    if found.channel == Channel.SMS:
        text = bytes(found.raw).decode("utf-8", "replace")
        return render(request, "campaigns/caught.html", {**context, "text": text, "counted": parts(text)})
    return render(request, "campaigns/caught.html", {**context, "letter": letter(bytes(found.raw))})


@require_GET
@xframe_options_sameorigin
@requires("campaigns.view_caughtmessage")
def caught_body(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail itself, for the frame of the page above; on its own it is as locked up as there."""
    found = get_object_or_404(CaughtMessage, pk=pk, channel=Channel.EMAIL)
    response = HttpResponse(in_a_frame(letter(bytes(found.raw)).html), content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = _OF_A_MAIL
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


class _Shown:
    """Addresses for those who may see contacts, their outlines for the others."""

    def __init__(self, request: HttpRequest) -> None:
        self._whole = request.user.has_perm("patients.view_contacts")

    def address(self, found: CaughtMessage) -> str:
        if not self._whole:
            return masked(found.to)
        return readable_phone(found.to) if found.channel == Channel.SMS else found.to


def _message(found: CaughtMessage) -> Message | None:
    if not found.message_id:
        return None
    return Message.objects.filter(pk=found.message_id).select_related("patient").prefetch_related("events").first()


def _looks() -> list[tuple[str, str]]:
    return [
        ("mail", _("As in the mail program")), ("phone", _("As on a phone")), ("plain", _("Plain text")),
        ("headers", _("Headers")),
    ]  # fmt: skip


def _filters(asked: selector.Asked) -> list[dict[str, Any]]:
    channels = [("", _("all")), *((str(code), str(label)) for code, label in Channel.choices if code != Channel.CALL)]
    campaigns = [("", _("all")), *((str(one.pk), one.name) for one in selector.campaigns_caught())]
    return [
        {"name": "channel", "label": _("Channel"), "kind": "select", "value": asked.channel, "options": channels},
        {
            "name": "campaign", "label": _("Campaign"), "kind": "select",
            "value": str(asked.campaign or ""), "options": campaigns,
        },
    ]  # fmt: skip


def _headline(asked: selector.Asked, any_rows: bool) -> str:
    if not any_rows and not asked.narrows:
        return _("Nothing was sent yet. Messages of this installation come here and go to nobody.")
    kept = CaughtMessage.objects.order_by("-pk").values_list("pk", flat=True)[:1_000].count()
    if kept >= 1_000:
        return _("What was sent stays here and went to nobody: more than 1,000 messages, the newest first.")
    return ngettext(
        "What was sent stays here and went to nobody: %(n)s message.",
        "What was sent stays here and went to nobody: %(n)s messages.",
        kept,
    ) % {"n": kept}


def _waiting(now: dt.datetime) -> str:
    """Why something planned is not here yet, or "" when nothing waits."""
    number, first = selector.waiting(now)
    if first is None:
        return ""
    shown = _("1,000 or more") if number >= selector.WAITING else str(number)
    return ngettext(
        "%(shown)s message waits for its time, until %(moment)s: at night nothing is written to patients.",
        "%(shown)s messages wait for their time, the next goes on %(moment)s: at night nothing is written to patients.",
        number,
    ) % {"shown": shown, "moment": date_format(timezone.localtime(first), "SHORT_DATETIME_FORMAT")}


def _next_url(request: HttpRequest, after: int) -> str:
    query = request.GET.copy()
    query["from"] = str(after)
    return f"{reverse('mailbox')}?{query.urlencode()}"
