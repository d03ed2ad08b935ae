"""How each channel sends: its provider, limits and price; whether it works, found out by trying."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from campaigns.admin.channel_forms import FORMS, AccountForm, TestForm
from campaigns.channels.sms_presets import PRESETS
from campaigns.models import Channel, ChannelAccount
from campaigns.services.sending import account_trials, accounts
from patients.admin.base import ConfigurationAdmin

_LIMITS = (_("Limits and price"), {"fields": [("per_second", "per_day"), "price"]})
_WARM_UP = (
    _("Warm-up"),
    {
        "fields": ["warm_up_from", ("warm_up_start", "warm_up_growth")],
        "description": _("A new sender begins with a few mails to the most active and grows day by day."),
    },
)
_FIELDSETS: dict[str, list[Any]] = {
    Channel.EMAIL: [
        (None, {"fields": ["active", ("sender", "reply_to")]}),
        (
            _("Mail server"),
            {"fields": ["provider", ("host", "port"), "tls", ("user", "password_env"), "bounce_address"]},
        ),
        _LIMITS,
        _WARM_UP,
        (
            _("Connection"),
            {
                "fields": [("connections", "per_connection"), ("timeout", "helo"), "verify", "headers"],
                "classes": ["collapse"],
            },
        ),
    ],
    Channel.SMS: [
        (None, {"fields": ["active", "sender"]}),
        (_("Gateway"), {"fields": ["preset", ("connections", "timeout"), "own"]}),
        _LIMITS,
        _WARM_UP,
    ],
    Channel.CALL: [(None, {"fields": ["active"]}), _LIMITS],
}  # fmt: skip


@admin.register(ChannelAccount)
class ChannelAccountAdmin(ConfigurationAdmin):
    """One row per channel: the rows are made by `prepare`, so that nobody has to know which channels there are."""

    list_display = ["channel", "provider", "active", "sender", "per_second", "per_day", "price"]
    actions_detail = ["test_connection", "send_test"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[AccountForm]:
        """The form of the channel; its fields that are no columns are named by the fieldsets."""
        return super().get_form(request, obj, change, form=FORMS[obj.channel] if obj else AccountForm, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return _FIELDSETS[obj.channel] if obj else super().get_fieldsets(request, obj)

    @admin.display(description=_("provider"))
    def provider(self, account: ChannelAccount) -> str:
        params = account.params or {}
        if account.channel == Channel.CALL:
            return str(_("call list"))
        if params.get("provider") == accounts.CATCHER:
            return str(_("catcher: goes to nobody"))
        if account.channel == Channel.SMS:
            preset = params.get("preset", "")
            return preset if preset in PRESETS else str(_("own settings"))
        return str(params.get("host") or "EMAIL_URL")

    @action(description=_("Test the connection"), icon="cable", permissions=["change"])
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Logs in and sends nothing."""
        account = self.get_object(request, object_id)
        if account is None:
            return redirect("admin:campaigns_channelaccount_changelist")
        problem = account_trials.connection_problem(account)
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, _("The connection works."))
        return redirect("admin:campaigns_channelaccount_change", account.pk)

    @action(description=_("Send a test to myself"), icon="send", permissions=["change"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks for the address, POST sends."""
        account = self.get_object(request, object_id)
        if account is None:
            return redirect("admin:campaigns_channelaccount_changelist")
        if account.channel == Channel.CALL:
            messages.info(request, _("A call is made by a person: there is nothing to test."))
            return redirect("admin:campaigns_channelaccount_change", account.pk)
        own = getattr(request.user, "email", "") if account.channel == Channel.EMAIL else ""
        form = TestForm(request.POST or None, initial={"address": own})
        if request.method == "POST" and form.is_valid():
            try:
                taken, words = account_trials.send_test(account, form.cleaned_data["address"], timezone.now())
            except account_trials.NotAnAddress as problem:
                form.add_error("address", str(problem))
            else:
                (messages.success if taken else messages.error)(request, words)
                return redirect("admin:campaigns_channelaccount_change", account.pk)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "account": account, "form": form,
            "title": _("Test of the channel: %(name)s") % {"name": account.get_channel_display()},
            "caught": (account.params or {}).get("provider") == accounts.CATCHER,
        }  # fmt: skip
        return TemplateResponse(request, "admin/campaigns/channelaccount/send_test.html", context)
