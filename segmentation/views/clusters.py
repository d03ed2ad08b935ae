"""Pages of clusters: which there are, a search for new ones, what was found."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from patients.access import requires
from segmentation.models import Segmentation

KIND = "clusters"


@require_safe
@requires("segmentation.view_segment")
def clusters(request: HttpRequest) -> HttpResponse:
    """Every search for clusters that is kept."""
    kept = list(Segmentation.objects.filter(kind=KIND, active=True))
    return render(request, "segmentation/clusters.html", {"kept": kept})
