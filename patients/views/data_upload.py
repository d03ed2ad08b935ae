"""Import of a file from the browser: the file and its mapping are kept, a worker takes them in."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from patients.access import requires
from patients.files.layout import MappingError
from patients.files.readers import FileError
from patients.files.uploads import keep, shipped_mapping, shipped_mappings
from patients.models import Integration
from patients.tasks import import_upload

MAPPING_LIMIT = 256 * 1024


class UploadForm(forms.Form):
    """A file, the source its rows belong to, and a mapping: one of those shipped or the reader's own."""

    file = forms.FileField(label=_("File"), help_text=_("CSV, text in columns or Excel."), allow_empty_file=True)
    source = forms.ModelChoiceField(
        Integration.objects.outside().filter(active=True),
        label=_("Source"),
        help_text=_("Whose ids stand in the file."),
    )
    mapping = forms.ChoiceField(label=_("Mapping"), required=False)
    own_mapping = forms.FileField(
        label=_("Own mapping"), required=False, help_text=_("A TOML file; used instead of the one chosen above.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("choose…")), *((name, f"{name}.toml") for name in shipped_mappings())]
        self.fields["mapping"].choices = choices  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            select = name in {"source", "mapping"}
            field.widget.attrs["class"] = "form-select" if select else "form-control"

    def clean(self) -> dict[str, Any]:
        """The mapping as text; the file is stored and its head read, so that a wrong mapping is told here."""
        data = super().clean() or {}
        if self.errors:
            return data
        toml = self._toml(data)
        if toml is None:
            return data
        upload: UploadedFile = data["file"]
        try:
            data["upload"] = keep(upload.chunks(), upload.name or "file", toml, data["source"])
        except MappingError as error:
            self.add_error("own_mapping" if data.get("own_mapping") else "mapping", str(error))
        except FileError as error:
            self.add_error("file", str(error))
        return data

    def _toml(self, data: dict[str, Any]) -> str | None:
        own: UploadedFile | None = data.get("own_mapping")
        if own is None:
            if not data.get("mapping"):
                self.add_error("mapping", _("Choose a mapping or give your own."))
                return None
            return shipped_mapping(data["mapping"])
        if (own.size or 0) > MAPPING_LIMIT:
            self.add_error("own_mapping", _("This is too large for a mapping."))
            return None
        try:
            return own.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("own_mapping", _("A mapping is written in UTF-8."))
            return None


@require_http_methods(["GET", "POST"])
@requires("patients.view_ingestbatch", "patients.add_ingestbatch")
def data_upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        import_upload.delay(form.cleaned_data["upload"])
        messages.success(request, _("The file is being imported; its progress is shown below."))
        return redirect("data")
    return render(
        request,
        "patients/data_upload.html",
        {"form": form, "sources": Integration.objects.outside().filter(active=True).exists()},
    )
