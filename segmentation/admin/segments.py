"""Segments: their names in both languages, their one colour, the tactic that goes with them."""

from typing import Any

from django.contrib import admin
from django.db.models import Field
from django.forms import Field as FormField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.widgets import UnfoldAdminColorInputWidget

from patients.admin.base import ConfigurationAdmin
from segmentation.models import Segment


@admin.register(Segment)
class SegmentAdmin(ConfigurationAdmin):
    list_display = ["shown_name", "segmentation", "code", "swatch", "position"]
    list_filter = [("segmentation", RelatedDropdownFilter)]
    list_select_related = ["segmentation"]
    search_fields = ["name", "name_en", "code"]
    fieldsets = [
        (None, {"fields": [("segmentation", "code"), ("colour", "position")]}),
        (_("Russian"), {"fields": ["name", "description", "tactic"]}),
        (_("English"), {"fields": ["name_en", "description_en", "tactic_en"]}),
    ]
    readonly_fields = ["segmentation", "code"]

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> FormField | None:
        if db_field.name == "colour":
            kwargs["widget"] = UnfoldAdminColorInputWidget
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    # The kind of a segmentation knows its segments; they are renamed here, not added or removed.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return False

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, segment: Segment) -> str:
        return str(segment)

    @admin.display(description=_("colour"))
    def swatch(self, segment: Segment) -> str:
        return format_html(
            '<span style="display:inline-block;width:2.5rem;height:1.1rem;border-radius:.25rem;background:{}"></span>'
            ' <span class="ml-1">{}</span>',
            segment.colour,
            segment.colour,
        )
