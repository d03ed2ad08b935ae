"""The call list as managers read it: who is to be called, page by page, and what has been done today."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns.models import CallAttempt, CallTask, Suppression
from patients.models import Branch, Patient, Visit

PAGE = 30
COUNT_LIMIT = 1000
VIEWS = ("due", "later", "done")


def open_tasks(now: dt.datetime) -> QuerySet[CallTask]:
    """Calls still to be made: neither done nor past their use, and the patient is still there."""
    return CallTask.objects.filter(
        Q(useful_until__isnull=True) | Q(useful_until__gt=now),
        done_at__isnull=True, patient__deleted_at__isnull=True, patient__merged_into__isnull=True,
    )  # fmt: skip


@dataclass(frozen=True)
class CallFilter:
    """What a manager asks of the list; unknown words of the address mean nothing."""

    view: str = "due"
    branch: int | None = None
    mine: bool = False
    overdue: bool = False
    after: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "CallFilter":
        return cls(
            view=query.get("view", "") if query.get("view") in VIEWS else "due",
            branch=_id(query.get("branch")),
            mine=query.get("mine") == "1",
            overdue=query.get("overdue") == "1",
            after=_id(query.get("after")),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.branch or self.mine or self.overdue)


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def day_began(now: dt.datetime) -> dt.datetime:
    """Midnight at the clinic."""
    return timezone.make_aware(dt.datetime.combine(timezone.localdate(now), dt.time.min))


def tasks(asked: CallFilter, user_id: int, now: dt.datetime) -> QuerySet[CallTask]:
    """The tasks a filter asks for, unordered."""
    if asked.view == "done":
        found = CallTask.objects.filter(done_at__gte=day_began(now), done_at__lte=now)
    elif asked.view == "later":
        found = open_tasks(now).filter(due_at__gt=now)
    else:
        found = open_tasks(now).filter(due_at__lte=now)
        if asked.overdue:
            found = found.filter(due_at__lt=day_began(now))
    if asked.branch:
        found = found.filter(branch=asked.branch)
    if asked.mine:
        called = CallAttempt.objects.filter(task=OuterRef("pk"), by=user_id, undone_at__isnull=True)
        found = found.filter(Exists(called) | Q(claimed_by=user_id, claimed_until__gte=now))
    return found


@dataclass
class CallPage:
    rows: list[CallTask] = field(default_factory=list)
    after: int | None = None


def page(found: QuerySet[CallTask], asked: CallFilter) -> CallPage:
    """One page in the order in which calls are made; of done ones the last first. Two queries at most."""
    last = CallTask.objects.filter(pk=asked.after).first() if asked.after else None
    if asked.view == "done":
        found = found.order_by("-done_at", "-pk")
        if last and last.done_at:
            found = found.filter(Q(done_at__lt=last.done_at) | Q(done_at=last.done_at, pk__lt=last.pk))
    else:
        found = found.order_by("-priority", "due_at", "pk")
        if last:
            later = Q(due_at__gt=last.due_at) | Q(due_at=last.due_at, pk__gt=last.pk)
            found = found.filter(Q(priority__lt=last.priority) | Q(priority=last.priority) & later)
    rows = list(found.select_related("patient__metrics", "branch", "claimed_by", "done_by")[: PAGE + 1])
    return CallPage(rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None)


def bounded_count(found: QuerySet[CallTask]) -> int:
    """How many there are, at most one more than COUNT_LIMIT."""
    return found.order_by().values("pk")[: COUNT_LIMIT + 1].count()


@dataclass(frozen=True)
class Today:
    """What managers have done since midnight: calls by outcome, one's own and everybody's."""

    mine: int
    everybody: int
    booked_mine: int
    booked: int
    reached: int


def today(user_id: int, now: dt.datetime) -> Today:
    """One query over the attempts of the day."""
    made = CallAttempt.objects.filter(at__gte=day_began(now), at__lte=now, undone_at__isnull=True)
    own, booked = Q(by=user_id), Q(outcome=CallTask.Outcome.BOOKED)
    unreached = Q(outcome__in=[CallTask.Outcome.NO_ANSWER, CallTask.Outcome.WRONG_NUMBER])
    return Today(
        **made.aggregate(
            mine=Count("pk", filter=own), everybody=Count("pk"), booked_mine=Count("pk", filter=own & booked),
            booked=Count("pk", filter=booked), reached=Count("pk", filter=own & ~unreached),
        )
    )  # fmt: skip


def branches() -> list[Branch]:
    return list(Branch.objects.order_by("name").only("pk", "name", "timezone"))


def reader_of(task: CallTask) -> Patient:
    """Who picks up the phone: the guardian of a child, otherwise the patient."""
    message = task.message
    if message is not None and message.recipient is not None:
        return message.recipient
    guardian = task.patient.guardian
    return guardian if guardian is not None and not task.patient.phone else task.patient


def next_visits(patient: Patient, now: dt.datetime) -> list[Visit]:
    """Appointments that are still to come."""
    booked = [Visit.Status.BOOKED, Visit.Status.CONFIRMED]
    rows = Visit.objects.filter(patient=patient, starts_at__gte=now, status__in=booked, deleted_at__isnull=True)
    return list(rows.select_related("branch", "doctor").order_by("starts_at")[:3])


def others_on_the_phone(task: CallTask, now: dt.datetime) -> list[CallTask]:
    """Other open calls to the same patient or to the same number: made in one go, the family is called once."""
    same = Q(patient=task.patient_id)
    if task.patient.phone:
        same |= Q(patient__phone=task.patient.phone)
    return list(open_tasks(now).filter(same).exclude(pk=task.pk).select_related("patient").order_by("due_at")[:5])


def is_suppressed(task: CallTask, key: int | None) -> bool:
    """Whether the number has been suppressed for calls since the task was made."""
    return (
        key is not None and Suppression.objects.filter(channel="call", address_key=key, lifted_at__isnull=True).exists()
    )
