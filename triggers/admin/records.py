"""What rules found and what was asked of the past: read-only."""

from django.contrib import admin

from patients.admin.base import FactAdmin, ReadOnlyAdmin
from triggers.models import Backtest, Firing


@admin.register(Firing)
class FiringAdmin(FactAdmin):
    list_display = ["patient", "rule", "state", "first_due", "found_at"]
    list_select_related = ["patient", "rule"]
    list_filter = ["state", "rule"]


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    list_display = ["rule", "first_day", "last_day", "state", "seconds", "requested_by"]
    list_select_related = ["rule", "requested_by"]
    list_filter = ["state"]
