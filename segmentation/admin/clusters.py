"""Searches for clusters, read-only: they are asked for in the portal and made by workers."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter

from patients.admin.base import ReadOnlyAdmin
from segmentation.models import ClusterFit, Segmentation
from segmentation.reports.cluster_errors import refusal


@admin.register(ClusterFit)
class ClusterFitAdmin(ReadOnlyAdmin):
    list_display = ["of", "created_at", "state", "outcome", "as_of", "patients", "method", "k", "stability"]
    list_select_related = ["segmentation"]
    list_filter = ["state", ("segmentation", RelatedDropdownFilter)]
    fields = [
        "of", ("state", "outcome", "progress"), "what_stood_in_the_way", ("as_of", "patients"), ("method", "k"),
        ("silhouette", "separation", "stability"), ("created_at", "started_at", "finished_at"), "requested_by",
    ]  # fmt: skip
    readonly_fields = ["of", "what_stood_in_the_way"]

    @admin.display(description=_("Clusters"))
    def of(self, fit: ClusterFit) -> Segmentation:
        return fit.segmentation

    @admin.display(description=_("What stood in the way"))
    def what_stood_in_the_way(self, fit: ClusterFit) -> str:
        return refusal(fit)
