"""Confirm, move, cancel: what patients ask for on the page of an appointment, for the MIS and the front desk.

The visit belongs to the MIS: here a wish is noted, the MIS reads it through the API and posts the visit as it is then.
For a move or a cancellation a manager gets a task too, so that nothing waits for a MIS that does not ask.
"""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.models import CallTask, Message, VisitRequest
from campaigns.selectors.call_origins import wish_key as key
from campaigns.services.calling import needless
from patients.models import Visit, VisitChange

Kind, State, Closed = VisitRequest.Kind, VisitRequest.State, CallTask.Closed
WISH_LENGTH = 300
MOST_WISHES = 10  # about one appointment: minds are changed, but not more often
OPEN_AFTER = dt.timedelta(days=1)
OPEN = (State.NEW, State.TAKEN)
COMING = (Visit.Status.BOOKED, Visit.Status.CONFIRMED)
_SCRIPTS = {
    Kind.MOVE: gettext_noop("Offer the nearest times that suit the patient and move the appointment in the MIS."),
    Kind.CANCEL: gettext_noop("Ask what stands in the way, offer another time; otherwise cancel in the MIS."),
}
_TITLES = {
    Kind.MOVE: gettext_noop("Asks to move the appointment"),
    Kind.CANCEL: gettext_noop("Cancels the appointment"),
}


@dataclass(frozen=True)
class Appointment:
    """The appointment a message is about, as it stands now. `coming`: it can still be confirmed, moved, cancelled.
    `moved`: it has another time than when the message was sent."""

    visit: Visit
    coming: bool
    moved: bool
    request: VisitRequest | None


def of_message(message: Message, now: dt.datetime) -> Appointment | None:
    """None when there is none, or it began more than a day ago.

    Whoever has the mail has the link, and mails are forwarded. So the page says and does no more than the mail
    itself was about: an appointment that was moved since is neither shown nor touched by the old link, and a link is
    closed when its appointment is over.
    """
    visit = _about(message).select_related("branch").first()
    if visit is None or visit.starts_at + OPEN_AFTER < now:
        return None
    moved = _moved_since(message, visit)
    request = visit.requests.filter(starts_at=visit.starts_at).exclude(state=State.OUTDATED).first()
    return Appointment(visit, not moved and _is_coming(visit, now), moved, request)


def _about(message: Message) -> QuerySet[Visit]:
    """Of the same person: the source may have said since that the appointment is another's."""
    kept = message.patient.merged_into_id or message.patient_id
    return Visit.objects.filter(
        Q(patient=kept) | Q(patient__merged_into=kept), pk=message.visit_id or 0, deleted_at__isnull=True
    )


def _is_coming(visit: Visit, now: dt.datetime) -> bool:
    return visit.status in COMING and visit.starts_at > now


def _moved_since(message: Message, visit: Visit) -> bool:
    """Whether it began at another time when the message was sent: what its first change since then has changed."""
    changes = VisitChange.objects.filter(visit=visit, at__gt=message.sent_at or message.planned_at)
    first = changes.order_by("at", "pk").first()
    return first is not None and first.was_starts_at != visit.starts_at


def ask(message_id: int, kind: str, wish: str, now: dt.datetime) -> VisitRequest | None:
    """Note a wish; None when the appointment is no longer to come, or was moved since the message. Pressed twice it is
    one wish, a later one takes the place of an earlier one; somebody who plays with the page is asked to call."""
    with transaction.atomic():
        message = Message.objects.get(pk=message_id)
        visit = _about(message).select_for_update(of=("self",)).first()
        if visit is None or kind not in Kind.values or not _is_coming(visit, now) or _moved_since(message, visit):
            return None
        earlier = visit.requests.filter(state__in=OPEN).first()
        if earlier and (earlier.kind, earlier.wish, earlier.starts_at) == (kind, wish[:WISH_LENGTH], visit.starts_at):
            return earlier
        if visit.requests.filter(starts_at=visit.starts_at).count() >= MOST_WISHES:
            return None
        if earlier:
            _close(earlier, State.OUTDATED, now)
        request = VisitRequest.objects.create(
            visit=visit, patient_id=visit.patient_id, message=message, kind=kind, wish=wish[:WISH_LENGTH],
            starts_at=visit.starts_at, at=now,
        )  # fmt: skip
        _tell_front_desk(request, visit, now)
    return request


def answer(request: VisitRequest, state: str, note: str, now: dt.datetime) -> bool:
    """The word of the MIS: taken, done or refused. False when the wish is not open any more."""
    with transaction.atomic():
        open_one = VisitRequest.objects.select_for_update().filter(pk=request.pk, state__in=OPEN).first()
        if open_one is None:
            return False
        _close(open_one, State(state), now, note)
    return True


def settle(now: dt.datetime) -> int:
    """Wishes that the visit itself has answered: confirmed, moved, cancelled, or begun meanwhile."""
    closed = 0
    open_ones = VisitRequest.objects.filter(state__in=OPEN).select_related("visit")
    met = (
        Q(kind=Kind.CONFIRM, visit__status__in=[Visit.Status.CONFIRMED, Visit.Status.ARRIVED, Visit.Status.COMPLETED])
        | Q(kind=Kind.CANCEL, visit__status=Visit.Status.CANCELLED)
        | Q(kind=Kind.MOVE) & ~Q(visit__starts_at=F("starts_at"))
    )
    over = (
        Q(starts_at__lte=now)
        | Q(visit__deleted_at__isnull=False)
        | ~Q(visit__starts_at=F("starts_at"))
        | ~Q(visit__status__in=COMING)
        # The source has said since that the appointment is another person's.
        | ~(Q(visit__patient=F("patient")) | Q(visit__patient=F("patient__merged_into")))
    )
    for which, state in ((met, State.DONE), (over, State.OUTDATED)):
        for request in open_ones.filter(which):
            closed += answer(request, state, "", now)
    return closed


def _close(request: VisitRequest, state: VisitRequest.State, now: dt.datetime, note: str = "") -> None:
    VisitRequest.objects.filter(pk=request.pk).update(state=state, answered_at=now, note=note[:200])
    if state != State.TAKEN:
        why = Closed.OUTDATED if state == State.OUTDATED else Closed.ANSWERED
        needless.close(CallTask.objects.filter(key=key(request.pk)), why, now, held_too=True)


def _tell_front_desk(request: VisitRequest, visit: Visit, now: dt.datetime) -> None:
    if request.kind not in _TITLES:
        return
    with translation.override(settings.LANGUAGE_CODE):
        title, script = _(_TITLES[Kind(request.kind)]), _(_SCRIPTS[Kind(request.kind)])
    CallTask.objects.get_or_create(
        key=key(request.pk),
        defaults={
            "patient_id": visit.patient_id, "branch_id": visit.branch_id, "title": title, "script": script,
            "priority": 5, "due_at": now, "useful_until": visit.starts_at,
        },
    )  # fmt: skip
