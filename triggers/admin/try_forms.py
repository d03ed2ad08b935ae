"""Where a test of the messages of a rule goes."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from campaigns.models import Channel, Language
from campaigns.services.consents.suppressions import readable


class TryForm(forms.Form):
    """One's own addresses; an empty one leaves its channel out."""

    email = forms.CharField(
        label=capfirst(gettext_lazy("your e-mail")),
        required=False,
        max_length=320,
        widget=widgets.UnfoldAdminTextInputWidget(),
    )
    phone = forms.CharField(
        label=capfirst(gettext_lazy("your phone")), required=False, max_length=40,
        widget=widgets.UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("SMS of the rule go there, at the price of the provider."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=capfirst(gettext_lazy("language of the texts")), choices=Language.choices,
        widget=widgets.UnfoldAdminSelectWidget(),
    )  # fmt: skip

    def clean_email(self) -> str:
        return self._read("email", Channel.EMAIL, _("This is no e-mail address."))

    def clean_phone(self) -> str:
        return self._read("phone", Channel.SMS, _("This is no telephone number."))

    def _read(self, name: str, channel: str, refusal: Any) -> str:
        typed = self.cleaned_data[name].strip()
        if not typed:
            return ""
        address = readable(channel, typed)
        if address is None:
            raise ValidationError(refusal)
        return address
