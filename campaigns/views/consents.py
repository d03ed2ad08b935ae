"""Consents as the clinic sees them: the share that may be written to, imports with proof, the texts patients read."""

import csv
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from campaigns.models import Channel, ChannelReach, ConsentText, Purpose
from campaigns.services.consents import consent_files, consent_import
from campaigns.tasks import import_consents
from patients.access import requires
from patients.files.readers import FileError
from patients.models import IngestBatch, Integration, Rejected
from patients.models.intake import Resource

VIEW, IMPORT = "patients.view_consent", "patients.add_ingestbatch"
SHOWN_BATCHES, PAGE = 20, 100


class ImportForm(forms.Form):
    """The file, and what holds for every row whose column is empty or missing."""

    file = forms.FileField(label=gettext_lazy("File"), help_text=gettext_lazy("CSV or Excel, one word in a row."))
    source_system = forms.ModelChoiceField(
        Integration.objects.filter(active=True), label=gettext_lazy("Source"), empty_label=gettext_lazy("choose"),
        help_text=gettext_lazy("Whose patient ids stand in the file; phones and e-mails are looked for everywhere."),
    )  # fmt: skip
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), required=False,
        choices=[("", gettext_lazy("as in the file")), *Channel.choices],
    )  # fmt: skip
    purpose = forms.ChoiceField(
        label=gettext_lazy("What for"), required=False,
        choices=[("", gettext_lazy("as in the file")), *Purpose.choices],
    )  # fmt: skip
    granted = forms.ChoiceField(
        label=gettext_lazy("The word"), required=False,
        choices=[
            ("", gettext_lazy("as in the file")), ("yes", gettext_lazy("agreed")), ("no", gettext_lazy("refused")),
        ],
    )  # fmt: skip
    text_version = forms.CharField(label=gettext_lazy("Version of the text"), required=False, max_length=40)
    source = forms.CharField(
        label=gettext_lazy("Where it was given"), required=False, max_length=120,
        help_text=gettext_lazy("Front desk, website form, app."),
    )  # fmt: skip
    proof = forms.CharField(
        label=gettext_lazy("Proof"), required=False, max_length=200,
        help_text=gettext_lazy("Where the signed forms, recordings or logs are kept."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            select = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "form-select" if select else "form-control"

    def clean(self) -> dict[str, Any]:
        """The file is kept and its head read, so that a wrong one is told here and not by a worker."""
        data = super().clean() or {}
        if self.errors:
            return data
        upload: UploadedFile = data["file"]
        defaults = {name: data[name] for name in consent_import.DEFAULTED if data.get(name)}
        try:
            data["upload"] = consent_import.keep(
                upload.chunks(), upload.name or "file", data["source_system"], defaults, timezone.now()
            )
        except FileError as error:
            self.add_error("file", str(error))
        return data


@require_GET
@requires(VIEW)
def consents(request: HttpRequest) -> HttpResponse:
    """The last stored night by channel, the last imports, the texts in use."""
    batches = list(
        IngestBatch.objects.filter(resource=Resource.CONSENTS, origin=IngestBatch.Origin.FILE)
        .select_related("source").order_by("-pk")[:SHOWN_BATCHES]
    )  # fmt: skip
    newest = ChannelReach.objects.values_list("as_of", flat=True).first()
    reach = list(ChannelReach.objects.filter(as_of=newest)) if newest else []
    order = {code: place for place, code in enumerate(Channel.values)}
    reach.sort(key=lambda row: order.get(row.channel, 9))
    context = {
        "reach": reach,
        "as_of": newest,
        "base": reach[0].patients if reach else 0,
        "batches": batches,
        "running": any(batch.state == IngestBatch.State.RUNNING for batch in batches),
        "texts": list(ConsentText.objects.all()[:SHOWN_BATCHES]),
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "campaigns/_consent_batches.html", context)
    return render(request, "campaigns/consents.html", context)


@require_http_methods(["GET", "POST"])
@requires(VIEW, IMPORT)
def consent_import_page(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        import_consents.delay(form.cleaned_data["upload"])
        messages.success(request, _("The consents are being imported; what became of each row is shown below."))
        return redirect("consents")
    context = {
        "form": form,
        "columns": [(names[0], names[1:3]) for names in consent_files.COLUMNS.values()],
        "sources": Integration.objects.filter(active=True).exists(),
    }
    return render(request, "campaigns/consent_import.html", context)


@require_GET
@requires(VIEW, IMPORT)
def consent_sample(request: HttpRequest) -> HttpResponse:
    """A file to fill in: the columns and two rows."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="consents.csv"'
    response.write("\ufeff")
    csv.writer(response, delimiter=";").writerows(consent_files.SAMPLE)
    return response


@require_GET
@requires(VIEW, IMPORT)
def consent_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows of an import that were refused, by their lines."""
    batch = get_object_or_404(IngestBatch, pk=pk, resource=Resource.CONSENTS)
    word = request.GET.get("from", "")
    after = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else -1
    rows = list(Rejected.objects.filter(batch=batch, row__gt=after).order_by("row", "pk")[: PAGE + 1])
    context = {
        "batch": batch,
        "rows": [{"item": item, "errors": _errors(item), "said": _said(item)} for item in rows[:PAGE]],
        "next_url": f"{request.path}?from={rows[PAGE - 1].row}" if len(rows) > PAGE else "",
    }
    return render(request, "campaigns/consent_batch.html", context)


def _said(item: Rejected) -> list[tuple[str, str]]:
    """The row as it came, in the order of the columns."""
    payload = item.payload if isinstance(item.payload, dict) else {}
    return [(known[0], str(payload[name])) for name, known in consent_files.COLUMNS.items() if name in payload]


def _errors(item: Rejected) -> list[tuple[str, str]]:
    errors = item.errors if isinstance(item.errors, dict) else {"": item.errors}
    names = {name: known[0] for name, known in consent_files.COLUMNS.items()}
    return [
        (names.get(name, name), " ".join(map(str, texts)) if isinstance(texts, list) else str(texts))
        for name, texts in errors.items()
    ]
