"""The suppression list: how many and why, looking one up, adding, lifting. Addresses are posted, never in a URL."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.models import Channel, Suppression
from campaigns.selectors import addresses as listing
from campaigns.services.consents import suppression_lists, suppressions
from patients.access import requires

VIEW, ADD, LIFT = "campaigns.view_suppression", "campaigns.add_suppression", "campaigns.change_suppression"
FILE_LIMIT = 8 * 1024 * 1024


class LookUpForm(forms.Form):
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Channel.choices)
    address = forms.CharField(label=gettext_lazy("E-mail or phone"), max_length=254)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "look_%s", **kwargs})
        self.fields["channel"].widget.attrs["class"] = "form-select"
        self.fields["address"].widget.attrs.update({"class": "form-control", "autocomplete": "off"})


class AddForm(forms.Form):
    """One address or many, on one channel, for one reason."""

    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Channel.choices)
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"), choices=Suppression.Reason.choices, initial=Suppression.Reason.MANUAL
    )
    marketing_only = forms.TypedChoiceField(
        label=gettext_lazy("What stops"),
        choices=[("1", gettext_lazy("advertising only")), ("0", gettext_lazy("everything, reminders too"))],
        coerce=lambda word: word == "1",
    )
    addresses = forms.CharField(
        label=gettext_lazy("Addresses"), required=False, max_length=FILE_LIMIT, widget=forms.Textarea({"rows": 6}),
        help_text=gettext_lazy("One in a line."),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("or a file"), required=False,
        help_text=gettext_lazy("CSV or text; the address stands in the first column."),
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=150, required=False,
        help_text=gettext_lazy("Where this comes from. No address and no name here."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            select = name in {"channel", "reason", "marketing_only"}
            field.widget.attrs["class"] = "form-select" if select else "form-control"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload = data.get("file")
        text = data.get("addresses") or ""
        if upload is not None:
            if upload.size > FILE_LIMIT:
                self.add_error("file", _("At most 8 MB: divide the file."))
                return data
            text = _decoded(upload.read()) + "\n" + text
        lines = text.count("\n")
        if lines > suppression_lists.MOST:
            self.add_error("file", _("At most 100 000 lines at once: divide the file."))
        elif not text.strip() and not self.errors:
            self.add_error("addresses", _("Write at least one address or choose a file."))
        data["text"] = text.replace("\x00", "")
        return data


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1251", "replace")


@require_GET
@requires(VIEW)
def suppressed(request: HttpRequest) -> HttpResponse:
    return _list(request, LookUpForm(), None)


@require_POST
@requires(VIEW)
def look_up(request: HttpRequest) -> HttpResponse:
    """Whether an address is suppressed; it is hashed, looked for and forgotten."""
    form = LookUpForm(request.POST)
    result = None
    if form.is_valid():
        channel = form.cleaned_data["channel"]
        address = suppressions.readable(channel, form.cleaned_data["address"])
        if address is None:
            form.add_error("address", _("This is no address of that channel."))
        else:
            key = suppressions.address_key(address)
            rows = list(Suppression.objects.filter(channel=channel, address_key=key).order_by("lifted_at", "-pk")[:20])
            result = {
                "masked": suppressions.masked(address),
                "rows": rows,
                "open": [r for r in rows if not r.lifted_at],
            }
    return _list(request, form, result)


def _list(request: HttpRequest, form: LookUpForm, result: dict[str, Any] | None) -> HttpResponse:
    channel = _known(request.GET.get("channel", ""), Channel.values)
    reason = _known(request.GET.get("reason", ""), Suppression.Reason.values)
    lifted = request.GET.get("state") == "lifted"
    found, next_key = listing.page(listing.rows(channel, reason, lifted), _key(request))
    known = listing.current_addresses(found)
    counts = listing.open_counts()
    query = request.GET.copy()
    query["from"] = next_key
    context = {
        "form": form,
        "result": result,
        "rows": [
            listing.Shown(
                row,
                listing.fingerprint(row.address_key),
                suppressions.masked(known[row.pk]) if row.pk in known else "",
                (row.message.recipient_id or row.message.patient_id) if row.message else None,
            )
            for row in found
        ],
        "next_url": f"{request.path}?{query.urlencode()}" if next_key else "",
        "channels": Channel.choices,
        "counts": [
            {"label": label, "by_channel": list(counts[code].values()), "all": sum(counts[code].values())}
            for code, label in Suppression.Reason.choices
        ],
        "total": sum(n for by_channel in counts.values() for n in by_channel.values()),
        "filtered": bool(channel or reason or lifted),
        "lifted": lifted,
        "filters": _filters(channel, reason, lifted),
    }
    return render(request, "campaigns/suppressions.html", context)


def _filters(channel: str, reason: str, lifted: bool) -> list[dict[str, Any]]:
    every = ("", _("all"))
    return [
        {"name": "channel", "label": _("Channel"), "kind": "select", "value": channel,
         "options": [every, *Channel.choices]},
        {"name": "reason", "label": _("Reason"), "kind": "select", "value": reason,
         "options": [every, *Suppression.Reason.choices]},
        {"name": "state", "label": _("State"), "kind": "select", "value": "lifted" if lifted else "",
         "options": [("", _("suppressed")), ("lifted", _("lifted"))]},
    ]  # fmt: skip


def _known(word: str, words: list[str]) -> str:
    return word if word in words else ""


def _key(request: HttpRequest) -> int | None:
    word = request.GET.get("from", "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None


@require_http_methods(["GET", "POST"])
@requires(VIEW, ADD)
def suppression_add(request: HttpRequest) -> HttpResponse:
    """One address or a list; afterwards every line that was refused is shown with its reason."""
    form, report = AddForm(request.POST or None, request.FILES or None), None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        note = " — ".join(filter(None, (data["note"], request.user.get_username())))
        report = suppression_lists.add(
            data["text"], data["channel"], data["reason"], timezone.now(),
            marketing_only=data["marketing_only"], note=note,
        )  # fmt: skip
        if not report.lines:
            form.add_error("addresses", _("There is no address in it."))
            report = None
        else:
            form = AddForm()
    return render(request, "campaigns/suppression_add.html", {"form": form, "report": report})


@require_http_methods(["GET", "POST"])
@requires(VIEW, LIFT)
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """An administrator lets messages go to the address again, and says why."""
    row = get_object_or_404(Suppression, pk=pk)
    why = request.POST.get("why", "").replace("\x00", "").strip()
    problem = ""
    if request.method == "POST":
        if not why:
            problem = _("Say why: the reason stays in the list.")
        else:
            note = " → ".join(filter(None, (row.note[:80], f"{why[:90]} — {request.user.get_username()}")))
            if suppressions.lift(pk, note, timezone.now()):
                messages.success(request, _("The address may be written to again."))
            else:
                messages.info(request, _("It was lifted before."))
            return redirect("suppressions")
    context = {"row": row, "problem": problem, "why": why, "fingerprint": listing.fingerprint(row.address_key)}
    return render(request, "campaigns/suppression_lift.html", context)
