"""What every page for patients shares: its headers, its language, its answer to a link that does not work."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from campaigns import links
from campaigns.models import Policy
from campaigns.services.consents.preferences import LANGUAGES

_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
# Punctuation that programs take for a part of the link in front of it.
_TAILS = ".,;:!?)]}>»\"'"


def patient_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Headers of every answer: the address stays here, is not stored and not searched for."""

    @wraps(view)
    def answered(request: HttpRequest, token: str) -> HttpResponse:
        token = token.rstrip(_TAILS)
        response = _of_a_test(request, view.__name__) if links.is_test(token) else view(request, token)
        for name, value in _HEADERS.items():
            response[name] = value
        return response

    return answered


def page(
    request: HttpRequest, name: str, language: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    with translation.override(language):
        policy = Policy.load()
        given = {"language": language, "clinic": policy.clinic_name, "details": policy.clinic_details}
        response = render(request, f"campaigns/public/{name}.html", {**given, **(context or {})}, status=status)
    response["Content-Language"] = language
    return response


def _of_a_test(request: HttpRequest, kind: str) -> HttpResponse:
    """The link of a test letter: what its reader would find there. Nothing is looked up and nothing is changed."""
    return page(request, "test", asked_language(request) or "ru", {"kind": kind})


def broken(request: HttpRequest) -> HttpResponse:
    """Forged, foreign, unknown, out of date: the answer does not say which."""
    return page(request, "broken", asked_language(request) or "ru", status=404)


def asked_language(request: HttpRequest) -> str:
    asked = request.GET.get("language", "")
    return asked if asked in LANGUAGES else ""
