"""Logins blocked after too many failures; deleting a row unblocks at once."""

from typing import Any

from axes import admin as axes_admin  # noqa: F401  first, so that there is something to unregister
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest

from patients.admin.base import ReadOnlyAdmin

for model in (AccessAttempt, AccessFailureLog, AccessLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """The posted form is not shown: mistyped names may hold somebody's password."""

    list_display = ["attempt_time", "username", "ip_address", "failures_since_start"]
    search_fields = ["username", "ip_address"]
    ordering = ["-pk"]
    fields = ["attempt_time", "username", "ip_address", "failures_since_start", "user_agent"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("auth.change_user")
