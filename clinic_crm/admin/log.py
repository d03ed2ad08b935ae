"""Who changed which setting when; read-only."""

from collections.abc import Iterator
from typing import Any

from auditlog import admin as auditlog_admin  # noqa: F401  first, so that there is something to unregister
from auditlog.mixins import LogEntryAdminMixin
from auditlog.models import LogEntry
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from patients.admin.base import FactAdmin

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(LogEntryAdminMixin, FactAdmin):
    """Changes are written here and not by auditlog, which fails on lists whose choices have translated labels."""

    list_display = ["created", "what", "action", "fields_changed", "who"]
    list_select_related = ["content_type", "actor"]
    list_filter = [("action", ChoicesDropdownFilter)]
    fieldsets = [(None, {"fields": ["created", "who", "what", "action", "changes_table"]})]
    readonly_fields = ["created", "who", "what", "changes_table"]
    patient_path = ""

    @admin.display(description=_("Who"))
    def who(self, entry: LogEntry) -> str:
        return str(entry.actor or _("the system"))

    @admin.display(description=_("What"))
    def what(self, entry: LogEntry) -> str:
        return f"{entry.content_type.name}: {entry.object_repr}"

    @admin.display(description=_("Changes"))
    def fields_changed(self, entry: LogEntry) -> str:
        return ", ".join(label for label, _old, _new in changes(entry))

    @admin.display(description=_("Changes"))
    def changes_table(self, entry: LogEntry) -> str:
        rows = format_html_join(
            "", '<tr><th class="pr-4 font-medium">{}</th><td class="pr-4">{}</td><td>→ {}</td></tr>', changes(entry)
        )
        return format_html('<table class="text-left">{}</table>', rows)


def changes(entry: LogEntry) -> Iterator[tuple[str, str, str]]:
    """Field, what it was, what it is; of a set of rows, what was added or removed."""
    model = entry.content_type.model_class()
    for name, change in entry.changes_dict.items():
        if isinstance(change, dict):
            sign = "−" if change.get("operation") == "delete" else "+"
            yield _label(model, name), "", f"{sign} {', '.join(map(str, change.get('objects', [])))}"
        else:
            old, new = change
            yield _label(model, name), _written(old), _written(new)


def _label(model: Any, name: str) -> str:
    """The field in words; a field that is gone since stays a name."""
    try:
        return str(model._meta.get_field(name).verbose_name)
    except (AttributeError, FieldDoesNotExist):
        return name


def _written(value: Any) -> str:
    return "—" if value in (None, "None", "") else str(value)
