"""Systems that post facts: their scopes, limits and tokens."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from patients.admin.base import ConfigurationAdmin
from patients.models import PORTAL, Integration
from patients.services.tokens import issue_token
from patients.tasks import keep_implied_payments


class IntegrationForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Integration.Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
        help_text=_("What the token allows. Without a scope every request is refused."),
    )

    class Meta:
        model = Integration
        fields = ["code", "name", "scopes", "active", "requests_per_minute", "implied_payments"]


@admin.register(Integration)
class IntegrationAdmin(ConfigurationAdmin):
    form = IntegrationForm
    list_display = ["code", "name", "shown_scopes", "active", "has_token", "requests_per_minute", "last_seen_at"]
    list_filter = ["active"]
    search_fields = ["code", "name"]
    readonly_fields = ["has_token", "last_seen_at", "created_at"]
    fieldsets = [
        (None, {"fields": ["code", "name", "active"]}),
        (_("Access"), {"fields": ["scopes", "requests_per_minute", ("has_token", "last_seen_at", "created_at")]}),
        (_("Money"), {"fields": ["implied_payments"]}),
    ]
    actions_detail = ["token"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return super().get_queryset(request).exclude(code=PORTAL)

    @admin.display(description=_("scopes"))
    def shown_scopes(self, integration: Integration) -> str:
        names = dict(Integration.Scope.choices)
        return ", ".join(str(names.get(scope, scope)) for scope in integration.scopes) or "—"

    @admin.display(description=_("token issued"), boolean=True)
    def has_token(self, integration: Integration) -> bool:
        return bool(integration.token_hash)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Rows of facts and import mappings name the source by its code.
        return [*self.readonly_fields, "code"] if obj else list(self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "implied_payments" in form.changed_data:
            transaction.on_commit(lambda: keep_implied_payments.delay(obj.pk))
            messages.info(request, _("A worker is bringing the implied payments of the visits already here in step."))

    def response_add(
        self, request: HttpRequest, obj: Integration, post_url_continue: str | None = None
    ) -> HttpResponse:
        if {"_addanother", "_popup"} & set(request.POST):
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("The integration is created. Issue its token now."))
        return redirect(self._token_url(obj))

    def _token_url(self, integration: Integration) -> str:
        return reverse("admin:patients_integration_token", args=[integration.pk])

    @action(description=_("Token"), icon="key", permissions=["change"])
    def token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST issues a new token and shows it in this one answer; nothing keeps the text of the token."""
        integration = self.get_object(request, object_id)
        if integration is None:
            return redirect("admin:patients_integration_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Token of %(name)s") % {"name": integration},
            "integration": integration,
            "token": issue_token(integration) if request.method == "POST" else "",
        }
        response = TemplateResponse(request, "admin/patients/integration/token.html", context)
        add_never_cache_headers(response)
        return response
