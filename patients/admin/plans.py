"""Packages and free slots, read-only: they are corrected in the system that posts them."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from patients.admin.base import BoundedPaginator, ReadOnlyAdmin
from patients.admin.facts import PatientFactAdmin
from patients.models import Package, Slot


@admin.register(Package)
class PackageAdmin(PatientFactAdmin):
    list_display = ["patient", "name", "service", "sessions", "bought_on", "expires_on"]
    list_select_related = ["patient", "service"]


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    list_display = ["branch", "doctor", "day", "free", "total"]
    list_select_related = ["branch", "doctor"]
    list_filter = [("branch", AutocompleteSelectFilter), ("day", RangeDateFilter)]
    paginator = BoundedPaginator
    ordering = ["-day", "branch", "pk"]
    sortable_by: tuple[str, ...] = ()
