"""What others post to us: delivery reports, bounces, complaints. No session, no cookie, no answer worth reading."""

import os
from collections.abc import Callable, Mapping
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns import hook_signature
from campaigns.services.hearing import delivery_formats as formats
from campaigns.services.hearing import inbound
from campaigns.services.hearing.delivery_formats import Report, Unreadable, WrongSignature

_MOST = 5 * 1024 * 1024


@csrf_exempt
@require_POST
def sms(request: HttpRequest) -> HttpResponse:
    """Reports in our own format, signed: the catcher's, and those of gateways that can be told a format."""
    signature = request.headers.get(hook_signature.HEADER, "")
    return _reports(
        request, lambda: formats.signed(request.body, signature, settings.HOOK_SECRET, timezone.now()), _accepted
    )


@csrf_exempt
@require_POST
def smsru(request: HttpRequest) -> HttpResponse:
    """Reports of SMS.ru, which wants to read "100" or comes again."""
    return _reports(
        request,
        lambda: formats.smsru(_form(request), os.environ.get("SMSRU_API_ID", ""), timezone.now()),
        lambda: HttpResponse("100", content_type="text/plain"),
    )


@csrf_exempt
@require_POST
def smsc(request: HttpRequest) -> HttpResponse:
    """Reports of SMSC."""
    return _reports(
        request,
        lambda: formats.smsc(_form(request), os.environ.get("SMSC_CALLBACK_SECRET", ""), timezone.now()),
        lambda: HttpResponse("OK", content_type="text/plain"),
    )


@csrf_exempt
@require_POST
def mail(request: HttpRequest) -> HttpResponse:
    """A whole mail as it came to the bounce mailbox, signed by whoever forwards it. Others' mail is taken too."""
    if _length(request) > _MOST:
        return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The mail is longer than 5 MB."))
    signature = request.headers.get(hook_signature.HEADER, "")
    now = timezone.now()
    if not hook_signature.is_good(signature, request.body, settings.HOOK_SECRET, int(now.timestamp())):
        return _refused()
    inbound.mail(request.body, now)
    return _accepted()


def _reports(
    request: HttpRequest, read: Callable[[], list[Report]], thanks: Callable[[], HttpResponse]
) -> HttpResponse:
    if _length(request) > _MOST:
        return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The request is longer than 5 MB."))
    try:
        reports = read()
    except WrongSignature:
        return _refused()
    except Unreadable as problem:
        return _problem(HTTPStatus.BAD_REQUEST, _("The request has errors."), problem.errors)
    if reports:
        inbound.delivery_reports(reports, timezone.now())
    return thanks()


def _length(request: HttpRequest) -> int:
    given = request.META.get("CONTENT_LENGTH") or "0"
    return int(given) if given.isdigit() else 0


def _form(request: HttpRequest) -> Mapping[str, str]:
    return {name: str(value) for name, value in request.POST.items()}


def _accepted() -> HttpResponse:
    return JsonResponse({}, status=HTTPStatus.ACCEPTED)


def _refused() -> HttpResponse:
    return _problem(HTTPStatus.FORBIDDEN, _("The signature is wrong or too old."))


def _problem(status: HTTPStatus, detail: str, errors: Mapping[str, list[str]] | None = None) -> HttpResponse:
    """RFC 9457, as everywhere in the API."""
    document = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return JsonResponse(
        document | ({"errors": dict(errors)} if errors else {}), status=status, content_type="application/problem+json"
    )
