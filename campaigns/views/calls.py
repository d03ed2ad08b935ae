"""The call list: who is to be called, one card per call, outcomes. Whoever opens a card holds the call for a while."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET, require_POST

from campaigns.models import CallTask
from campaigns.reports import calls as words
from campaigns.selectors import call_origins
from campaigns.selectors import calls as selector
from campaigns.selectors.calls import CallFilter
from campaigns.services.calling import call_times, needless
from campaigns.services.calling import calls as service
from patients.access import requires
from patients.selectors.contacts import masked, readable_phone
from segmentation.selectors.people import segments_of

Outcome = CallTask.Outcome
# Buttons of the card: (outcome, icon, tone); those after which one may call again carry the presets.
BUTTONS = (
    (Outcome.BOOKED, "ti-calendar-check", "good"),
    (Outcome.THINKING, "ti-hourglass", ""),
    (Outcome.NO_ANSWER, "ti-phone-off", ""),
    (Outcome.REFUSED, "ti-thumb-down", ""),
    (Outcome.WRONG_NUMBER, "ti-user-question", ""),
    (Outcome.NO_MORE_CALLS, "ti-bell-off", "bad"),
)


@require_GET
@requires("campaigns.view_calltask")
def calls(request: HttpRequest) -> HttpResponse:
    """Calls of today with their filters, and what has been done since the morning."""
    now = timezone.now()
    asked = CallFilter.parse(request.GET)
    user_id = int(request.user.pk or 0)
    found = selector.tasks(asked, user_id, now)
    page = selector.page(found, asked)
    patients = [task.patient_id for task in page.rows]
    due = selector.bounded_count(selector.tasks(CallFilter(branch=asked.branch), user_id, now))
    overdue = selector.bounded_count(selector.tasks(CallFilter(branch=asked.branch, overdue=True), user_id, now))
    today = selector.today(user_id, now)
    segments = segments_of(patients)
    origins = call_origins.origins(page.rows)
    context: dict[str, Any] = {
        "asked": asked,
        "now": now,
        "rows": [
            {"task": task, "segments": segments.get(task.patient_id, [])[:2], "origin": origins.get(task.pk)}
            for task in page.rows
        ],
        "filters": _filters(asked),
        "kept": [("view", asked.view)] if asked.view != "due" else [],
        "tabs": _tabs(request, asked, due),
        "due": due,
        "due_words": words.bounded(due, selector.COUNT_LIMIT),
        "overdue": overdue,
        "overdue_words": words.bounded(overdue, selector.COUNT_LIMIT),
        "today": today,
        "headline": words.headline(due, overdue, today),
        "next_url": f"?{_query(request, after=page.after)}" if page.after else "",
        "query": _query(request, after=None, view=None),
        "day_began": selector.day_began(now),
    }
    return render(request, "calls/list.html", context)


def _query(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name, value in changed.items():
        query.pop(name, None)
        if value:
            query[name] = str(value)
    return query.urlencode()


def _filters(asked: CallFilter) -> list[dict[str, Any]]:
    filters = []
    branches = selector.branches()
    if len(branches) > 1:
        options = [("", _("All branches")), *((str(branch.pk), branch.name) for branch in branches)]
        filters.append({"name": "branch", "label": _("Branch"), "value": str(asked.branch or ""), "options": options})
    mine = [("", _("All calls")), ("1", _("those I have called or hold"))]
    filters.append({"name": "mine", "label": _("Whose"), "value": "1" if asked.mine else "", "options": mine})
    if asked.view == "due":
        when = [("", _("any")), ("1", _("from earlier days"))]
        chosen = "1" if asked.overdue else ""
        filters.append({"name": "overdue", "label": pgettext("call", "Due"), "value": chosen, "options": when})
    return [{"kind": "select", **one} for one in filters]


def _tabs(request: HttpRequest, asked: CallFilter, due: int) -> list[dict[str, Any]]:
    labels = (("due", _("To call now")), ("later", _("Put off")), ("done", _("Done today")))
    return [
        {
            "label": label,
            "url": f"?{_query(request, view=None if code == 'due' else code, after=None, overdue=None)}",
            "active": asked.view == code,
            "count": words.bounded(due, selector.COUNT_LIMIT) if code == "due" else "",
        }
        for code, label in labels
    ]  # fmt: skip


@require_POST
@requires("campaigns.change_calltask")
def call_next(request: HttpRequest) -> HttpResponseBase:
    """Take the most urgent call of the filter."""
    return _to_next(request, timezone.now())


def _to_next(request: HttpRequest, now: dt.datetime) -> HttpResponseBase:
    asked = CallFilter.parse(request.GET)
    among = selector.open_tasks(now)
    if asked.branch:
        among = among.filter(branch=asked.branch)
    task = service.claim_next(request.user, now, among)
    if task is None:
        messages.info(request, _("Nobody is left to be called now."))
        return redirect(_with_query(reverse("calls"), request))
    return redirect(_with_query(reverse("call", args=[task.pk]), request))


def _with_query(url: str, request: HttpRequest) -> str:
    query = _query(request, after=None)
    return f"{url}?{query}" if query else url


def _task(pk: int) -> CallTask:
    related = ("patient__metrics", "patient__guardian", "patient__branch", "branch", "claimed_by", "done_by")
    of_message = ("message__recipient", "message__campaign", "message__offer")
    return get_object_or_404(CallTask.objects.select_related(*related, *of_message), pk=pk)


@require_GET
@requires("campaigns.view_calltask", "patients.view_patient")
def call(request: HttpRequest, pk: int) -> HttpResponse:
    """One call: who, why, what to say, what came of it."""
    now = timezone.now()
    task = _task(pk)
    held = task.claimed_by_id if task.claimed_until and task.claimed_until >= now else None
    reader = selector.reader_of(task)
    see = request.user.has_perm("patients.view_contacts")
    mine = held == request.user.pk and task.done_at is None
    history = list(task.calls_made.select_related("by"))
    origin = call_origins.origins([task]).get(task.pk)
    why = needless.why(task, now) if task.done_at is None else ""
    context: dict[str, Any] = {
        "task": task,
        "now": now,
        "reader": reader,
        "for_child": reader.pk != task.patient_id,
        "phone": (readable_phone(reader.phone) if see else masked(reader.phone)),
        "phone_link": reader.phone if see and mine else "",
        "see_contacts": see,
        "segments": segments_of([task.patient_id]).get(task.patient_id, []),
        "metrics": getattr(task.patient, "metrics", None),
        "booked": [
            call_origins.visit_words(visit)
            for visit in selector.next_visits(task.patient, now)
            if origin is None or visit.pk != origin.visit_id
        ],
        "others": selector.others_on_the_phone(task, now),
        "suppressed": selector.is_suppressed(task, service.key_of_number(task)),
        "history": history,
        "mine": mine,
        "held_by_other": held is not None and not mine,
        "origin": origin,
        "origin_url": origin.url if origin and request.user.has_perm(origin.permission) else "",
        "needless": CallTask.Closed(why).label if why else "",
        "closed_by_itself": task.done_at is not None and (bool(task.closed_why) or not task.outcome),
        "expired": task.done_at is None and task.useful_until is not None and task.useful_until <= now,
        "buttons": [
            {"code": code.value, "label": code.label, "icon": icon, "tone": tone, "again": code in service.AGAIN}
            for code, icon, tone in BUTTONS
        ],
        "presets": call_times.choices(task, now),
        "can_undo": service.undoable(task, request.user, now) is not None,
        "last_noted": _last_noted(request, now),
        "query": _query(request, noted=None),
        # Without its zone: templates would turn it into the clinic's.
        "local_time": timezone.make_naive(now, call_times.zone_of(task)),
    }  # fmt: skip
    return render(request, "calls/card.html", context)


def _last_noted(request: HttpRequest, now: dt.datetime) -> CallTask | None:
    """The call noted just before this one was opened: it can still be taken back."""
    text = request.GET.get("noted", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    task = CallTask.objects.select_related("patient").filter(pk=int(text)).first()
    return task if task and service.undoable(task, request.user, now) else None


@require_POST
@requires("campaigns.change_calltask", "patients.view_patient")
def call_action(request: HttpRequest, pk: int, action: str) -> HttpResponseBase:
    """Everything a manager does with a call; each is safe when it comes twice."""
    act = _ACTIONS.get(action)
    if act is None:
        raise Http404
    get_object_or_404(CallTask.objects.only("pk"), pk=pk)
    return act(request, pk, timezone.now())


def _card(request: HttpRequest, pk: int) -> HttpResponseBase:
    return redirect(_with_query(reverse("call", args=[pk]), request))


def _take(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    if not service.claim(pk, request.user, now):
        messages.warning(request, _("Another manager is calling this patient, or the call is done."))
    return _card(request, pk)


def _hold(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    """Sent by the open card every few minutes. When the call has gone to somebody else, the card is drawn anew."""
    answer = HttpResponse(status=204)
    if not service.claim(pk, request.user, now):
        answer["HX-Refresh"] = "true"
    return answer


def _release(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    service.release(pk, request.user)
    return redirect(_with_query(reverse("calls"), request))


def _outcome(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    """The button says the outcome and, after a colon, when to call again: `no_answer:2h`."""
    outcome, _colon, preset = request.POST.get("outcome", "").partition(":")
    task = _task(pk)
    again = call_times.again_at(preset, task, now)
    number = request.POST.get("attempt", "")
    attempt = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else None
    try:
        if preset and again is None:
            raise service.CallRefused(_("Choose when to call again."))
        service.record_outcome(pk, request.user, outcome, request.POST.get("note", ""), now, again, attempt)
    except service.CallRefused as refusal:
        messages.error(request, str(refusal))
        return _card(request, pk)
    if "then_stop" in request.POST:
        messages.success(request, _("Noted."))
        return redirect(_with_query(reverse("calls"), request))
    query = request.GET.copy()
    query["noted"] = str(pk)
    request.GET = query  # type: ignore[assignment]
    return _to_next(request, now)


def _snooze(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    again = call_times.again_at(request.POST.get("until", ""), _task(pk), now)
    try:
        if again is None:
            raise service.CallRefused(_("Choose when to call again."))
        if not service.snooze(pk, request.user, again, now):
            raise service.CallRefused(_("Another manager is calling this patient, or the call is done."))
    except service.CallRefused as refusal:
        messages.error(request, str(refusal))
        return _card(request, pk)
    messages.success(
        request, _("Put off until %(when)s.") % {"when": words.moment(again, call_times.zone_of(_task(pk)))}
    )
    return redirect(_with_query(reverse("calls"), request))


def _undo(request: HttpRequest, pk: int, now: dt.datetime) -> HttpResponseBase:
    if service.undo(pk, request.user, now):
        minutes = round(service.LEASE.total_seconds() / 60)
        messages.success(
            request,
            ngettext(
                "The outcome is taken back; the call is yours for %(n)s minute.",
                "The outcome is taken back; the call is yours for %(n)s minutes.",
                minutes,
            )
            % {"n": minutes},
        )
    else:
        messages.warning(request, _("There is nothing to take back: half an hour has passed, or it was done already."))
    query = request.GET.copy()
    query.pop("noted", None)
    request.GET = query  # type: ignore[assignment]
    return _card(request, pk)


_ACTIONS: dict[str, Callable[[HttpRequest, int, dt.datetime], HttpResponseBase]] = {
    "take": _take, "hold": _hold, "release": _release, "outcome": _outcome, "snooze": _snooze, "undo": _undo,
}  # fmt: skip
