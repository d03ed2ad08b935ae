"""What is answered at an address nobody serves."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from patients.api.problems import MEDIA_TYPE


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for people; for a MIS that mistyped an address the same kind of document as every other refusal."""
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception)
    status = HTTPStatus.NOT_FOUND
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": _("There is no such address; /api/v1/docs/ lists them."),
    }
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE, json_dumps_params={"ensure_ascii": False})
