"""Errors as RFC 9457 problem documents."""

from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from patients.services.ingest.report import Errors

MEDIA_TYPE = "application/problem+json"


class Invalid(APIException):
    """The request says something impossible; `errors` names the fields."""

    status_code = HTTPStatus.BAD_REQUEST

    def __init__(self, errors: Errors, detail: str | None = None) -> None:
        super().__init__(detail or _("The request has errors."))
        self.errors = errors


def problem_response(problem: Exception, context: dict[str, Any]) -> Response | None:
    """What DRF would answer, as a problem document with the same status and headers."""
    answer = exception_handler(problem, context)
    if answer is None:
        return None
    detail = answer.data.get("detail") if isinstance(answer.data, dict) else None
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(answer.status_code).phrase,
        "status": answer.status_code,
        "detail": str(detail or (_("Not found.") if isinstance(problem, Http404) else _("The request has errors."))),
    }
    if isinstance(problem, Invalid):
        document["errors"] = problem.errors
    elif detail is None and isinstance(answer.data, dict):
        document["errors"] = answer.data
    # The renderer of a page (the docs) could not write it.
    headers = {name: answer.headers[name] for name in ("WWW-Authenticate", "Retry-After", "Allow") if name in answer}
    response = Response(document, status=answer.status_code, headers=headers, content_type=MEDIA_TYPE)
    response.exception = True
    return response
