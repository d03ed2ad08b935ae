"""The nights: what they did, and a button that starts one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action
from unfold.widgets import UnfoldBooleanSwitchWidget

from clinic_crm.nightly import request_night
from patients.admin.base import FactAdmin
from segmentation.models import NightlyRun, NightlyStep


class NightForm(forms.Form):
    full = forms.BooleanField(
        label=_("Full"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Recompute every patient, not only those whose facts have changed. Takes longer."),
    )


class StepInline(TabularInline):
    model = NightlyStep
    fields = ["name", "done", "rows", "seconds", "finished_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(NightlyRun)
class NightlyRunAdmin(FactAdmin):
    list_display = ["as_of", "state", "full", "requested_by", "started_at", "finished_at"]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_select_related = ["requested_by"]
    ordering = ["-as_of"]
    inlines = [StepInline]
    actions_list = ["start"]
    patient_path = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[NightlyRun]:
        return super().get_queryset(request).select_related("requested_by")

    def has_start_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("segmentation.run_night")

    @action(description=_("Start a night"), icon="play_arrow", permissions=["start"])
    def start(self, request: HttpRequest) -> HttpResponse:
        """GET asks, POST hands the night of today to a worker."""
        if not self.has_start_permission(request):
            raise PermissionDenied
        form = NightForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            night = request_night(request.user, full=form.cleaned_data["full"])
            messages.success(
                request, _("The night of %(day)s is handed to a worker.") % {"day": date_format(night.as_of)}
            )
            return redirect("admin:segmentation_nightlyrun_changelist")
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": _("Start a night"), "form": form,
        }  # fmt: skip
        return TemplateResponse(request, "admin/segmentation/nightlyrun/start.html", context)
