"""Own segments: made from conditions or from a list, changed, archived, brought back."""

import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from patients import wording
from patients.access import requires
from patients.files.readers import FileError
from segmentation import conditions
from segmentation.kinds import MEMBERS, own_kinds
from segmentation.models import Segment, Segmentation
from segmentation.models.segmentations import HEX_COLOUR
from segmentation.services import lists, own

SHOWN_ROWS = 500
LARGEST_FILE = 20 * 1024 * 1024
MAY_CHANGE = ("segmentation.view_segment", "segmentation.change_segment")
# Apart from each other for everybody, and from the colours of the built-in segments.
COLOURS = ("#4c6ef5", "#ae3ec9", "#0c8599", "#e8590c", "#2b8a3e", "#c2255c", "#5c7080", "#9c6d00")


class OwnForm(forms.Form):
    """Names, colour, and the code under which the segment is kept; chosen when the form is shown."""

    code = forms.CharField(widget=forms.HiddenInput, validators=[RegexValidator(r"^own-[0-9a-f]{6,32}$")])
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=120, required=False)
    colour = forms.CharField(
        label=gettext_lazy("Colour"), validators=[HEX_COLOUR], widget=forms.TextInput(attrs={"type": "color"})
    )
    tactic = forms.CharField(
        label=gettext_lazy("Tactic"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("What to do with these patients; shown on the page of the segment."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-control form-control-color" if name == "colour" else "form-control"

    def look_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "name_en", "colour", "tactic")]

    def look(self) -> own.Look:
        data = self.cleaned_data
        return own.Look(data["name"], data["name_en"], data["colour"], {"tactic": data["tactic"]})


class RuleForm(OwnForm):
    where = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            tree = conditions.read(data.get("where") or "{}")
        except ValueError:
            tree = None
        wrong = own.problems(data.get("code", ""), tree)
        if wrong:
            self.add_error("where", [problem.message for problem in wrong])
        data["tree"] = tree
        return data


class ListForm(OwnForm):
    pasted = forms.CharField(
        label=gettext_lazy("Phones, e-mail addresses or numbers of cards"), required=False, max_length=4_000_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy("One per line. Whoever shares a phone is taken together."),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("Or a file"), required=False, allow_empty_file=True,
        help_text=gettext_lazy("CSV, text or Excel; in every row the first value that names a patient counts."),
    )  # fmt: skip
    replace = forms.BooleanField(label=gettext_lazy("Take the place of those who are on the list now"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["replace"].widget.attrs["class"] = "form-check-input"

    def list_fields(self) -> list[forms.BoundField]:
        return [self["pasted"], self["file"]]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            rows = [*lists.pasted_rows(data.get("pasted") or ""), *self._file_rows(data.get("file"))]
        except FileError as error:
            self.add_error("file", str(error))
            return data
        if not rows and not self.errors and not Segmentation.objects.filter(code=data.get("code")).exists():
            self.add_error("pasted", _("Write or upload at least one row."))
        data["rows"] = rows
        return data

    def _file_rows(self, upload: UploadedFile | None) -> list[lists.Row]:
        if upload is None:
            return []
        if (upload.size or 0) > LARGEST_FILE:
            raise FileError(_("The file is larger than 20 MB."))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list"
            with path.open("wb") as target:
                for chunk in upload.chunks():
                    target.write(chunk)
            return lists.file_rows(path, upload.name or "")


def _own(code: str) -> tuple[Segmentation, Segment]:
    segment = get_object_or_404(
        Segment.objects.select_related("segmentation"), segmentation__code=code, segmentation__kind__in=own_kinds(),
        code=MEMBERS,
    )  # fmt: skip
    return segment.segmentation, segment


def _initial(segment: Segment | None) -> dict[str, Any]:
    if segment is None:
        made = Segmentation.objects.filter(kind__in=own_kinds()).count()
        return {"code": own.new_code(), "colour": COLOURS[made % len(COLOURS)]}
    return {
        "code": segment.segmentation.code, "name": segment.name, "name_en": segment.name_en, "colour": segment.colour,
        "tactic": segment.tactic,
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
@requires(*MAY_CHANGE)
def own_new(request: HttpRequest) -> HttpResponse:
    """A segment by conditions. `?where=` may bring conditions along."""
    return _rule(request, None)


@require_http_methods(["GET", "POST"])
@requires(*MAY_CHANGE)
def list_new(request: HttpRequest) -> HttpResponse:
    return _list(request, None)


@require_http_methods(["GET", "POST"])
@requires(*MAY_CHANGE)
def own_edit(request: HttpRequest, code: str) -> HttpResponse:
    segmentation, segment = _own(code)
    return _rule(request, segment) if segmentation.kind == "rule" else _list(request, segment)


def _rule(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    initial = _initial(segment)
    form = RuleForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _is_mine(form, segment, "rule"):
        segmentation = own.save_rule(form.cleaned_data["code"], form.look(), form.cleaned_data["tree"])
        return _saved(request, segmentation)
    tree = request.POST.get("where") if request.method == "POST" else None
    if tree is None:
        tree = segment.segmentation.params.get("where") if segment else request.GET.get("where", "")
    context = {"form": form, "segment": segment, "tree": tree, "errors": form.errors.get("where")}
    return render(request, "segmentation/own_rule.html", context)


def _list(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    form = ListForm(request.POST or None, request.FILES or None, initial=_initial(segment))
    if request.method == "POST" and form.is_valid() and _is_mine(form, segment, "listed"):
        found = lists.match(form.cleaned_data["rows"])
        replace = bool(form.cleaned_data["replace"] and found.patients)
        segmentation = own.save_list(form.cleaned_data["code"], form.look(), found.patients, replace=replace)
        if not found.nobody:
            return _saved(request, segmentation, found)
        own.settle(segmentation)
        context = {
            "segmentation": segmentation, "found": found, "shown": found.nobody[:SHOWN_ROWS],
            "url": reverse("segment", args=[segmentation.code, MEMBERS]),
        }  # fmt: skip
        return render(request, "segmentation/own_list_result.html", context)
    return render(request, "segmentation/own_list.html", {"form": form, "segment": segment})


def _is_mine(form: OwnForm, segment: Segment | None, kind: str) -> bool:
    """The posted code is that of the page, or one nobody has; a form sent twice finds its own segment again."""
    code = form.cleaned_data["code"]
    there = Segmentation.objects.filter(code=code).first()
    if (segment and code != segment.segmentation.code) or (there and (there.kind != kind or not there.active)):
        raise Http404
    return True


def _saved(request: HttpRequest, segmentation: Segmentation, found: lists.Match | None = None) -> HttpResponse:
    settled = own.settle(segmentation)
    if found and found.rows:
        said = ngettext("%(n)s row: %(patients)s.", "%(n)s rows: %(patients)s.", found.rows)
        messages.success(
            request,
            said % {"n": wording.number(found.rows), "patients": wording.patients_count(len(found.patients))},
        )
    elif settled:
        messages.success(request, _("The segment is saved; its patients are those of the last night."))
    else:
        messages.success(request, _("The segment is saved; the next night fills it."))
    return redirect("segment", segmentation.code, MEMBERS)


@require_POST
@requires(*MAY_CHANGE)
def own_archive(request: HttpRequest, code: str) -> HttpResponse:
    """Archive, or bring back what is archived (`restore` in the form)."""
    segmentation, _segment = _own(code)
    if "restore" in request.POST:
        own.restore(segmentation)
        messages.success(request, _("The segment is back."))
        return redirect("segment", code, MEMBERS)
    try:
        own.archive(segmentation)
    except own.InUseError as error:
        names = ", ".join(f"«{one}»" for one in error.users)
        messages.error(request, _("The segment is part of others and stays: %(names)s.") % {"names": names})
        return redirect("segment", code, MEMBERS)
    messages.success(request, _("The segment is in the archive; it can be brought back at the foot of this page."))
    return redirect("segments")
