"""Return cycles: of every service, the interval set by hand beside the one learned from visits; the page of one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from patients import wording
from patients.access import requires
from patients.models import Service
from segmentation.reports import cycles as told
from segmentation.selectors import cycle_pages
from segmentation.selectors import cycles as learned
from segmentation.services.cycles import taking
from segmentation.views.files import picture_file


@require_GET
@requires("segmentation.view_segment")
def cycles(request: HttpRequest) -> HttpResponseBase:
    """The services that have an interval, of either kind."""
    group, sort = request.GET.get("group", ""), request.GET.get("sort", "")
    sort = sort if sort in cycle_pages.SORTS else cycle_pages.SORTS[0]
    rows = cycle_pages.rows(group, sort)
    as_of = learned.learned_on()
    answer = picture_file(request, [told.table(rows)], as_of)
    if answer:
        return answer
    groups = cycle_pages.groups()
    context = {
        "rows": [(row, told.verdict(row), told.advice(row)) for row in rows[: cycle_pages.LIMIT]],
        "more": max(len(rows) - cycle_pages.LIMIT, 0),
        "headline": told.headline(rows) if rows else "",
        "as_of": as_of,
        "filters": [
            {"name": "group", "label": _("Service group"), "kind": "select", "value": group,
             "options": [("", _("all")), *((str(pk), name) for pk, name in groups)]},
            {"name": "sort", "label": _("Order"), "kind": "select", "value": sort,
             "options": [("difference", _("largest differences first")), ("returns", _("most returns first")),
                         ("name", _("by name"))]},
        ],
    }  # fmt: skip
    return render(request, "segmentation/cycles/list.html", context)


@require_GET
@requires("segmentation.view_segment")
def cycle(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One service: the curve of return, and its learned intervals by sex and age."""
    service = get_object_or_404(Service.objects.select_related("group"), pk=pk)
    found = learned.learned_of(service)
    row = cycle_pages.Row(service, found.everybody if found else None, found.unused if found else "")
    picture = told.curve(learned.curve(service), row.learned, row.by_hand)
    answer = picture_file(request, [picture], learned.learned_on())
    if answer:
        return answer
    groups = found.groups if found else []
    may_change = request.user.has_perm("patients.change_service")
    another = row.learned is not None and row.learned.days != row.by_hand
    context = {
        "service": service, "row": row, "verdict": told.verdict(row), "advice": told.advice(row), "curve": picture,
        "groups": [(told.whom(one.sex, one.age_from, one.age_to), one) for one in groups],
        "may_take": another and may_change, "may_clear": row.unfounded and may_change,
        "ask": (another or row.unfounded) and not may_change,
    }  # fmt: skip
    return render(request, "segmentation/cycles/service.html", context)


@require_POST
@requires("segmentation.view_segment", "patients.change_service")
def clear(request: HttpRequest, pk: int) -> HttpResponse:
    """The interval set by hand is taken away."""
    service = get_object_or_404(Service, pk=pk)
    days = request.POST.get("days", "")
    try:
        taking.clear(pk, int(days) if days.isdecimal() and len(days) < 11 else 0)
    except taking.NotSetError:
        messages.error(request, _("Another interval has been set meanwhile: look at it and decide again."))
    else:
        said = _("The recall interval of “%(service)s” is cleared; the next night counts without it.")
        messages.success(request, said % {"service": service})
    return redirect("cycle", pk)


@require_POST
@requires("segmentation.view_segment", "patients.change_service")
def take(request: HttpRequest, pk: int) -> HttpResponse:
    """The learned interval becomes the one set at the service."""
    service = get_object_or_404(Service, pk=pk)
    days = request.POST.get("days", "")
    try:
        taking.take(pk, int(days) if days.isdecimal() and len(days) < 6 else 0)
    except taking.NotLearnedError:
        messages.error(request, _("A night has learned another interval meanwhile: look at it and decide again."))
    else:
        said = _("The recall interval of “%(service)s” is now %(days)s; the next night counts with it.")
        messages.success(request, said % {"service": service, "days": wording.days(int(days))})
    return redirect("cycle", pk)
