"""The card of one patient: facts and scores on one page, so it stands above both apps."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from campaigns.selectors import of_patient
from patients.access import requires
from patients.models import Consent, Patient
from patients.selectors.contacts import masked, readable_phone
from patients.selectors.household import household
from patients.selectors.packages import packages_of
from patients.selectors.timeline import Key, timeline
from patients.wording import day, days, money, number
from segmentation.kinds import KINDS
from segmentation.models import Forecast, Membership, Metrics, Score, Segment, Segmentation, ServiceRhythm
from segmentation.reports.cycles import whom
from segmentation.reports.ltv.worth import no_forecast
from segmentation.selectors import explain, people
from segmentation.selectors.due_dates import DueDate, due_dates
from segmentation.selectors.worth import last_fit
from triggers.models import TriggerRule
from triggers.reports import patient_rules as rule_words
from triggers.selectors import of_patient as of_rules

RELATED = (
    "source", "branch", "channel", "guardian", "referred_by", "score", "forecast",
    "metrics__main_service", "metrics__last_doctor", "metrics__last_branch",
)  # fmt: skip


def _patient(pk: int) -> Patient:
    patient = Patient.objects.select_related(*RELATED).filter(pk=pk).first()
    if patient is None or patient.deleted_at:
        raise Http404
    return patient


@requires("patients.view_patient")
@require_safe
def card(request: HttpRequest, pk: int) -> HttpResponse:
    patient = _patient(pk)
    if patient.merged_into_id:
        return redirect("patient", pk=patient.merged_into_id)
    metrics: Metrics | None = getattr(patient, "metrics", None)
    score: Score | None = getattr(patient, "score", None)
    night = explain.last_night()
    as_of = night.as_of if night else timezone.localdate()
    segments = people.segments_of([pk]).get(pk, [])
    segmentations = list(Segmentation.objects.filter(active=True))
    rhythms = _rhythms(patient)
    context = {
        "patient": patient,
        "contacts": _contacts(patient, request),
        "metrics": metrics,
        "as_of": as_of,
        "night": night,
        "segments": segments,
        "headline": headline(patient, metrics, score, segments, as_of, [row["due"] for row in rhythms]),
        "why": explain.explain(metrics, score, night, segmentations, segments),
        "household": household(patient, "metrics"),
        "worth": _worth(patient, metrics, score, segments),
        "rhythms": rhythms,
        "packages": packages_of(pk, timezone.localdate()),
        "moves": explain.moves_of(pk),
        "consents": consents(pk),
        "timeline": timeline(pk, Key.parse(request.GET.get("after", ""))),
        "now": timezone.now(),
    }
    return render(request, "patient_card.html", context)


@requires("patients.view_patient")
@require_safe
def older(request: HttpRequest, pk: int) -> HttpResponse:
    """The next page of the timeline, for the button under it."""
    patient = _patient(pk)
    page = timeline(pk, Key.parse(request.GET.get("after", "")))
    context = {"patient": patient, "timeline": page, "now": timezone.now()}
    return render(request, "patient_card/_timeline.html", context)


@requires("patients.view_patient", "campaigns.view_message")
@require_safe
def messages(request: HttpRequest, pk: int) -> HttpResponse:
    """Messages of the patient and the decision of every recent campaign: asked for after the page has been drawn."""
    patient = _patient(pk)
    now = timezone.now()
    today = timezone.localdate(now)
    letters = of_patient.messages_of(pk)
    of_rules.name_rules(letters)
    context = {
        "patient": patient,
        "letters": letters,
        "decisions": of_patient.decisions(pk, now, today),
        "today": today,
    }
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    return render(request, "patient_card/_messages.html" if fragment else "patient_card/messages.html", context)


def _rhythms(patient: Patient) -> list[dict[str, Any]]:
    """The services the patient uses, each with the day it is due and where that day comes from."""
    used = ServiceRhythm.objects.filter(patient=patient).select_related("service").order_by("-last_on")[:30]
    return [{"rhythm": due.rhythm, "due": due, "whence": _whence(due)} for due in due_dates(patient, list(used))]


def _whence(due: DueDate) -> str:
    if due.by_doctor:
        return _("the doctor's word")
    interval = due.interval
    if interval is None or due.due_on is None:
        return ""
    if not interval.learned:
        if due.unfounded:
            return _("set by hand: %(days)s; there is no rhythm in the visits") % {"days": days(interval.days)}
        return _("set: %(days)s") % {"days": days(interval.days)}
    told = {"days": days(interval.days), "whom": whom(interval.sex, interval.age_from, interval.age_to)}
    return _("learned, %(whom)s: %(days)s") % told


def _contacts(patient: Patient, request: HttpRequest) -> dict[str, Any]:
    registered = timezone.localdate(patient.registered_at) if patient.registered_at else None
    if request.user.has_perm("patients.view_contacts"):
        shown = {"phone": readable_phone(patient.phone), "email": patient.email, "seen": True}
    else:
        shown = {"phone": masked(patient.phone), "email": masked(patient.email), "seen": False}
    return shown | {"registered": registered}


def _worth(
    patient: Patient, metrics: Metrics | None, score: Score | None, segments: list[Segment]
) -> dict[str, Any] | None:
    """What the patient has paid, is worth by the formula, and is expected to do; nothing before the first visit."""
    if metrics is None or not metrics.visit_days:
        return None
    forecast: Forecast | None = getattr(patient, "forecast", None)
    falling = next((one for one in segments if (one.segmentation.kind, one.code) == ("falling", "falling")), None)
    held = Membership.objects.filter(patient=patient.pk, segment=falling, left_on=None).first() if falling else None
    cause = (held.cause or {}) if held else {}
    return {
        "paid": metrics.money,
        "formula": score.ltv if score else None,
        "forecast": forecast,
        "no_forecast": "" if forecast else no_forecast(last_fit()),
        "falling": falling,
        "falling_since": held.entered_on if held else None,
        "falling_why": KINDS[falling.segmentation.kind].reason(cause) if falling else "",
    }


def headline(
    patient: Patient,
    metrics: Metrics | None,
    score: Score | None,
    segments: list[Segment],
    as_of: dt.date,
    dues: Sequence[DueDate] = (),
) -> str:
    """Who this is, since when, what they are worth and what comes now, in one line."""
    if metrics is None:
        return _("Known to the clinic; the next night counts the visits and the scores.")
    tier = next((str(segment) for segment in segments if segment.segmentation.kind == "value"), "")
    if not metrics.visits or metrics.first_visit_on is None or metrics.last_visit_on is None:
        return " ".join(filter(None, (_("Has not had a completed visit yet."), _next_step(metrics, as_of, dues))))
    visits = ngettext("%(n)s visit", "%(n)s visits", metrics.visits) % {"n": number(metrics.visits)}
    worth = _("%(money)s paid") % {"money": money(metrics.money)}
    if score and score.ltv is not None:
        worth += ", " + _("LTV by formula %(ltv)s") % {"ltv": money(score.ltv)}
    since = _("with the clinic since %(day)s") % {"day": day(metrics.first_visit_on)}
    who = f"{tier}, {since}" if tier else since[:1].upper() + since[1:]
    ago = (as_of - metrics.last_visit_on).days
    last = _("Last visit today.") if ago == 0 else _("Last visit %(days)s ago.") % {"days": days(ago)}
    return f"{who}: {visits}, {worth}. {last} {_next_step(metrics, as_of, dues)}"


def _next_step(metrics: Metrics, as_of: dt.date, dues: Sequence[DueDate]) -> str:
    if metrics.next_visit_on and metrics.next_visit_on >= as_of:
        return _("Next appointment on %(day)s.") % {"day": day(metrics.next_visit_on)}
    if metrics.due_on and metrics.due_on < as_of:
        late = days((as_of - metrics.due_on).days)
        told = {"day": day(metrics.due_on), "late": late, "for": _what_for(metrics.due_on, dues)}
        if told["for"]:
            return _("Was due for %(for)s on %(day)s, %(late)s ago; no appointment.") % told
        return _("Was due on %(day)s, %(late)s ago; no appointment.") % told
    if metrics.due_on:
        told = {"day": day(metrics.due_on), "for": _what_for(metrics.due_on, dues)}
        if told["for"]:
            return _("Due for %(for)s on %(day)s; no appointment yet.") % told
        return _("Due on %(day)s; no appointment yet.") % told
    return _("No appointment.")


def _what_for(due_on: dt.date, dues: Sequence[DueDate]) -> str:
    """The services due on this day, which is the earliest of all: a visit for something else since does not answer it.

    Nothing for the doctor's word, which is about the visit, for the patient's own rhythm, and for a sensitive service,
    which is not to stand in large letters on a screen at the reception."""
    due = [one for one in dues if one.due_on == due_on]
    if not due or any(one.by_doctor or one.rhythm.service.sensitive for one in due):
        return ""
    name = _("“%(name)s”") % {"name": due[0].rhythm.service}
    return _("%(name)s and others") % {"name": name} if len(due) > 1 else name


def consents(patient_id: int) -> dict[str, Any]:
    """The last word on each purpose by channel, and the channels about which nothing was ever said."""
    words = {
        (word.channel, word.purpose): word
        for word in Consent.objects.filter(patient=patient_id, until__isnull=True, at__lte=timezone.now())
    }
    purposes = Consent.Purpose.choices
    channels = [
        {"channel": label, "words": [_said(str(name), words.get((channel, purpose))) for purpose, name in purposes]}
        for channel, label in Consent.Channel.choices
        if any((channel, purpose) in words for purpose in Consent.Purpose.values)
    ]
    heard = {channel for channel, _purpose in words}
    silent = [str(label) for channel, label in Consent.Channel.choices if channel not in heard]
    return {"channels": channels, "silent": silent}


def _said(purpose: str, word: Consent | None) -> dict[str, Any]:
    return {"purpose": purpose, "word": word, "on": timezone.localdate(word.at) if word else None}


@requires("patients.view_patient", "triggers.view_firing")
@require_safe
def rules(request: HttpRequest, pk: int) -> HttpResponse:
    """What is planned for the patient by the rules, and what every rule has decided and why: asked for after the page
    has been drawn."""
    patient = _patient(pk)
    story = of_rules.story(pk, timezone.now())
    context = {
        "patient": patient,
        "coming": rule_words.coming(story),
        "decisions": rule_words.decisions(story),
        "off": story.off,
    }
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    return render(request, "patient_card/_rules.html" if fragment else "patient_card/rules.html", context)


@requires("patients.view_patient", "triggers.view_firing")
@require_safe
def rule(request: HttpRequest, pk: int, rule_pk: int) -> HttpResponse:
    """The conditions of one rule for the patient, also of a rule that is off."""
    patient = _patient(pk)
    asked = get_object_or_404(TriggerRule, pk=rule_pk)
    told = rule_words.decision(of_rules.explained(asked, pk, timezone.now()))
    context = {"patient": patient, "told": told}
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    return render(request, "patient_card/_rule.html" if fragment else "patient_card/rule.html", context)
