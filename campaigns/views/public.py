"""Pages for patients, opened by the signed links of messages: no login, no cookie, no script needed.

The token in the address is the key, as in every unsubscribe link: nobody else's site can know it, so forms need no
CSRF token (and one-click unsubscribing by mail services could not send one). GET and HEAD change nothing but the click
that is noted. What is not ours, unknown or out of date gets one and the same page.
"""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import links
from campaigns.models import Channel, Policy, Purpose
from campaigns.services.consents import consent_texts
from campaigns.services.consents import preferences as choosing
from campaigns.services.hearing import clicks
from campaigns.views.patient_page import asked_language, broken, page, patient_page


def _reader(token: str, purpose: links.Purpose) -> choosing.Reader | None:
    signed = links.read(token, purpose)
    return choosing.reader(signed.message_id) if signed else None


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@patient_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: a POST of `List-Unsubscribe=One-Click` unsubscribes at once. A GET shows a button."""
    found = _reader(token, "unsubscribe")
    if found is None:
        return broken(request)
    message_id, now = found.message.pk, timezone.now()
    if request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click":
        choosing.unsubscribe(message_id, "one-click", now)
        return HttpResponse("Unsubscribed", content_type="text/plain; charset=utf-8")
    done = request.POST.get("do", "") if request.method == "POST" else ""
    if done == "unsubscribe":
        choosing.unsubscribe(message_id, "page", now)
    elif done == "undo" and choosing.undo(message_id, now):
        done = "undone"
    context = {
        "masked": found.masked,
        "channel": Channel(found.message.channel),
        "service": found.message.purpose == Purpose.SERVICE,
        "unsubscribed": choosing.is_unsubscribed(found),
        "done": done,
        "preferences": links.preferences_url("", message_id) if choosing.is_open(found, now) else "",
    }
    return page(request, "unsubscribe", asked_language(request) or found.language, context)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@patient_page
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """What the clinic may write, where: the reader's words, to be changed."""
    found, now = _reader(token, "preferences"), timezone.now()
    if found is None or not choosing.is_open(found, now):
        return broken(request)
    language, policy = asked_language(request) or found.language, Policy.load()
    if request.method == "POST":
        choosing.save(found, _wanted(request, found), language, policy, now)
        answer = redirect(f"{links.preferences_url('', found.message.pk)}?language={language}&saved=1")
        answer.status_code = 303
        return answer
    with translation.override(language):
        lines = choosing.choices(found.patient)
        parts = [
            {
                "purpose": purpose,
                "text": consent_texts.shown(purpose, language, policy).text,
                "lines": [
                    {"line": line, "channel": Channel(line.channel)} for line in lines if line.purpose == purpose
                ],
            }
            for purpose in (Purpose.MARKETING, Purpose.SERVICE)
        ]
    context = {"masked": found.masked, "parts": parts, "saved": request.GET.get("saved") == "1", "lines": lines}
    return page(request, "preferences", language, context)


def _wanted(request: HttpRequest, found: choosing.Reader) -> dict[tuple[str, str], bool]:
    """The ticks as they stood when the form was sent; "no advertising at all" leaves the rest as it is."""
    lines = choosing.choices(found.patient)
    if request.POST.get("do") == "no_advertising":
        return {(line.channel, line.purpose): False for line in lines if line.purpose == Purpose.MARKETING}
    ticked = set(request.POST.getlist("allow"))
    return {(line.channel, line.purpose): f"{line.channel}:{line.purpose}" in ticked for line in lines}


@csrf_exempt
@require_http_methods(["GET", "HEAD"])
@patient_page
def link(request: HttpRequest, token: str) -> HttpResponse:
    """On to the address stored with the text. A GET is a click; a HEAD only asks."""
    signed = links.read(token, "link")
    target = clicks.target(*signed) if signed else None
    if target is None:
        return broken(request)
    if request.method == "GET":
        clicks.note(target, request.headers, timezone.now())
    return HttpResponseRedirect(target.url)
