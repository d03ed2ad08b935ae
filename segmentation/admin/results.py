"""What the nights wrote, read-only: it follows from the facts and is written anew by the next night."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter

from patients.admin.base import FactAdmin
from patients.models import Patient
from segmentation.models import (
    BaseTotal,
    Calibration,
    Forecast,
    LtvFit,
    Membership,
    Metrics,
    Score,
    Segment,
    Segmentation,
    SegmentTotal,
)


class OfPatient(FactAdmin):
    """Columns that refer to others are named here: in these large tables they have no name in the reader's language."""

    @admin.display(description=_("Patient"))
    def who(self, row: Membership | Metrics | Score | Forecast) -> Patient:
        return row.patient


@admin.register(Membership)
class MembershipAdmin(OfPatient):
    list_display = ["who", "division", "current", "previous", "entered_on", "left_on", "money"]
    list_select_related = ["patient", "segmentation", "segment", "came_from"]

    @admin.display(description=_("Segmentation"))
    def division(self, membership: Membership) -> Segmentation:
        return membership.segmentation

    @admin.display(description=_("Segment"))
    def current(self, membership: Membership) -> Segment:
        return membership.segment

    @admin.display(description=_("From segment"))
    def previous(self, membership: Membership) -> Segment | None:
        return membership.came_from


@admin.register(Metrics)
class MetricsAdmin(OfPatient):
    list_display = ["who", "as_of", "visits", "last_visit_on", "money", "average_bill", "due_on"]
    list_select_related = ["patient"]


@admin.register(Score)
class ScoreAdmin(OfPatient):
    list_display = ["who", "r", "f", "m", "ltv", "lifecycle_reason"]
    list_select_related = ["patient"]


@admin.register(Forecast)
class ForecastAdmin(OfPatient):
    list_display = ["who", "as_of", "alive", "visits_12m", "bill", "money_12m", "next_visit_on", "next_visit_by"]
    list_select_related = ["patient"]

    @admin.display(description=_("P(alive)"), ordering="p_alive")
    def alive(self, forecast: Forecast) -> float | str:
        return gettext("not known: came on one day") if forecast.p_alive is None else forecast.p_alive


@admin.register(LtvFit)
class LtvFitAdmin(FactAdmin):
    list_display = [
        "as_of", "visits_method", "money_method", "bill_level", "customers", "repeaters", "payers", "correlation",
    ]  # fmt: skip
    patient_path = ""


@admin.register(Calibration)
class CalibrationAdmin(FactAdmin):
    list_display = [
        "as_of", "split_on", "method", "customers", "expected_visits", "actual_visits", "expected_money",
        "actual_money", "correlation",
    ]  # fmt: skip
    patient_path = ""


@admin.register(SegmentTotal)
class SegmentTotalAdmin(FactAdmin):
    list_display = ["as_of", "of", "patients", "entered", "left", "money_365", "ltv", "forecast_12m"]
    list_select_related = ["segment"]
    list_filter = [("segment__segmentation", RelatedDropdownFilter)]
    patient_path = ""

    @admin.display(description=_("Segment"))
    def of(self, total: SegmentTotal) -> Segment:
        return total.segment


@admin.register(BaseTotal)
class BaseTotalAdmin(FactAdmin):
    list_display = [
        "as_of", "patients", "visited", "lost", "visits_365", "money_365", "average_bill", "ltv", "forecast_12m", "nps",
    ]  # fmt: skip
    ordering = ["-as_of"]
    patient_path = ""
