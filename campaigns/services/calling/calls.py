"""Calls: tasks come from the ledger, one manager holds one at a time, and what was said is written down once.

Everything happens in the database: the lease of a task is a conditional UPDATE, an outcome is recorded for the attempt
whose number the form carried, so that a button pressed twice counts once, and each outcome can be taken back.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.channels.base import Envelope
from campaigns.models import CallAttempt, CallTask, Channel, Message, MessageEvent, Purpose, Suppression
from campaigns.selectors import call_origins
from campaigns.selectors.calls import open_tasks, reader_of
from campaigns.services.calling import needless
from campaigns.services.consents import suppressions
from campaigns.services.hearing import tracking
from campaigns.services.hearing.tracking import NewEvent
from patients.models import Consent
from patients.services.consents import Word, say

LEASE = dt.timedelta(minutes=10)
# After that the outcome has been read by others; it is corrected by a new call.
UNDO_WITHIN = dt.timedelta(minutes=30)
NOTE_LENGTH = 2000
_TAKEN_BACK = gettext_noop("the outcome of the call was taken back")
Outcome = CallTask.Outcome
# Outcomes after which a person may be called again.
AGAIN = {Outcome.NO_ANSWER, Outcome.THINKING}


class CallRefused(Exception):
    """The outcome cannot be recorded, in words for the manager."""


def put_tasks(envelopes: Sequence[Envelope]) -> None:
    """Messages of the channel "call" become tasks of the call list. Given twice, a message is one task."""
    by_id = {envelope.message_id: envelope for envelope in envelopes}
    messages = list(Message.objects.filter(pk__in=by_id).select_related("campaign", "patient", "offer"))
    titles = _titles([message for message in messages if not by_id[message.pk].subject])
    CallTask.objects.bulk_create(
        [
            CallTask(
                message=message,
                patient=message.patient,
                branch_id=message.branch_id or message.patient.branch_id,
                title=(by_id[message.pk].subject or titles[message.pk])[:200],
                script=by_id[message.pk].text,
                due_at=message.due_at,
                useful_until=message.useful_until,
            )
            for message in messages
        ],
        ignore_conflicts=True,
    )


def _titles(messages: Sequence[Message]) -> dict[int, str]:
    """What a call is about, in a line in the clinic's language: the offer, the campaign, the rule and its service."""
    with translation.override(settings.LANGUAGE_CODE):
        origins = call_origins.of_messages([message.pk for message in messages if message.offer is None])
        return {
            message.pk: message.offer.name if message.offer else origins[message.pk].title
            if message.pk in origins else _("Call")
            for message in messages
        }  # fmt: skip


def claim(task_id: int, user: Any, now: dt.datetime) -> bool:
    """Take a task, or keep it; False when another manager is calling, or it is done or has become needless."""
    task = CallTask.objects.filter(pk=task_id, done_at__isnull=True).first()
    if task is None or _closed(task, user, now):
        return False
    return bool(
        open_tasks(now)
        .filter(_free_for(user, now), pk=task_id)
        .update(claimed_by=user, claimed_until=now + LEASE)
    )  # fmt: skip


def claim_next(user: Any, now: dt.datetime, among: QuerySet[CallTask] | None = None) -> CallTask | None:
    """The most urgent due task nobody holds; the one this manager holds comes first. Two managers get two tasks.
    What has become needless since the last sweep is closed on the way."""
    tasks = open_tasks(now) if among is None else among
    while task := _claim_first(user, now, tasks):
        if not _closed(task, user, now):
            return task
    return None


def _closed(task: CallTask, user: Any, now: dt.datetime) -> bool:
    """Whether a task this manager does not hold yet has turned out to be needless, and is closed."""
    if task.claimed_by_id == user.pk and task.claimed_until and task.claimed_until >= now:
        return False
    reason = needless.why(task, now)
    # Not by needless.close: between asking and this line nobody but this manager may have got hold of it.
    held = Q(claimed_by=user) | needless.free(now)
    closing = CallTask.objects.filter(held, pk=task.pk, done_at__isnull=True)
    return bool(reason and closing.update(done_at=now, closed_why=reason, claimed_by=None, claimed_until=None))


