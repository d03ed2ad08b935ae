"""Pages on which patients answer a message: a score from 0 to 10, a word about an appointment. See views.public."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import links
from campaigns.models import VisitRequest
from campaigns.services.consents import preferences
from campaigns.services.hearing import appointments, scores
from campaigns.views.patient_page import asked_language, broken, page, patient_page

_SCORES = [str(score) for score in range(11)]


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@patient_page
def score(request: HttpRequest, token: str) -> HttpResponse:
    """How likely is it that you recommend us? A GET changes nothing, also with a number in the address."""
    signed, now = links.read(token, "score"), timezone.now()
    found = preferences.reader(signed.message_id) if signed else None
    if found is None or not scores.is_open(found.message, now):
        return broken(request)
    message, language = found.message, asked_language(request) or found.language
    if request.method == "POST":
        said = request.POST.get("score", "")
        if said in _SCORES:
            # The page does not show what was written before, so an empty field is no word.
            scores.give(message.pk, int(said), _words(request, "comment") or None, now)
            thanks = "&thanks=1" if "comment" in request.POST else ""
            answer = redirect(f"{links.score_url('', message.pk)}?language={language}{thanks}")
            answer.status_code = 303
            return answer
    given = scores.given(message.pk)
    review = message.branch.review_url if message.branch else ""
    context = {
        "given": given,
        "numbers": range(11),
        "unhappy": given is not None and given.score is not None and given.score <= scores.UNHAPPY,
        "review": review if given is not None and (given.score or 0) >= scores.HAPPY else "",
        "thanks": request.GET.get("thanks") == "1",
        "missing": request.method == "POST",
    }
    return page(request, "score", language, context)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@patient_page
def appointment(request: HttpRequest, token: str) -> HttpResponse:
    """The appointment a reminder is about, with three buttons. A GET changes nothing; to cancel takes a second tap."""
    signed, now = links.read(token, "appointment"), timezone.now()
    found = preferences.reader(signed.message_id) if signed else None
    about = appointments.of_message(found.message, now) if found else None
    if found is None or about is None:
        return broken(request)
    language = asked_language(request) or found.language
    wanted = request.POST.get("do", "") if request.method == "POST" else request.GET.get("do", "")
    if request.method == "POST":
        if wanted == VisitRequest.Kind.CANCEL and request.POST.get("sure") != "1":
            answer = redirect(f"{links.appointment_url('', found.message.pk, 'cancel')}&language={language}")
            answer.status_code = 303
            return answer
        noted = appointments.ask(found.message.pk, wanted, _words(request, "wish"), now)
        said = "" if noted else "&late=1"
        answer = redirect(f"{links.appointment_url('', found.message.pk)}?language={language}{said}")
        answer.status_code = 303
        return answer
    visit = about.visit
    zone = ZoneInfo(visit.branch.timezone) if visit.branch else timezone.get_default_timezone()
    context = {
        "visit": visit,
        # Without its zone: templates would turn it into the clinic's.
        "starts": timezone.make_naive(visit.starts_at, zone),
        "coming": about.coming,
        "moved": about.moved,
        "asked": about.request,
        "wanted": wanted if wanted in VisitRequest.Kind.values else "",
        "late": request.GET.get("late") == "1",
    }
    return page(request, "appointment", language, context)


def _words(request: HttpRequest, name: str) -> str:
    """What was typed; PostgreSQL knows no text with a NUL in it."""
    return request.POST.get(name, "").replace("\x00", "").strip()
