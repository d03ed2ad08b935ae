"""The form of a rule: its own row, and the settings of its type with the type's own fields and help texts."""

import datetime
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms.models import ModelChoiceIterator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from campaigns.models import Purpose
from patients.models import Branch
from segmentation.models import Segment
from triggers.models import Goal, TriggerRule
from triggers.rule_types import RuleType

PREFIX = "param_"
ROW = [
    "name", "name_en", "description", "description_en", "purpose", "goal", "goal_group", "include", "exclude",
    "branches", "priority", "holdout_percent", "cooldown_days", "window_days", "send_at", "per_day", "by_capacity",
    "valid_from", "valid_until", "resend_unknown",
]  # fmt: skip

COLUMNS = [name for name in ROW if name not in ("include", "exclude", "branches")]


class ClockInput(widgets.UnfoldAdminTextInputWidget):
    """A time of day by the branch's clock: no seconds, no hints about the clock of the server."""

    input_type = "time"

    def format_value(self, value: Any) -> str | None:
        return f"{value:%H:%M}" if isinstance(value, datetime.time) else super().format_value(value)


_LOOKS: tuple[tuple[type[forms.Field], type[forms.Widget]], ...] = (
    (forms.ModelMultipleChoiceField, widgets.UnfoldAdminSelect2MultipleWidget),
    (forms.ModelChoiceField, widgets.UnfoldAdminSelect2Widget),
    (forms.MultipleChoiceField, widgets.UnfoldAdminSelect2MultipleWidget),
    (forms.ChoiceField, widgets.UnfoldAdminSelectWidget),
    (forms.BooleanField, widgets.UnfoldBooleanSwitchWidget),
    (forms.DateField, widgets.UnfoldAdminSingleDateWidget),
    (forms.TimeField, ClockInput),
    (forms.DecimalField, widgets.UnfoldAdminDecimalFieldWidget),
    (forms.FloatField, widgets.UnfoldAdminDecimalFieldWidget),
    (forms.IntegerField, widgets.UnfoldAdminIntegerFieldWidget),
)


class BySegmentation(ModelChoiceIterator):
    """Segments under the names of their segmentations: "VIP" alone does not say whose."""

    def __iter__(self) -> Any:
        groups: dict[str, list[Any]] = {}
        for segment in self.queryset:
            groups.setdefault(str(segment.segmentation), []).append(self.choice(segment))
        yield from groups.items()


class SegmentsField(forms.ModelMultipleChoiceField):
    iterator = BySegmentation


def _segments(label: Any, help_text: Any) -> SegmentsField:
    rows = Segment.objects.select_related("segmentation").order_by("segmentation__position", "segmentation", "position")
    return SegmentsField(
        rows,
        label=capfirst(label),
        help_text=help_text,
        required=False,
        widget=widgets.UnfoldAdminSelect2MultipleWidget(),
    )


