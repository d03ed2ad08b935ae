"""The forms of the wizard's steps: what was typed is checked here, each mistake beside its field."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign, Channel, Offer, Purpose, Template
from campaigns.services.running.drafts import LETTERS, VariantDraft
from patients.models import Branch, Service, ServiceGroup
from segmentation import conditions
from segmentation.services import audiences

LONGEST_JSON = 200_000
# A year of five digits typed by mistake is no plan; nothing reckons with days beyond the calendar.
FARTHEST = dt.timedelta(days=100 * 366)
# Nine campaigns of ten advertise.
_PURPOSES = sorted(Purpose.choices, key=lambda choice: choice[0] != Purpose.MARKETING)


class TreeField(forms.Field):
    """A condition tree, posted as JSON by the editor; nothing means everybody."""

    def to_python(self, value: Any) -> dict[str, Any]:
        text = (value or "").strip()
        if not text:
            return {}
        if len(text) > LONGEST_JSON:
            raise forms.ValidationError(_("There are too many conditions."))
        try:
            tree = conditions.read(text)
        except ValueError as wrong:
            said = _("The conditions could not be read. Reload the page and try again.")
            raise forms.ValidationError(said) from wrong
        if tree is None:
            return {}
        problems = audiences.problems(tree)
        if problems:
            raise forms.ValidationError([_said(problem) for problem in problems])
        return dict(tree)


def _said(problem: Any) -> str:
    return str(problem.message)


def is_everybody(tree: Mapping[str, Any] | None) -> bool:
    """Whether a tree names no condition at all."""
    return not tree or tree == {"all": []} or tree == {"any": []}


class AudienceForm(forms.Form):
    """Step 1. `except` is a word of Python, so the field is called `besides`; it is posted as `except`."""

    name = forms.CharField(
        label=gettext_lazy("Name of the campaign"), max_length=200,
        help_text=gettext_lazy("Only you and your colleagues see it."),
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )  # fmt: skip
    purpose = forms.ChoiceField(
        label=gettext_lazy("What kind of message"), choices=_PURPOSES, widget=forms.RadioSelect,
        initial=Purpose.MARKETING,
    )  # fmt: skip
    where = TreeField(required=False)
    besides = TreeField(required=False)
    branches = forms.ModelMultipleChoiceField(
        Branch.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Branches"),
        help_text=gettext_lazy(
            "Patients of other branches are left out. Nothing ticked: the branches of the offer, and with an offer for "
            "every branch the whole base."
        ),
    )  # fmt: skip
    everybody = forms.BooleanField(
        required=False, label=gettext_lazy("Yes, the whole base"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def add_prefix(self, field_name: str) -> str:
        return "except" if field_name == "besides" else super().add_prefix(field_name)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "where" in data and is_everybody(data["where"]) and not data.get("everybody"):
            self.add_error(
                "where",
                _("Add at least one condition, or say that the whole base is meant."),
            )  # fmt: skip
        return data

    def values(self) -> dict[str, Any]:
        """As services.drafts takes it."""
        data = self.cleaned_data
        besides = None if is_everybody(data["besides"]) else data["besides"]
        return {
            "name": data["name"], "purpose": data["purpose"], "audience": {"where": data["where"], "except": besides}
        }  # fmt: skip


class VariantForm(forms.Form):
    """One variant of step 2; its prefix is its letter."""

    weight = forms.IntegerField(
        label=gettext_lazy("Weight"), min_value=1, max_value=100, initial=1,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )  # fmt: skip
    offer = forms.ModelChoiceField(
        Offer.objects.none(), required=False, label=gettext_lazy("Offer"),
        empty_label=gettext_lazy("without an offer"), widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip

    def __init__(self, *args: Any, purpose: str, chosen: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer = self.fields["offer"]
        assert isinstance(offer, forms.ModelChoiceField)
        offer.queryset = _kept_or_open(Offer.objects.all(), chosen.get("offer"))
        for channel, label in Channel.choices:
            templates = Template.objects.filter(channel=channel, purpose=purpose)
            self.fields[channel] = forms.ModelChoiceField(
                _kept_or_open(templates, chosen.get(channel)), required=False, label=label,
                empty_label=_("not on this channel"), widget=forms.Select(attrs={"class": "form-select"}),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(data.get(channel) for channel in Channel.values) and not any(
            self.has_error(channel) for channel in Channel.values
        ):
            said = _("Choose a template for at least one channel: that is what the patient reads.")
            raise forms.ValidationError(said)
        return data

    def draft(self) -> VariantDraft:
        data = self.cleaned_data
        templates = {channel: data[channel] for channel in Channel.values if data.get(channel)}
        return VariantDraft(weight=data.get("weight") or 1, offer=data.get("offer"), templates=templates)


def _kept_or_open(rows: Any, chosen: int | None) -> Any:
    """What can be chosen: everything that is not archived, and what has been chosen before."""
    shown = rows.filter(archived_at__isnull=True)
    return shown | rows.filter(pk=chosen) if chosen else shown


def variant_letters(data: Mapping[str, str]) -> list[str]:
    """The variants a posted form holds, in their order."""
    return [letter for letter in LETTERS if f"{letter}-weight" in data] or ["A"]


class WhenForm(forms.Form):
    """Step 4."""

    START = (
        ("now", gettext_lazy("Right after the launch")),
        ("at", gettext_lazy("At a date and time")),
        ("standing", gettext_lazy("Standing: every night whoever has newly entered the audience")),
    )
    start = forms.ChoiceField(label=gettext_lazy("First messages"), choices=START, widget=forms.RadioSelect)
    starts_at = forms.DateTimeField(
        required=False, label=gettext_lazy("Date and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "form-control"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    useful_until = forms.DateTimeField(
        required=False, label=gettext_lazy("Useful until"),
        help_text=gettext_lazy("What has not been sent by then is not sent at all. Empty: no limit."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "form-control"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    per_day = forms.IntegerField(
        required=False, min_value=1, max_value=10_000_000, label=gettext_lazy("Messages per day at most"),
        help_text=gettext_lazy("Spreads the answers over days the front desk can cope with. "
                               "Empty: as many as the channel allows."),
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )  # fmt: skip
    holdout_percent = forms.IntegerField(
        min_value=0, max_value=90, label=gettext_lazy("Hold-out, %"),
        help_text=gettext_lazy("A random part of the audience gets nothing. Only the comparison with it proves what "
                               "the campaign earned."),
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )  # fmt: skip
    window_days = forms.IntegerField(
        min_value=1, max_value=365, label=gettext_lazy("Results within, days"),
        help_text=gettext_lazy("Visits and payments of so many days after the message count."),
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )  # fmt: skip
    goal_group = forms.ModelChoiceField(
        ServiceGroup.objects.order_by("name"), required=False, label=gettext_lazy("Goal: service group"),
        empty_label=gettext_lazy("any visit"), widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip
    goal_service = forms.ModelChoiceField(
        Service.objects.order_by("name"), required=False, label=gettext_lazy("Goal: service"),
        empty_label=gettext_lazy("any service of the group"), widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip
    skip_booked = forms.BooleanField(
        required=False, label=gettext_lazy("Leave out those who have booked"),
        help_text=gettext_lazy("With a goal: an appointment for it; otherwise any appointment. Looked at again right "
                               "before sending."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip
    warm_up = forms.BooleanField(
        required=False, label=gettext_lazy("Warm-up of the sender"),
        help_text=gettext_lazy("The most active patients first, and on the first days only as many as mail services "
                               "accept from a new sender."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, *args: Any, now: dt.datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    @staticmethod
    def of(campaign: Campaign) -> dict[str, Any]:
        """What the form shows of a draft."""
        names = ("starts_at", "useful_until", "per_day", "holdout_percent", "window_days", "goal_group",
                 "goal_service", "skip_booked", "warm_up")  # fmt: skip
        start = "standing" if campaign.standing else "at" if campaign.starts_at else "now"
        return {"start": start, **{name: getattr(campaign, name) for name in names}}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, at, until = data.get("start"), data.get("starts_at"), data.get("useful_until")
        if start == "at" and not at and not self.has_error("starts_at"):
            self.add_error("starts_at", _("Choose the date and the time of the first messages."))
        if start == "at" and at and at <= self.now:
            self.add_error("starts_at", _("This time has passed. Choose a later one."))
        for name, moment in (("starts_at", at if start == "at" else None), ("useful_until", until)):
            if moment and moment > self.now + FARTHEST:
                self.add_error(name, _("This is too far ahead: look at the year."))
        if until and until <= max(self.now, at if start == "at" and at else self.now):
            self.add_error("useful_until", _("This lies before the first messages: nothing would be sent."))
        if start == "standing" and until:
            self.add_error("useful_until", _("A standing campaign runs until it is stopped; leave this empty."))
        service, group = data.get("goal_service"), data.get("goal_group")
        if service and group and service.group_id != group.pk:
            self.add_error("goal_service", _("This service is not of the chosen group."))
        return data

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        start = data["start"]
        service = data["goal_service"]
        return {
            "standing": start == "standing",
            "starts_at": data["starts_at"] if start == "at" else None,
            "useful_until": data["useful_until"],
            "per_day": data["per_day"],
            "holdout_percent": data["holdout_percent"],
            "window_days": data["window_days"],
            "goal_service": service,
            # The narrower goal is the goal.
            "goal_group": None if service else data["goal_group"],
            "skip_booked": data["skip_booked"],
            "warm_up": data["warm_up"],
        }


def local_now(now: dt.datetime) -> str:
    """For the `min` of a field of date and time."""
    return timezone.localtime(now).strftime("%Y-%m-%dT%H:%M")
