"""Thresholds of a segmentation through the form of its kind. Nothing is saved before its consequence has been seen.

Saving changed thresholds first shows how many patients would move from where to where; a second button saves. What
was confirmed is what was counted: the confirmation carries the posted form, which is checked again.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold import widgets

from patients.admin.base import ConfigurationAdmin
from segmentation.kinds import KINDS, Kind, Params, late_kinds
from segmentation.models import Segment, Segmentation
from segmentation.services.preview import PreviewResult, preview

PREFIX = "threshold_"
_TEXT = {
    forms.IntegerField: widgets.UnfoldAdminIntegerFieldWidget,
    forms.FloatField: widgets.UnfoldAdminDecimalFieldWidget,
    forms.ChoiceField: widgets.UnfoldAdminSelectWidget,
    forms.BooleanField: widgets.UnfoldBooleanSwitchWidget,
}


class SegmentationForm(forms.ModelForm):
    """The row's own fields; those of its kind are added by `form_for`, with a prefix, and kept in `params`."""

    kind_of_row: Kind | None = None

    class Meta:
        model = Segmentation
        fields = ["name", "name_en", "description", "description_en", "refit_every_days", "active", "position"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.kind_of_row is None:
            return data
        own = self.kind_of_row.form_class({name: self.data.get(PREFIX + name) for name in self._own()})
        if own.is_valid():
            data["params"] = dict(own.cleaned_data)
        for name, errors in own.errors.items():
            field = PREFIX + name if PREFIX + name in self.fields else None
            if field is None or not self.has_error(field):
                self.add_error(field, ValidationError(list(errors)))
        return data

    def _own(self) -> list[str]:
        assert self.kind_of_row is not None
        return list(self.kind_of_row.form_class.base_fields)

    def save(self, commit: bool = True) -> Any:
        if "params" in self.cleaned_data:
            self.instance.params = self.cleaned_data["params"]
        return super().save(commit)


def form_for(segmentation: Segmentation | None) -> type[SegmentationForm]:
    """The form of one row: its own fields and, each with its help sentence, the thresholds of its kind."""
    kind = KINDS.get(segmentation.kind) if segmentation else None
    if segmentation is None or kind is None:
        return SegmentationForm
    params = {**kind.defaults(), **segmentation.params}
    fields = {PREFIX + name: field for name, field in kind.form_class().fields.items()}
    for name, field in fields.items():
        field.initial = params[name.removeprefix(PREFIX)]
        _dress(field)
    return type("ThresholdsForm", (SegmentationForm,), {**fields, "kind_of_row": kind})


def _dress(field: forms.Field) -> None:
    """Unfold's look. Borders are text, so that they can be written with semicolons."""
    for plain, widget in _TEXT.items():
        if type(field) is plain:
            choices = getattr(field, "choices", None)
            field.widget = widget(choices=choices) if choices else widget()
            return
    field.widget = widgets.UnfoldAdminTextInputWidget()


@dataclass(frozen=True)
class Row:
    """One line of the preview; a segment of None means "in no segment"."""

    here: Segment | None
    there: Segment | None
    patients: int


@admin.register(Segmentation)
class SegmentationAdmin(ConfigurationAdmin):
    form = SegmentationForm
    list_display = ["shown_name", "kind_title", "active", "refit_every_days", "updated_at"]
    search_fields = ["name", "name_en", "code"]
    ordering = ["position", "code"]
    readonly_fields = ["code", "kind_title", "sentence"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segmentation]:
        """Own segments and clusters have no thresholds; they are made in the portal, where members can be seen."""
        return super().get_queryset(request).exclude(kind__in=late_kinds())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, segmentation: Segmentation) -> str:
        return str(segmentation)

    @admin.display(description=_("kind"))
    def kind_title(self, segmentation: Segmentation) -> str:
        kind = KINDS.get(segmentation.kind)
        return str(kind.title) if kind else segmentation.kind

    @admin.display(description=_("In words"))
    def sentence(self, segmentation: Segmentation) -> str:
        kind = KINDS.get(segmentation.kind)
        return kind.describe(segmentation.params) if kind else ""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, form=form_for(obj), **(kwargs | {"fields": None}))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        thresholds = [name for name in form_for(obj).base_fields if name.startswith(PREFIX)]
        return [
            (None, {"fields": [("code", "kind_title"), "sentence"]}),
            (_("Thresholds"), {"fields": [*thresholds, "refit_every_days"]}),
            (_("Russian"), {"fields": ["name", "description"]}),
            (_("English"), {"fields": ["name_en", "description_en"]}),
            (_("On the pages"), {"fields": [("active", "position")]}),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method == "POST" and object_id and "_confirmed" not in request.POST:
            segmentation = self.get_object(request, object_id)
            if segmentation and self.has_change_permission(request, segmentation):
                form = self.get_form(request, segmentation, change=True)(request.POST, instance=segmentation)
                params = form.cleaned_data.get("params") if form.is_valid() else None
                segmentation.refresh_from_db()
                if params is not None and _differs(segmentation, params):
                    return self._confirm(request, segmentation, params)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _confirm(self, request: HttpRequest, segmentation: Segmentation, params: Params) -> HttpResponse:
        result = preview(segmentation, params)
        posted = [(name, value) for name in request.POST for value in request.POST.getlist(name)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Who would move: %(name)s") % {"name": segmentation},
            "segmentation": segmentation,
            "sentence": KINDS[segmentation.kind].describe(params),
            "result": result,
            "rows": _rows(segmentation, result) if result else [],
            "totals": _totals(segmentation, result) if result else [],
            "posted": [pair for pair in posted if pair[0] != "csrfmiddlewaretoken"],
        }
        return TemplateResponse(request, "admin/segmentation/segmentation/confirm.html", context)


def _differs(segmentation: Segmentation, params: Params) -> bool:
    kind = KINDS[segmentation.kind]
    return params != {**kind.defaults(), **segmentation.params}


def _rows(segmentation: Segmentation, result: PreviewResult) -> list[Row]:
    """The moves, the largest first."""
    known: dict[str | None, Segment | None] = {segment.code: segment for segment in segmentation.segments.all()}
    moves = sorted(result.moves.items(), key=lambda move: -move[1])
    return [Row(known.get(here), known.get(there), patients) for (here, there), patients in moves]


def _totals(segmentation: Segmentation, result: PreviewResult) -> list[tuple[Segment, int, int, int]]:
    found = []
    for segment in segmentation.segments.all():
        before, after = result.before.get(segment.code, 0), result.after.get(segment.code, 0)
        found.append((segment, before, after, after - before))
    return found
