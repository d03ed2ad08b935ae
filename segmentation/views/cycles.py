"""Return cycles: of every service, the interval set by hand beside the one learned from visits; the page of one."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patients.access import requires
from patients.models import Service
from segmentation.models import LearnedCycle


@require_GET
@requires("segmentation.view_learnedcycle")
def cycles(request: HttpRequest) -> HttpResponseBase:
    """The services that have an interval, of either kind."""
    learned = LearnedCycle.objects.filter(sex="", age_from=None).select_related("service").order_by("-returns")
    return render(request, "segmentation/cycles/list.html", {"learned": learned[:200]})


@require_GET
@requires("segmentation.view_learnedcycle")
def cycle(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One service: its learned intervals by sex and age."""
    service = get_object_or_404(Service, pk=pk)
    return render(
        request, "segmentation/cycles/service.html", {"service": service, "cells": service.learned_cycles.all()}
    )
