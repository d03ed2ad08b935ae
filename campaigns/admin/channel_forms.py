"""The settings of an account as fields: one form per channel, which reads and writes `ChannelAccount.params`."""

import json
from typing import Any, ClassVar

from django import forms
from django.utils.functional import lazystr
from django.utils.html import escape
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from campaigns.channels.reading import SettingError
from campaigns.models import ChannelAccount
from campaigns.services.sending import accounts

_CATCHER = (accounts.CATCHER, _("Catcher: messages go to the mailbox page and to nobody"))
_GATEWAYS = (
    _CATCHER, ("smsru", lazystr("SMS.ru")), ("smsc", lazystr("SMSC")), ("exolve", lazystr("MTS Exolve")),
    ("", _("Another gateway, described below")),
)  # fmt: skip


def _text(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(label=label, help_text=help_text, required=False, widget=UnfoldAdminTextInputWidget)


def _whole(label: Any, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, required=False, widget=UnfoldAdminIntegerFieldWidget)


class Settings(forms.CharField):
    """A JSON object, shown on several lines."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return {}
        try:
            found = json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(_("This is no JSON: %(words)s") % {"words": error}) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("Names and values are needed: {…}."))
        return found


def _settings(label: Any, help_text: Any) -> Settings:
    return Settings(label=label, help_text=help_text, required=False, widget=UnfoldAdminTextareaWidget({"rows": 12}))


class AccountForm(forms.ModelForm):
    """`of_params` are the fields that live in params; empty ones are left out, so that the defaults hold."""

    of_params: ClassVar[tuple[str, ...]] = ()

    class Meta:
        model = ChannelAccount
        fields = [
            "active", "sender", "reply_to", "per_second", "per_day", "warm_up_from", "warm_up_start", "warm_up_growth",
            "price",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = capfirst(str(field.label))
            field.help_text = escape(field.help_text)  # "Clinic <news@clinic.example>" is no tag
        params = self.instance.params or {}
        for name in self.of_params:
            if name in params:
                self.fields[name].initial = params[name]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors:
            self.instance.params = self.params()
            if found.get("active"):
                self._try()
        return found

    def params(self) -> dict[str, Any]:
        """What the fields say, without those left empty."""
        said = {name: self.cleaned_data.get(name) for name in self.of_params}
        return {name: value for name, value in said.items() if value not in (None, "", {})}

    def _try(self) -> None:
        """What would keep the channel from being built is told at its field, before anybody waits for a message."""
        probe = ChannelAccount(
            channel=self.instance.channel, sender=self.cleaned_data.get("sender", ""),
            reply_to=self.cleaned_data.get("reply_to", ""), params=self.instance.params,
        )  # fmt: skip
        try:
            accounts.build(probe)
        except SettingError as error:
            self.add_error(error.name if error.name in self.fields else None, self._told(error))
        except ValueError as error:
            self.add_error(None, str(error))

    def _told(self, error: SettingError) -> str:
        return error.problem if error.name in self.fields else str(error)


class EmailForm(AccountForm):
    """A mail server."""

    of_params = (
        "provider", "host", "port", "tls", "user", "password_env", "bounce_address", "connections", "per_connection",
        "timeout", "verify", "helo", "headers",
    )  # fmt: skip

    provider = forms.ChoiceField(
        label=_("provider"), choices=[_CATCHER, ("smtp", _("SMTP server"))], widget=UnfoldAdminSelectWidget
    )
    host = _text(_("server"), _("Empty: the address in EMAIL_URL, like smtp+tls://user:password@host:587."))
    port = _whole(_("port"), _("Empty: 587 with STARTTLS, 465 with TLS, 25 without."))
    tls = forms.ChoiceField(
        label=_("encryption"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", "—"), ("starttls", "STARTTLS"), ("ssl", "TLS"), ("none", _("none"))],
    )  # fmt: skip
    user = _text(_("user"))
    password_env = _text(_("variable with the password"), _("Name of the environment variable. Empty: EMAIL_PASSWORD."))
    bounce_address = _text(
        _("mailbox for bounces"), _("Bounces come back to it with the number of the message; read by `read_bounces`.")
    )
    connections = _whole(_("connections at once"), _("Empty: one."))
    per_connection = _whole(_("mails per connection at most"), _("Empty: no limit."))
    timeout = _whole(_("patience, seconds"), _("Empty: 60."))
    verify = forms.BooleanField(
        label=_("check the server's certificate"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    helo = _text(_("name in the greeting"), _("Empty: the domain of the sender."))
    headers = _settings(_("own headers"), _('For example {"Feedback-ID": "clinic"}.'))

    def params(self) -> dict[str, Any]:
        said = super().params()
        if said.pop("verify", True) is False:
            said["verify"] = False
        if said["provider"] == accounts.CATCHER:  # it says itself where it is
            return {
                name: said[name] for name in ("provider", "bounce_address", "connections", "headers") if name in said
            }
        return said


class SmsForm(AccountForm):
    """An HTTP gateway."""

    of_params = ("preset", "connections", "timeout", "own")

    preset = forms.ChoiceField(
        label=_("gateway"), choices=_GATEWAYS, required=False, widget=UnfoldAdminSelectWidget,
        help_text=_("Its keys come from the environment: SMSRU_API_ID, SMSC_API_KEY, EXOLVE_TOKEN."),
    )  # fmt: skip
    connections = _whole(_("requests at once"), _("Empty: 4."))
    timeout = _whole(_("patience, seconds"), _("Empty: 20."))
    own = _settings(
        _("settings of the gateway"),
        _("Request and answer of another gateway, or what differs from the chosen one. See docs/channels.md."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        params = dict(self.instance.params or {})
        if params.pop("provider", "") == accounts.CATCHER:
            self.fields["preset"].initial = accounts.CATCHER
        self.fields["own"].initial = {name: value for name, value in params.items() if name not in self.of_params}

    def params(self) -> dict[str, Any]:
        said = super().params()
        own = said.pop("own", {})
        if said.get("preset") == accounts.CATCHER:
            del said["preset"]
            said["provider"] = accounts.CATCHER
        return {**own, **said}

    def _told(self, error: SettingError) -> str:
        return str(error)


class CallForm(AccountForm):
    """The call list: nothing to connect to."""

    class Meta(AccountForm.Meta):
        fields = ["active", "per_second", "per_day", "price"]


FORMS: dict[str, type[AccountForm]] = {"email": EmailForm, "sms": SmsForm, "call": CallForm}


class TestForm(forms.Form):
    """Where a test goes."""

    address = forms.CharField(label=_("Your address"), max_length=320, widget=UnfoldAdminTextInputWidget)
