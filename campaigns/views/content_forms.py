"""Forms of offers and templates."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from campaigns.models import Channel, Offer, Purpose, Template
from campaigns.models.content import Language
from campaigns.services.writing.content import LONGEST
from patients.models import Branch, Service, ServiceGroup

_FIELD = {"class": "form-control"}
_SELECT = {"class": "form-select"}


class OfferForm(forms.ModelForm):
    """An offer; what the database would refuse is said beside the field."""

    url = forms.URLField(
        required=False, max_length=500, assume_scheme="https", label=gettext_lazy("Page of the offer"),
        help_text=gettext_lazy("The button {{ offer.url }} leads here. Clicks are counted."),
        widget=forms.URLInput({**_FIELD, "placeholder": "https://"}),
    )  # fmt: skip

    class Meta:
        model = Offer
        fields = [
            "name", "kind", "value", "service", "group", "branches", "valid_from", "valid_until", "promo_code", "url",
            "terms", "terms_en",
        ]  # fmt: skip
        widgets = {
            "name": forms.TextInput(_FIELD),
            "kind": forms.Select(_SELECT),
            "value": forms.NumberInput({**_FIELD, "step": "0.01", "min": "0", "inputmode": "decimal"}),
            "service": forms.Select(_SELECT),
            "group": forms.Select(_SELECT),
            "branches": forms.CheckboxSelectMultiple({"class": "form-check-input"}),
            "valid_from": forms.DateInput({**_FIELD, "type": "date"}, format="%Y-%m-%d"),
            "valid_until": forms.DateInput({**_FIELD, "type": "date"}, format="%Y-%m-%d"),
            "promo_code": forms.TextInput({**_FIELD, "autocapitalize": "characters", "autocomplete": "off"}),
            "terms": forms.Textarea({**_FIELD, "rows": 3}),
            "terms_en": forms.Textarea({**_FIELD, "rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.value is not None:
            self.initial["value"] = f"{self.instance.value.normalize():f}"  # 10, not 10.00
        for name, model in (("service", Service), ("group", ServiceGroup), ("branches", Branch)):
            chosen = self.fields[name]
            assert isinstance(chosen, forms.ModelChoiceField)
            chosen.queryset = model.objects.order_by("name")
            if name != "branches":
                chosen.empty_label = _("not bound to one")
        self.fields["promo_code"].help_text = _("A visit with this code is credited to the offer exactly.")
        for name, bound in self.fields.items():
            if self.is_bound and name in self.errors:
                bound.widget.attrs["aria-invalid"] = "true"

    def clean_promo_code(self) -> str:
        code = " ".join(self.cleaned_data["promo_code"].split()).upper()
        if code and Offer.objects.filter(promo_code=code).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another offer has this code: visits could not be told apart."))
        return code

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"] or "")
        if url and not url.startswith(("https://", "http://")):
            raise forms.ValidationError(_("An address begins with https://."))
        return url

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind, value = data.get("kind"), data.get("value")
        if kind == Offer.Kind.TERMS:
            data["value"] = None
        elif kind and value is None and "value" not in self.errors:
            self.add_error("value", _("Say how much."))
        elif kind == Offer.Kind.PERCENT and value is not None and not Decimal(0) < value <= 100:
            self.add_error("value", _("A discount lies between 0 and 100 %."))
        elif value is not None and value < 0:
            self.add_error("value", _("Not less than nothing."))
        first, last = data.get("valid_from"), data.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", _("The last day lies before the first."))
        if data.get("service") and data.get("group"):
            self.add_error("group", _("Choose a service or a group, not both."))
        if kind == Offer.Kind.TERMS and not data.get("terms", "").strip() and "terms" not in self.errors:
            self.add_error("terms", _("Say what is offered."))
        return data


class TemplateForm(forms.ModelForm):
    """Name, channel and purpose. The channel stays once there is a text: its versions would not fit another."""

    class Meta:
        model = Template
        fields = ["name", "channel", "purpose"]
        labels = {"purpose": pgettext_lazy("message", "Purpose")}
        widgets = {
            "name": forms.TextInput({**_FIELD, "autofocus": True}),
            "channel": forms.Select(_SELECT, choices=Channel.choices),
            "purpose": forms.Select(_SELECT, choices=Purpose.choices),
        }


class TextForm(forms.Form):
    """What is typed in the editor. Broken Liquid is told by the checks, with the place."""

    language = forms.ChoiceField(choices=Language.choices)
    subject = forms.CharField(required=False, max_length=300, strip=True, label=gettext_lazy("Subject"))
    preheader = forms.CharField(required=False, max_length=300, strip=True, label=gettext_lazy("Preheader"))
    body = forms.CharField(required=False, max_length=LONGEST, strip=False, label=gettext_lazy("Text"))
    patient = forms.IntegerField(required=False, min_value=1)
    offer = forms.ModelChoiceField(Offer.objects.all(), required=False)


class TestForm(forms.Form):
    """Where a test goes."""

    to_email = forms.EmailField(required=False, max_length=254)
    to_phone = forms.RegexField(
        r"^\+\d{7,15}$", required=False, error_messages={"invalid": gettext_lazy("A number like +79161234567.")}
    )
