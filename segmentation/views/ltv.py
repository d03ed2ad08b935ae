"""What the base is worth: forecasts, how well they hold, channels, prices."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patients.access import requires
from segmentation.models import BaseTotal


@require_GET
@requires("segmentation.view_segment")
def worth(request: HttpRequest) -> HttpResponseBase:
    """What the base has paid and is expected to pay."""
    return render(request, "segmentation/ltv/worth.html", {"total": BaseTotal.objects.first()})


@require_GET
@requires("segmentation.view_segment")
def calibration(request: HttpRequest) -> HttpResponseBase:
    """What a forecast of the past said, beside what happened."""
    return render(request, "segmentation/ltv/calibration.html", {"total": BaseTotal.objects.first()})


@require_GET
@requires("segmentation.view_segment")
def channels(request: HttpRequest) -> HttpResponseBase:
    """What a patient of every acquisition channel costs and brings."""
    return render(request, "segmentation/ltv/channels.html", {"total": BaseTotal.objects.first()})


@require_GET
@requires("segmentation.view_segment")
def prices(request: HttpRequest) -> HttpResponseBase:
    """What patients pay for, at which discount, and whether they come again."""
    return render(request, "segmentation/ltv/prices.html", {"total": BaseTotal.objects.first()})
