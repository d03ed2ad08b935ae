"""Who changed which setting when; read-only."""

from auditlog import admin as auditlog_admin  # noqa: F401  first, so that there is something to unregister
from auditlog.mixins import LogEntryAdminMixin
from auditlog.models import LogEntry
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from patients.admin.base import FactAdmin

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(LogEntryAdminMixin, FactAdmin):
    list_display = ["created", "what", "action", "changed", "user_url"]
    list_select_related = ["content_type", "actor"]
    list_filter = [("action", ChoicesDropdownFilter)]
    fieldsets = [(None, {"fields": ["created", "user_url", "what", "action", "msg"]})]
    readonly_fields = ["created", "user_url", "what", "msg"]
    patient_path = ""

    @admin.display(description=_("What"))
    def what(self, entry: LogEntry) -> str:
        return f"{entry.content_type.name}: {entry.object_repr}"

    @admin.display(description=_("Changes"))
    def changed(self, entry: LogEntry) -> str:
        return ", ".join(entry.changes_display_dict)
