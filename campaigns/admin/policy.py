"""The rules of the house: one row, always there."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from campaigns.models import Policy

# Night hours in which advertising annoys everybody; shorter quiet hours are most likely a slip.
LATEST_START, EARLIEST_END = 22, 8


class PolicyForm(forms.ModelForm):
    """Refuses what would stop every campaign or wake the patients."""

    class Meta:
        model = Policy
        fields = "__all__"  # noqa: DJ007 the row is edited as a whole

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, end = data.get("quiet_from"), data.get("quiet_until")
        if start and end and start == end:
            self.add_error("quiet_until", ValidationError(_("From and until are the same: there would be no night.")))
        elif start and end and start < end:
            self.add_error("quiet_from", ValidationError(_("The quiet hours have to go over midnight.")))
        elif start and end and (start.hour >= LATEST_START + 1 or end.hour < EARLIEST_END):
            said = _("Messages before %(end)s:00 or after %(start)s:00 wake people: widen the quiet hours.")
            self.add_error("quiet_from", ValidationError(said % {"end": EARLIEST_END, "start": LATEST_START + 1}))
        for name, least, most in (
            ("cap_messages", 1, 50), ("cap_days", 1, 365), ("holdout_percent", 0, 90), ("window_days", 1, 365),
        ):  # fmt: skip
            value = data.get(name)
            if value is not None and not least <= value <= most:
                said = _("A number from %(least)s to %(most)s is needed.") % {"least": least, "most": most}
                self.add_error(name, ValidationError(said))
        return data


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):
    warn_unsaved_form = True
    form = PolicyForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """In groups, each with a sentence; fields that belong to no group stand at the end."""
        groups: list[tuple[Any, Any, list[Any]]] = [
            (
                gettext_lazy("How often"),
                gettext_lazy("Counted over the last days per person and per address, for all campaigns together. "
                             "Service messages are not counted and not stopped."),
                [("cap_messages", "cap_days")],
            ),
            (
                gettext_lazy("Quiet hours"),
                gettext_lazy("By the clock of the patient's branch. Messages of that time wait for the morning."),
                [("quiet_from", "quiet_until")],
            ),
            (
                gettext_lazy("Approval"),
                gettext_lazy("Switched on, a campaign goes out only after a second person has read it."),
                ["approval"],
            ),
            (
                gettext_lazy("Proof by default"),
                gettext_lazy("New campaigns begin with these; each may choose its own. A hold-out of 10 % is a good "
                             "habit: without one nothing can be proven."),
                [("holdout_percent", "window_days")],
            ),
            (
                gettext_lazy("What the law asks for"),
                gettext_lazy("The warning stands in every advertisement of medical services, the details at the "
                             "foot of every mail."),
                ["warning", "warning_en", "clinic_name", "clinic_details"],
            ),
        ]  # fmt: skip
        rows = [row for _title, _text, rows in groups for row in rows]
        named = {name for row in rows for name in (row if isinstance(row, tuple) else (row,))}
        rest = [field.name for field in Policy._meta.fields if field.editable and field.name not in named]
        found = [(title, {"description": text, "fields": rows}) for title, text, rows in groups]
        return [*found, (gettext_lazy("Links and consents"), {"fields": rest})]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row: its form is the page."""
        return redirect("admin:campaigns_policy_change", Policy.load().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
