"""Facts, read-only: they are corrected in the system that posts them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter

from patients.admin.base import FactAdmin
from patients.models import Consent, Feedback, Patient, Payment, Visit, VisitChange, VisitItem
from patients.selectors.contacts import masked


@admin.register(Patient)
class PatientAdmin(FactAdmin):
    """Contacts are shown in full only to those who may see them anywhere."""

    list_display = ["__str__", "sex", "birth_date", "shown_phone", "shown_email", "city", "source", "external_id"]
    list_select_related = ["source"]
    list_filter = ["stub", "sex"]
    patient_path = "pk"
    readonly_fields = ["shown_phone", "shown_email", "card"]
    fieldsets = [
        (None, {"fields": ["card", ("last_name", "first_name", "middle_name"), ("sex", "birth_date", "language")]}),
        (_("Contacts"), {"fields": [("shown_phone", "shown_email"), "city"]}),
        (_("Where from"), {"fields": [("branch", "channel", "registered_at"), ("guardian", "referred_by")]}),
        (
            _("Record"),
            {
                "fields": [
                    ("source", "external_id", "source_updated_at"),
                    ("stub", "merged_into", "deleted_at"),
                    ("created_at", "updated_at"),
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Patient]:
        related = ("source", "branch", "channel", "guardian", "referred_by", "merged_into")
        seen = Value(request.user.has_perm("patients.view_contacts"))
        return super().get_queryset(request).select_related(*related).annotate(contacts_seen=seen)

    @admin.display(description=_("phone"))
    def shown_phone(self, patient: Any) -> str:
        return patient.phone if patient.contacts_seen else masked(patient.phone)

    @admin.display(description=_("e-mail"))
    def shown_email(self, patient: Any) -> str:
        return patient.email if patient.contacts_seen else masked(patient.email)

    @admin.display(description=_("Patient card"))
    def card(self, patient: Patient) -> str:
        try:
            return format_html('<a href="{}">{}</a>', reverse("patient", args=[patient.pk]), _("Open in the portal"))
        except NoReverseMatch:
            return ""


class VisitItemInline(TabularInline):
    model = VisitItem
    extra = 0
    fields = ["service", "quantity", "price", "discount", "cost"]
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[VisitItem]:
        return super().get_queryset(request).select_related("service")


class VisitChangeInline(TabularInline):
    """What has become of the appointment: moved, confirmed, cancelled, and when the portal learned of it."""

    model = VisitChange
    extra = 0
    fields = ["at", "was_status", "status", "was_starts_at", "starts_at"]
    ordering = ["at", "pk"]
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PatientFactAdmin(FactAdmin):
    """Facts of one patient. Withdrawn ones are left out: the indexes by patient do not hold them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(deleted_at__isnull=True)


@admin.register(Visit)
class VisitAdmin(PatientFactAdmin):
    list_display = ["starts_at", "patient", "branch", "doctor", "status", "amount", "discount", "source"]
    list_select_related = ["patient", "branch", "doctor", "source"]
    list_filter = [("starts_on", RangeDateFilter), ("status", ChoicesDropdownFilter)]
    inlines = [VisitItemInline, VisitChangeInline]


@admin.register(Payment)
class PaymentAdmin(PatientFactAdmin):
    list_display = ["paid_at", "patient", "amount", "kind", "implied", "source"]
    list_select_related = ["patient", "source"]
    list_filter = [("kind", ChoicesDropdownFilter)]


@admin.register(Feedback)
class FeedbackAdmin(FactAdmin):
    list_display = ["given_at", "patient", "score", "complaint", "source"]
    list_select_related = ["patient", "source"]
    list_filter = ["complaint"]


@admin.register(Consent)
class ConsentAdmin(FactAdmin):
    list_display = ["patient", "channel", "purpose", "granted", "at", "until", "source"]
    list_select_related = ["patient"]
    list_filter = [("channel", ChoicesDropdownFilter), ("purpose", ChoicesDropdownFilter), "granted"]