class RuleForm(forms.ModelForm):
    """The row's own fields; those of its type are added by `form_for`, with a prefix, and kept in `params`."""

    rule_type: RuleType | None = None

    include = _segments(
        gettext_lazy("only patients of"), gettext_lazy("On the day of the first message. Empty: everybody.")
    )
    exclude = _segments(
        gettext_lazy("never patients of"), gettext_lazy("Who is in one of them gets nothing of this rule.")
    )

    branches = forms.ModelMultipleChoiceField(
        Branch.objects.order_by("name"), label=capfirst(gettext_lazy("branches")), required=False,
        help_text=gettext_lazy("Empty: every branch."), widget=widgets.UnfoldAdminSelect2MultipleWidget(),
    )  # fmt: skip

    class Meta:
        model = TriggerRule
        fields = ROW
        labels = {"purpose": capfirst(gettext_lazy("kind of message"))}
        widgets = {
            "description": widgets.UnfoldAdminTextareaWidget({"rows": 2}),
            "description_en": widgets.UnfoldAdminTextareaWidget({"rows": 2}),
            "send_at": ClockInput(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.rule_type
        if kind is None:
            return
        _limit(self.fields.get("purpose"), kind.purposes, Purpose)
        _limit(self.fields.get("goal"), kind.goals, Goal)
        if self.instance.pk is None:
            self.initial.setdefault("purpose", kind.purposes[0])
            self.initial.setdefault("goal", kind.goals[0])
            self.initial.setdefault("cooldown_days", kind.cooldown_days)
            service = kind.purposes[0] == Purpose.SERVICE
            self.initial.setdefault("holdout_percent", 0 if service else 10)
            self.initial.setdefault("resend_unknown", service)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self._clean_params(data)
        if data.get("goal") == Goal.GROUP and not data.get("goal_group"):
            self.add_error("goal_group", ValidationError(_("Choose the group whose appointment ends the ladder.")))
        elif data.get("goal") != Goal.GROUP:
            data["goal_group"] = None
        if data.get("purpose") == Purpose.SERVICE and data.get("holdout_percent"):
            said = _("Service messages go to everybody: a hold-out would leave patients without them. Write 0.")
            self.add_error("holdout_percent", ValidationError(said))
        if data.get("purpose") != Purpose.SERVICE:
            data["resend_unknown"] = False  # advertising is never sent twice by itself
        first, last = data.get("valid_from"), data.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", ValidationError(_("The last day is before the first one.")))
        self._clean_ranges(data)
        return data

    def _clean_params(self, data: dict[str, Any]) -> None:
        """The type's own form judges its fields; what it says stands at them."""
        kind = self.rule_type
        if kind is None:
            return
        own = _prefixed(kind.form_class)(self.data)
        if own.is_valid():
            data["params"] = kind.stored(own.cleaned_data)
            chosen = data["params"].get("services") or data["params"].get("group")
            if "choose" in self.instance.params and not chosen:
                # A ready rule still waits for its services; without any it would be about all of them.
                data["params"]["choose"] = self.instance.params["choose"]
        for name, errors in own.errors.items():
            field = PREFIX + name if PREFIX + name in self.fields else None
            if name == NON_FIELD_ERRORS or field is None:
                self.add_error(None, ValidationError(list(errors)))
            elif not self.has_error(field):
                self.add_error(field, ValidationError(list(errors)))

    def _clean_ranges(self, data: dict[str, Any]) -> None:
        for name, least, most in (("holdout_percent", 0, 90), ("window_days", 1, 365), ("per_day", 1, 100_000)):
            value = data.get(name)
            if value is not None and not least <= value <= most and not self.has_error(name):
                said = _("A number from %(least)s to %(most)s is needed.") % {"least": least, "most": most}
                self.add_error(name, ValidationError(said))

    def save(self, commit: bool = True) -> Any:
        if "params" in self.cleaned_data:
            self.instance.params = self.cleaned_data["params"]
        return super().save(commit)


def form_for(kind: RuleType | None, params: dict[str, Any] | None = None) -> type[RuleForm]:
    """The form of a rule of this type, filled with its settings."""
    if kind is None:
        return RuleForm
    values = {**kind.defaults(), **(params or {})}
    fields = {PREFIX + name: field for name, field in kind.form_class().fields.items()}
    for name, field in fields.items():
        field.initial = values.get(name.removeprefix(PREFIX))
        dress(field)
    return type("RuleOfTypeForm", (RuleForm,), {**fields, "rule_type": kind})


def _prefixed(form: type[forms.Form]) -> type[forms.Form]:
    """The type's form as it reads the fields of this one. Django's own prefix has a hyphen, which no script takes."""
    return type("Prefixed", (form,), {"add_prefix": lambda _self, name: PREFIX + name})


def params_of(kind: RuleType | None) -> list[str]:
    return [PREFIX + name for name in kind.form_class().fields] if kind else []


def dress(field: forms.Field) -> None:
    """Unfold's look for a plain field; what the type has chosen for itself (a hidden field) stays."""
    field.label = capfirst(field.label or "")
    if isinstance(field.widget, forms.HiddenInput):
        return
    for plain, widget in _LOOKS:
        if isinstance(field, plain):
            attrs = {key: field.widget.attrs[key] for key in ("min", "max", "step") if key in field.widget.attrs}
            dressed = widget(attrs) if attrs else widget()
            if isinstance(field, forms.ChoiceField):
                dressed.choices = field.choices  # type: ignore[attr-defined]
            dressed.is_required = field.required
            field.widget = dressed
            return
    field.widget = widgets.UnfoldAdminTextInputWidget()


def _limit(field: forms.Field | None, allowed: tuple[str, ...], labels: Any) -> None:
    if isinstance(field, forms.ChoiceField):
        field.choices = [(code, labels(code).label) for code in allowed]