def _claim_first(user: Any, now: dt.datetime, tasks: QuerySet[CallTask]) -> CallTask | None:
    """The task as it was before it was claimed."""
    with transaction.atomic():
        task = (
            tasks.filter(_free_for(user, now), Q(due_at__lte=now) | Q(claimed_by=user, claimed_until__gte=now))
            .annotate(mine=Case(When(claimed_by=user, claimed_until__gte=now, then=Value(0)), default=Value(1)))
            .order_by("mine", "-priority", "due_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if task is not None:
            CallTask.objects.filter(pk=task.pk).update(claimed_by=user, claimed_until=now + LEASE)
    return task


def release(task_id: int, user: Any) -> None:
    """Give a task back without an outcome."""
    CallTask.objects.filter(pk=task_id, claimed_by=user).update(claimed_by=None, claimed_until=None)


def _free_for(user: Any, now: dt.datetime) -> Q:
    return Q(claimed_by__isnull=True) | Q(claimed_until__lt=now) | Q(claimed_by=user)


def snooze(task_id: int, user: Any, until: dt.datetime, now: dt.datetime) -> bool:
    """Put a task off without having called; False when another manager holds it or it is done."""
    _check_time(CallTask.objects.filter(pk=task_id).first(), until, now)
    return bool(
        open_tasks(now)
        .filter(_free_for(user, now), pk=task_id)
        .update(due_at=until, claimed_by=None, claimed_until=None)
    )  # fmt: skip


def record_outcome(
    task_id: int, user: Any, outcome: str, note: str, now: dt.datetime, snooze_until: dt.datetime | None = None,
    attempt: int | None = None,
) -> CallAttempt:  # fmt: skip
    """Note what came of a call. With `snooze_until` the task opens again then, otherwise it is done.

    `attempt` is the number of attempts the form was shown with: the same press coming a second time finds it already
    counted and gets the attempt of the first. Raises CallRefused.
    """
    if outcome not in Outcome.values:
        raise CallRefused(_("Choose what came of the call."))
    with transaction.atomic():
        task = CallTask.objects.select_for_update().filter(pk=task_id).first()
        if task is None:
            raise CallRefused(_("This call is no longer in the list."))
        repeated = _repeated(task, user, outcome, attempt)
        if repeated:
            return repeated
        _check_may_record(task, user, now)
        if snooze_until is not None:
            if outcome not in AGAIN:
                raise CallRefused(_("After this outcome nobody is called again."))
            _check_time(task, snooze_until, now)
        return _note(task, user, Outcome(outcome), note[:NOTE_LENGTH], now, snooze_until)


def _repeated(task: CallTask, user: Any, outcome: str, attempt: int | None) -> CallAttempt | None:
    if attempt is None or attempt == task.attempts:
        return None
    last = task.calls_made.filter(undone_at__isnull=True).first()
    if last and last.by_id == user.pk and last.outcome == outcome and last.number == attempt + 1:
        return last
    raise CallRefused(_("The outcome of this call has been changed meanwhile. Look at it once more."))


def _check_may_record(task: CallTask, user: Any, now: dt.datetime) -> None:
    # A manager who was on the phone while it closed itself writes down what came of it all the same.
    if task.done_at is not None and not (task.closed_why and task.claimed_by_id == user.pk):
        raise CallRefused(_("This call is done already."))
    if task.claimed_by_id not in (None, user.pk) and task.claimed_until and task.claimed_until >= now:
        raise CallRefused(_("Another manager is calling this patient."))


def _check_time(task: CallTask | None, until: dt.datetime, now: dt.datetime) -> None:
    if until <= now:
        raise CallRefused(_("Choose a time in the future."))
    if task and task.useful_until and until >= task.useful_until:
        raise CallRefused(_("By then the call is of no use any more: choose an earlier time."))


def _note(
    task: CallTask, user: Any, outcome: CallTask.Outcome, note: str, now: dt.datetime, again: dt.datetime | None
) -> CallAttempt:
    before = {"due_at": task.due_at.isoformat(), **_consequences(task, outcome, now)}
    attempt = CallAttempt.objects.create(
        task=task, number=task.attempts + 1, outcome=outcome, note=note, next_at=again, by=user, at=now, before=before
    )
    task.attempts += 1
    task.claimed_by, task.claimed_until = None, None
    task.outcome, task.note, task.closed_why = outcome, note, ""
    if again:
        task.due_at, task.done_at = again, None
    else:
        task.done_at, task.done_by = now, user
    task.save()
    _tell(task, attempt, now, undone=False)
    return attempt


def _consequences(task: CallTask, outcome: CallTask.Outcome, now: dt.datetime) -> dict[str, Any]:
    """Nobody is called again who asked for it; a number of a stranger is used on no channel.

    Returns what is new by this outcome: only that is changed back when it is taken back.
    """
    if outcome == Outcome.NO_MORE_CALLS:
        wanted = [(Channel.CALL, Suppression.Reason.UNSUBSCRIBE, True)]
    elif outcome == Outcome.WRONG_NUMBER:
        wanted = [(channel, Suppression.Reason.BOUNCE, False) for channel in (Channel.CALL, Channel.SMS)]
    else:
        return {}
    key = key_of_number(task)
    made = [] if key is None else [
        [str(channel), str(reason), str(key)]
        for channel, reason, marketing_only in wanted
        if suppressions.suppress(
            channel, key, reason, now, marketing_only=marketing_only, message_id=task.message_id,
            note=_in_clinics_language(gettext_noop("outcome of a call")),
        )
    ]  # fmt: skip
    changed: dict[str, Any] = {"suppressed": made}
    if outcome == Outcome.NO_MORE_CALLS:
        changed["consent"] = _agreed(task)
        say([_word(task, granted=False, now=now)])
    return changed


def _agreed(task: CallTask) -> bool:
    words = Consent.objects.filter(
        patient=_reader_id(task), channel=Channel.CALL, purpose=Purpose.MARKETING, until__isnull=True
    )
    return words.filter(granted=True).exists()


def _word(task: CallTask, granted: bool, now: dt.datetime) -> Word:
    source = _in_clinics_language(gettext_noop("said on the phone"))
    return Word(_reader_id(task), Channel.CALL, Purpose.MARKETING, granted, now, source=source, proof=f"call {task.pk}")


def _reader_id(task: CallTask) -> int:
    return reader_of(task).pk


def _in_clinics_language(text: str) -> str:
    """What is stored beside the words of the front desk is in the clinic's language, whoever reads the page."""
    with translation.override(settings.LANGUAGE_CODE):
        return _(text)


def key_of_number(task: CallTask) -> int | None:
    """Of the number that was called: the guardian's for a child."""
    if task.message and task.message.address_key is not None:
        return task.message.address_key
    phone = reader_of(task).phone
    return suppressions.address_key(phone) if phone else None


def _tell(task: CallTask, attempt: CallAttempt, now: dt.datetime, *, undone: bool) -> None:
    """The results read outcomes from the events of the message; a task made by hand has none."""
    if task.message_id is None:
        return
    event_id = f"call:{attempt.pk}:undone" if undone else f"call:{attempt.pk}"
    detail = {"outcome": attempt.outcome, "attempt": attempt.number, "undone": undone}
    tracking.record(
        [NewEvent(message_id=task.message_id, kind=MessageEvent.Kind.OUTCOME, at=now, event_id=event_id, detail=detail)]
    )


def undo(task_id: int, user: Any, now: dt.datetime) -> bool:
    """Take back one's own last outcome: the task is open again and held, suppressions it made are lifted."""
    with transaction.atomic():
        task = CallTask.objects.select_for_update().filter(pk=task_id).first()
        last = undoable(task, user, now) if task else None
        if task is None or last is None:
            return False
        last.undone_at = now
        last.save(update_fields=["undone_at"])
        for channel, reason, key in last.before.get("suppressed", []):
            suppressions.lift_own(channel, int(key), [reason], now, _in_clinics_language(_TAKEN_BACK))
        if last.before.get("consent"):
            say([_word(task, granted=True, now=now)])
        earlier = task.calls_made.filter(undone_at__isnull=True).first()
        task.attempts = last.number - 1
        task.outcome, task.note = (earlier.outcome, earlier.note) if earlier else ("", "")
        task.due_at = dt.datetime.fromisoformat(last.before["due_at"])
        task.done_at, task.done_by = None, None
        task.claimed_by, task.claimed_until = user, now + LEASE
        task.save()
        _tell(task, last, now, undone=True)
    return True


def undoable(task: CallTask, user: Any, now: dt.datetime) -> CallAttempt | None:
    """The attempt this manager may take back now."""
    last = task.calls_made.filter(undone_at__isnull=True).first()
    return last if last and last.by_id == user.pk and now - last.at <= UNDO_WITHIN else None
