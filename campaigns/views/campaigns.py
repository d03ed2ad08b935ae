"""The list of campaigns."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patients.access import requires


@require_GET
@requires("campaigns.view_campaign")
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign with its state and what came of it."""
    return render(request, "campaigns/list.html", {})
