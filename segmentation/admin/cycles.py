"""Services with what the nights have learned about their return: the administration of the app below, gone on here."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from patients import wording
from patients.admin.catalogue import ServiceAdmin
from patients.models import Service
from segmentation.reports.cycles import verdict, whom
from segmentation.selectors import cycle_pages
from segmentation.selectors.cycles import learned_of
from segmentation.services.cycles import taking

admin.site.unregister(Service)


@admin.register(Service)
class ServiceWithCyclesAdmin(ServiceAdmin):
    """The learned figures stand beside the interval set by hand; one click takes them over."""

    actions_detail = ["take_learned"]

    def get_readonly_fields(self, request: HttpRequest, obj: Service | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "learned")

    def get_fieldsets(self, request: HttpRequest, obj: Service | None = None) -> Any:
        names, rhythm, source = ServiceAdmin.fieldsets
        fields = [
            "recall_days",
            "learn_recall",
            *(["learned"] if obj else []),
            "sensitive",
            ("min_age", "max_age", "sex"),
        ]
        return [names, (rhythm[0], {"fields": fields}), source]

    @admin.display(description=gettext_lazy("learned from visits"))
    def learned(self, service: Service) -> SafeString:
        found = learned_of(service)
        if found is None:
            return mark_safe(_("Too few patients have come again to learn an interval."))  # our own words
        row = cycle_pages.Row(service, found.everybody, found.unused)
        groups = [(whom(one.sex, one.age_from, one.age_to), one) for one in found.groups]
        context = {"service": service, "row": row, "verdict": verdict(row), "groups": groups}
        return mark_safe(render_to_string("admin/segmentation/learned.html", context))  # a template escapes

    @action(
        description=gettext_lazy("Take the learned interval"), icon="event_repeat", permissions=["change"],
        attrs={"title": gettext_lazy("The learned interval becomes the recall interval of the service.")},
    )  # fmt: skip
    def take_learned(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST takes: a link that is only looked at changes nothing."""
        service = self.get_object(request, object_id)
        found = learned_of(service) if service else None
        back = redirect("admin:patients_service_change", object_id)
        if service is None or found is None:
            messages.warning(request, _("Too few patients have come again to learn an interval."))
            return back
        if request.method != "POST":
            return self._ask(request, service, found.everybody.days)
        try:
            taking.take(service.pk, int(request.POST.get("days", "0")))
        except (taking.NotLearnedError, ValueError):
            messages.error(request, _("A night has learned another interval meanwhile: look at it and decide again."))
            return back
        self.log_change(request, service, _("The learned interval was taken."))
        said = _("The recall interval of “%(service)s” is now %(days)s; the next night counts with it.")
        messages.success(request, said % {"service": service, "days": wording.days(found.everybody.days)})
        return back

    def _ask(self, request: HttpRequest, service: Service, days: int) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "service": service, "days": days,
            "title": _("Take the learned interval"),
        }  # fmt: skip
        return HttpResponse(render_to_string("admin/segmentation/take.html", context, request))
