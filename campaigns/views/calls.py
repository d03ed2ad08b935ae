"""The call list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patients.access import requires


@require_GET
@requires("campaigns.view_calltask")
def calls(request: HttpRequest) -> HttpResponse:
    """Calls to be made now."""
    return render(request, "calls/list.html", {})
