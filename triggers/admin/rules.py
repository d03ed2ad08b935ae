"""Rules: the type is chosen first, then its own settings, the audience and the ladder; the page says it in words."""

import secrets
from typing import Any, Literal

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from patients.admin.base import ConfigurationAdmin
from triggers import rule_types
from triggers.admin import rule_forms, rule_pages
from triggers.admin.step_forms import StepFormSet, StepInline, changed
from triggers.models import Firing, TriggerRule, TriggerStep
from triggers.rule_types import RuleType
from triggers.selectors import words
from triggers.services import starters, switching

_LADDERS = "ladders"
_CHOICES: dict[str, Literal["keep", "new", "stop"]] = {"keep": "keep", "new": "new", "stop": "stop"}


class TypeFilter(admin.SimpleListFilter):
    """Types by their names; those that have rules."""

    title = gettext_lazy("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        used = set(TriggerRule.objects.values_list("rule_type", flat=True).distinct())
        return [(code, str(kind.name)) for code, kind in rule_types.TYPES.items() if code in used]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(rule_type=self.value()) if self.value() else queryset


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", _("on")), ("off", _("off")), ("archived", _("archived"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "archived":
            return queryset.filter(archived_at__isnull=False)
        queryset = queryset.filter(archived_at__isnull=True)
        return queryset.filter(enabled=self.value() == "on") if self.value() else queryset


@admin.register(TriggerRule)
class TriggerRuleAdmin(rule_pages.RulePages, ConfigurationAdmin):
    form = rule_forms.RuleForm
    list_display = ["shown_name", "type_title", "shown_state", "shown_ladder", "open_ladders", "priority"]
    list_filter = [StateFilter, TypeFilter, "purpose"]
    search_fields = ["name", "name_en", "code"]
    ordering = ["-enabled", "-priority", "pk"]
    actions = None
    actions_list = ["ready_rules"]
    change_form_outer_before_template = "admin/triggers/triggerrule/panel.html"
    list_before_template = "admin/triggers/triggerrule/list_head.html"
    compressed_fields = False
    conditional_fields = {"goal_group": "goal == 'group'"}

    class Media:
        css = {"all": ["css/rules_admin.css"]}

    # --- The list -----------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(str(TriggerRule._meta.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[TriggerRule]:
        steps = TriggerStep.objects.filter(retired_at__isnull=True).order_by("position")
        # Counted by the index of open firings, whatever number have ended.
        going_on = Firing.objects.filter(rule=OuterRef("pk"), state=Firing.State.OPEN).order_by().values("rule")
        running = Coalesce(Subquery(going_on.annotate(n=Count("pk")).values("n")), 0)
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("steps", queryset=steps, to_attr="ladder"))
            .annotate(running=running)
        )

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, rule: TriggerRule) -> str:
        return format_html('<span class="rule-name">{}</span><span class="rule-words">{}</span>', rule,
                           words.sentence(rule))  # fmt: skip

    @admin.display(description=gettext_lazy("type"), ordering="rule_type")
    def type_title(self, rule: TriggerRule) -> str:
        return words.type_name(rule)

    @display(
        description=gettext_lazy("state"), ordering="enabled",
        label={"on": "success", "off": "", "archived": "", "error": "danger"},
    )  # fmt: skip
    def shown_state(self, rule: TriggerRule) -> tuple[str, str]:
        if rule.archived_at:
            return "archived", _("archived")
        if rule.error:
            return "error", _("error")
        return ("on", _("on")) if rule.enabled else ("off", _("off"))

    @admin.display(description=gettext_lazy("ladder"))
    def shown_ladder(self, rule: Any) -> str:
        return "; ".join(f"{line['when']} — {line['channels']}" for line in words.ladder(rule.ladder))

    @admin.display(description=gettext_lazy("ladders going on"), ordering="running")
    def open_ladders(self, rule: Any) -> int:
        return int(rule.running)

    @action(description=gettext_lazy("Add the ready rules"), icon="library_add", permissions=["add"])
    def ready_rules(self, request: HttpRequest) -> HttpResponse:
        """GET shows which are missing, POST adds them, switched off."""
        if request.method == "POST":
            made = starters.ensure(request.user)
            messages.success(request, _("Rules added: %(n)s. They are switched off.") % {"n": len(made)})
            return redirect("admin:triggers_triggerrule_changelist")
        return self.ready_page(request)

    # --- The form -----------------------------------------------------------------------------------------------
    def _kind(self, request: HttpRequest, rule: TriggerRule | None) -> RuleType | None:
        return rule_types.TYPES.get(rule.rule_type if rule else request.GET.get("type", ""))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kind = self._kind(request, obj)
        form = rule_forms.form_for(kind, obj.params if obj else None)
        return super().get_form(request, obj, change, form=form, **(kwargs | {"fields": None}))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = self._kind(request, obj)
        sets: list[Any] = [(None, {"fields": [("name", "name_en")]})]
        if params := rule_forms.params_of(kind):
            text = kind.description if kind and obj else None  # a new rule has it in its panel
            sets.append((gettext_lazy("What it looks for"), {"fields": params, "description": text}))
        return [
            *sets,
            (gettext_lazy("Whom it concerns"), {"fields": ["include", "exclude", "branches"]}),
            (
                gettext_lazy("What it says and when it stops"),
                {"fields": [("purpose", "goal", "goal_group"), ("send_at", "cooldown_days", "priority")]},
            ),
            (
                gettext_lazy("How many, how proven, how long"),
                {
                    "fields": [
                        ("holdout_percent", "window_days"), ("per_day", "by_capacity"), ("valid_from", "valid_until"),
                        "resend_unknown",
                    ],
                    "classes": ["collapse"],
                },
            ),
            (gettext_lazy("Notes"), {"fields": ["description", "description_en"], "classes": ["collapse"]}),
        ]  # fmt: skip

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        kind = self._kind(request, obj)
        return [type("StepsOfType", (StepInline,), {"kind": kind})] if kind else []

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Without a type in the address: choose it first."""
        if self._kind(request, None) is None and self.has_add_permission(request):
            return self.choose_page(request)
        return super().add_view(request, form_url, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rule = self.get_object(request, object_id) if object_id else None
        asks = rule is not None and request.method == "POST" and _LADDERS not in request.POST
        if asks and rule and (waiting := self._running(rule)) and self._new_ladder(request, object_id):
            return self.ladders_page(request, rule, waiting)
        context = {"show_save_and_add_another": False}
        context |= self.panel(request, rule) if rule else self.heading(request)
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _running(self, rule: TriggerRule) -> int:
        return Firing.objects.filter(rule=rule, state=Firing.State.OPEN).count()

    def _new_ladder(self, request: HttpRequest, object_id: str | None) -> bool:
        """Whether the posted form is right, and its ladder is another than the one that runs."""
        rule = self.get_object(request, object_id or "")  # a row of its own: a form writes on what it is given
        if rule is None or not self.has_change_permission(request, rule):
            return False
        form = self.get_form(request, rule, change=True)(request.POST, request.FILES, instance=rule)
        if not form.is_valid():
            return False
        formsets, _inlines = self._create_formsets(request, form.instance, change=True)
        return all(one.is_valid() for one in formsets) and any(
            isinstance(one, StepFormSet) and changed(rule, one.drafts()) for one in formsets
        )

    # --- Saving -------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: TriggerRule, form: Any, change: bool) -> None:
        if not change:
            obj.rule_type = request.GET.get("type", "")
            obj.code = starters.free_code(obj.rule_type)
            obj.salt = secrets.token_hex(8)
            obj.created_by = request.user if request.user.is_authenticated else None
            super().save_model(request, obj, form, change)
            return
        # What the form has not asked about is not its to write: the rule may have looked, or been switched off, since
        # the form was read.
        obj.save(update_fields=[*rule_forms.COLUMNS, "params", "updated_at"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        asked = request.POST.get(_LADDERS, "keep")
        for formset in formsets:
            if isinstance(formset, StepFormSet) and changed(form.instance, formset.drafts()):
                switching.save_steps(form.instance, formset.drafts(), _CHOICES.get(asked, "keep"), timezone.now())

    def response_add(self, request: HttpRequest, obj: TriggerRule, post_url_continue: Any = None) -> HttpResponse:
        """A new rule is off: its page says what it would do and what it lacks."""
        messages.success(request, _("The rule is saved and switched off. See who would get it, then switch it on."))
        return redirect("admin:triggers_triggerrule_change", obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has fired stays, as its messages do; a ready rule would come back. Both can be archived."""
        if obj is not None and (obj.starter or obj.enabled or obj.firings.exists()):
            return False
        return super().has_delete_permission(request, obj)

    def has_switch_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("triggers.switch_triggerrule")
