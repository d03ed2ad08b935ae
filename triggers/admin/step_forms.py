"""The ladder of a rule as a list of small forms. A step is a time, and a template for each channel it may go by."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms.models import ModelChoiceIterator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets
from unfold.admin import StackedInline
from unfold.forms import PaginationInlineFormSet

from campaigns.models import Channel, Purpose, Template
from triggers.admin.rule_forms import ClockInput
from triggers.models import TriggerRule, TriggerStep, Unit
from triggers.rule_types import RuleType
from triggers.selectors import ladder, words

BEFORE, AFTER = "before", "after"
_SIDES = [(BEFORE, gettext_lazy("before")), (AFTER, gettext_lazy("after"))]
MINUTES = {Unit.MINUTE: 1, Unit.HOUR: 60, Unit.DAY: 1440}


class ByPurpose(ModelChoiceIterator):
    """Templates for advertising and for service messages apart: a rule uses those of its own purpose."""

    def __iter__(self) -> Any:
        if self.field.empty_label is not None:
            yield "", self.field.empty_label
        groups: dict[str, list[Any]] = {}
        for template in self.queryset:
            groups.setdefault(str(Purpose(template.purpose).label), []).append(self.choice(template))
        yield from groups.items()


class TemplateField(forms.ModelChoiceField):
    iterator = ByPurpose

    def __init__(self, channel: str, label: Any) -> None:
        super().__init__(
            Template.objects.filter(channel=channel).order_by("purpose", "name"), required=False, label=capfirst(label),
            empty_label=capfirst(gettext_lazy("not by this channel")), widget=widgets.UnfoldAdminSelectWidget(),
        )  # fmt: skip


class StepForm(forms.ModelForm):
    """One message of the ladder. The channels are those that have a template, the cheapest first."""

    amount = forms.IntegerField(
        label=capfirst(gettext_lazy("when")), min_value=0, max_value=3650, initial=0,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
        help_text=gettext_lazy("0: on the day itself, or at once."),
    )  # fmt: skip
    unit = forms.ChoiceField(
        label=capfirst(gettext_lazy("unit")),
        choices=Unit.choices,
        initial=Unit.DAY,
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    side = forms.ChoiceField(
        label=capfirst(gettext_lazy("side")), choices=_SIDES, initial=AFTER, widget=widgets.UnfoldAdminSelectWidget()
    )
    template_email = TemplateField(Channel.EMAIL, gettext_lazy("e-mail"))
    template_sms = TemplateField(Channel.SMS, gettext_lazy("SMS"))
    template_call = TemplateField(Channel.CALL, gettext_lazy("call: script for the call list"))

    class Meta:
        model = TriggerStep
        fields = ["at", "useful_hours", "offer"]
        widgets = {
            "at": ClockInput(), "offer": widgets.UnfoldAdminSelectWidget(),
            "useful_hours": widgets.UnfoldAdminIntegerFieldWidget(),
        }  # fmt: skip

    kind: RuleType | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        step: TriggerStep = self.instance
        if step.pk:
            # What unfold writes above the fields.
            step.get_inline_title = f"{words.when(step)} — {words.channels(step.channels)}"  # type: ignore[attr-defined]
            side = BEFORE if step.offset < 0 else AFTER
            self.initial.update(amount=abs(step.offset), unit=step.unit, side=side)
            for row in step.templates.all():
                self.initial[f"template_{row.channel}"] = row.template_id
        for code in Channel.values:
            self._offer_living(f"template_{code}", self.initial.get(f"template_{code}"))
        self._offer_living("offer", step.offer_id)
        if self.kind is not None and self.kind.anchored == "day":
            self.fields["unit"].choices = [(Unit.DAY, Unit.DAY.label)]  # type: ignore[attr-defined]
        else:
            self.fields["at"].help_text = _("For days only. Empty: exactly so long after.")

    def _offer_living(self, name: str, kept: int | None) -> None:
        """What is not archived, and what the step has."""
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        assert field.queryset is not None
        field.queryset = field.queryset.filter(Q(archived_at__isnull=True) | Q(pk=kept or 0))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.kind is not None and self.kind.anchored == "day":
            data["unit"] = Unit.DAY
        if data.get("at") and data.get("unit") != Unit.DAY:
            self.add_error("at", ValidationError(_("A time of day goes with days: choose days, or leave it empty.")))
        if not any(data.get(f"template_{code}") for code in Channel.values):
            self.add_error(None, ValidationError(_("Choose a template for at least one channel.")))
        hours = data.get("useful_hours")
        if hours is not None and not 1 <= hours <= 24 * 365:
            said = _("A number from %(least)s to %(most)s is needed.") % {"least": 1, "most": 24 * 365}
            self.add_error("useful_hours", ValidationError(said))
        return data

    def draft(self) -> ladder.Draft:
        """The step as it was typed."""
        data = self.cleaned_data
        offset = -data["amount"] if data["side"] == BEFORE else data["amount"]
        chosen = {code: data.get(f"template_{code}") for code in Channel.values}
        return ladder.Draft(
            offset=offset, unit=str(data["unit"]), at=data["at"], useful_hours=data["useful_hours"],
            templates={code: template.pk for code, template in chosen.items() if template},
            offer_id=data["offer"].pk if data["offer"] else None,
        )  # fmt: skip


class StepFormSet(PaginationInlineFormSet):
    """The ladder as a whole: at least one message, no two at one time, templates of the purpose of the rule."""

    def clean(self) -> None:
        super().clean()
        if any(form.errors for form in self.forms):
            return
        purpose = self.data.get("purpose") or self.instance.purpose
        seen: set[tuple[int, Any]] = set()
        for form in self.filled():
            draft = form.draft()
            moment = (draft.offset * MINUTES[Unit(draft.unit)], draft.at)
            if moment in seen:
                form.add_error("amount", ValidationError(_("Two messages at one time: put them into one step.")))
            seen.add(moment)
            for code in draft.templates:
                template = form.cleaned_data[f"template_{code}"]
                if template.purpose != purpose:
                    said = _("“%(name)s” is for another purpose than the rule.") % {"name": template.name}
                    form.add_error(f"template_{code}", ValidationError(said))

    def filled(self) -> list[StepForm]:
        return [
            form
            for form in self.forms
            if not self._should_delete_form(form)
            and (form.instance.pk or form.has_changed())
            and hasattr(form, "cleaned_data")
        ]

    def drafts(self) -> list[ladder.Draft]:
        """The steps in the order of their time."""
        found = [form.draft() for form in self.filled()]
        usual = self.instance.send_at
        return sorted(found, key=lambda one: (one.offset * MINUTES[Unit(one.unit)], one.at or usual))

    def save(self, commit: bool = True) -> list[Any]:
        """Steps are saved as a whole by `switching.save_steps`: used ones are retired, never changed."""
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []
        return []


class StepInline(StackedInline):
    model = TriggerStep
    form = StepForm
    formset = StepFormSet
    verbose_name = gettext_lazy("step")
    verbose_name_plural = gettext_lazy("Ladder: the messages, one after another")
    template_before = "admin/triggers/triggerrule/steps_before.html"
    min_num = 1
    validate_min = True
    extra = 0
    fields = [
        ("amount", "unit", "side", "at", "useful_hours"), ("template_email", "template_sms", "template_call", "offer"),
    ]  # fmt: skip
    kind: RuleType | None = None

    def get_queryset(self, request: Any) -> Any:
        rows = super().get_queryset(request).filter(retired_at__isnull=True)
        return rows.order_by("position").prefetch_related("templates")

    def get_formset(self, request: Any, obj: TriggerRule | None = None, **kwargs: Any) -> Any:
        form = type("StepOfType", (StepForm,), {"kind": self.kind})
        return super().get_formset(request, obj, form=form, validate_min=True, **(kwargs | {"fields": None}))


def changed(rule: TriggerRule, drafts: Sequence[ladder.Draft]) -> bool:
    """Whether the ladder as typed is another than the one that is there."""
    return [ladder.draft_of(step) for step in ladder.current(rule)] != list(drafts)
