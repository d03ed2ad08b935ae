"""What the clinic consists of: branches, doctors, services, acquisition channels with their monthly spend."""

from django.contrib import admin
from django.db.models import URLField
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminURLInputWidget

from patients.admin.base import ConfigurationAdmin
from patients.models import AcquisitionChannel, Branch, ChannelSpend, Doctor, Service, ServiceGroup

FROM_SOURCE = ("source", "external_id", "source_updated_at", "stub")


class SourcedAdmin(ConfigurationAdmin):
    """Rows that a source owns: its next post overwrites what is edited here, so its key stays with the source."""

    def get_readonly_fields(self, request, obj=None):  # type: ignore[no-untyped-def]
        return ("source", "external_id", "source_updated_at", "stub") if obj else ("source_updated_at", "stub")


@admin.register(Branch)
class BranchAdmin(SourcedAdmin):
    list_display = ["name", "city", "timezone", "source", "external_id", "stub"]
    list_filter = ["stub", ("source", RelatedDropdownFilter)]
    list_select_related = ["source"]
    search_fields = ["name", "city", "external_id"]
    autocomplete_fields = ["source"]
    fields = ["name", "city", "timezone", "review_url", *FROM_SOURCE]
    formfield_overrides = {URLField: {"widget": UnfoldAdminURLInputWidget, "assume_scheme": "https"}}


@admin.register(Doctor)
class DoctorAdmin(SourcedAdmin):
    list_display = ["name", "specialty", "branch", "source", "external_id", "stub"]
    list_filter = ["stub", ("branch", AutocompleteSelectFilter), ("source", RelatedDropdownFilter)]
    list_select_related = ["branch", "source"]
    search_fields = ["name", "specialty", "external_id"]
    autocomplete_fields = ["branch", "source"]
    fields = ["name", "specialty", "branch", *FROM_SOURCE]


@admin.register(ServiceGroup)
class ServiceGroupAdmin(ConfigurationAdmin):
    list_display = ["name"]
    search_fields = ["name"]


@admin.register(Service)
class ServiceAdmin(SourcedAdmin):
    list_display = ["name", "group", "price", "recall_days", "sensitive", "min_age", "max_age", "sex", "stub"]
    list_filter = ["sensitive", "stub", ("group", AutocompleteSelectFilter), ("source", RelatedDropdownFilter)]
    list_select_related = ["group", "source"]
    search_fields = ["name", "external_id"]
    autocomplete_fields = ["group", "source"]
    fieldsets = [
        (None, {"fields": ["name", "group", ("price", "cost")]}),
        (None, {"fields": ["recall_days", "sensitive", ("min_age", "max_age", "sex")]}),
        (None, {"fields": [*FROM_SOURCE]}),
    ]


class ChannelSpendInline(TabularInline):
    model = ChannelSpend
    extra = 0
    tab = False
    per_page = 24


@admin.register(AcquisitionChannel)
class AcquisitionChannelAdmin(ConfigurationAdmin):
    list_display = ["name"]
    search_fields = ["name"]
    inlines = [ChannelSpendInline]
