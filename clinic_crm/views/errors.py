"""What is answered at an address nobody serves, and when something broke that nobody foresaw."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from patients.api.problems import MEDIA_TYPE


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for people; for a MIS that mistyped an address the same kind of document as every other refusal."""
    if request.path.startswith("/api/"):
        return _document(HTTPStatus.NOT_FOUND, _("There is no such address; /api/v1/docs/ lists them."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A page for people; for a MIS a document that says that the request may be sent again."""
    if request.path.startswith("/api/"):
        detail = _("Something broke here. The request may be sent again: nothing is taken in twice.")
        return _document(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
    return defaults.server_error(request)


def _document(status: HTTPStatus, detail: str) -> HttpResponse:
    document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE, json_dumps_params={"ensure_ascii": False})
