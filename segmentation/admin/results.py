"""What the nights wrote, read-only: it follows from the facts and is written anew by the next night."""

from django.contrib import admin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from patients.admin.base import FactAdmin
from segmentation.models import BaseTotal, Membership, Metrics, Score, SegmentTotal


@admin.register(Membership)
class MembershipAdmin(FactAdmin):
    list_display = ["patient", "segmentation", "segment", "came_from", "entered_on", "left_on", "money"]
    list_select_related = ["patient", "segmentation", "segment", "came_from"]


@admin.register(Metrics)
class MetricsAdmin(FactAdmin):
    list_display = ["patient", "as_of", "visits", "last_visit_on", "money", "average_bill", "due_on"]
    list_select_related = ["patient"]


@admin.register(Score)
class ScoreAdmin(FactAdmin):
    list_display = ["patient", "r", "f", "m", "ltv", "lifecycle_reason"]
    list_select_related = ["patient"]


@admin.register(SegmentTotal)
class SegmentTotalAdmin(FactAdmin):
    list_display = ["as_of", "segment", "patients", "entered", "left", "money_365", "ltv"]
    list_select_related = ["segment"]
    list_filter = [("segment__segmentation", RelatedDropdownFilter)]
    patient_path = ""


@admin.register(BaseTotal)
class BaseTotalAdmin(FactAdmin):
    list_display = ["as_of", "patients", "visited", "lost", "visits_365", "money_365", "average_bill", "ltv", "nps"]
    ordering = ["-as_of"]
    patient_path = ""
