"""How facts came in, read-only; the data page of the portal replays and dismisses."""

from django.contrib import admin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from patients.admin.base import FactAdmin
from patients.models import IngestBatch, Rejected


@admin.register(IngestBatch)
class IngestBatchAdmin(FactAdmin):
    list_display = [
        "started_at", "source", "resource", "origin", "state",
        "received", "created", "updated", "unchanged", "rejected", "finished_at",
    ]  # fmt: skip
    list_select_related = ["source"]
    list_filter = [
        ("source", RelatedDropdownFilter),
        ("resource", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
    ]
    patient_path = ""


@admin.register(Rejected)
class RejectedAdmin(FactAdmin):
    """The payload holds what was posted, so only those who may see contacts open a row."""

    list_display = ["created_at", "batch", "row", "external_id", "resolution", "resolved_at"]
    list_select_related = ["batch"]
    list_filter = [("resolution", ChoicesDropdownFilter), ("batch__resource", ChoicesDropdownFilter)]
    patient_path = ""

    def has_view_permission(self, request, obj=None):  # type: ignore[no-untyped-def]
        return super().has_view_permission(request, obj) and request.user.has_perm("patients.view_contacts")
