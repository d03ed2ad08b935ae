"""The call list."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.ledger import Message
from patients.models import Branch, Patient


class CallTask(models.Model):
    """A call a manager has to make, with the script to read.

        open ──► done(outcome)
          ▲ │
          │ └──► snoozed until a time (open again by itself)
          └──── outcome "no answer" with a next attempt

    `message` is the row of the ledger it came from; a task made by hand has none. Whoever is calling holds the task
    until `claimed_until`: a lease, so that a manager who went home leaves nothing locked. A task nobody need work on
    any more closes itself and says why (`closed_why`); one whose patient had booked comes back when the appointment
    is cancelled.
    """

    class Outcome(models.TextChoices):
        BOOKED = "booked", _("booked a visit")
        THINKING = "thinking", _("will think about it")
        REFUSED = "refused", _("not interested")
        NO_ANSWER = "no_answer", _("no answer")
        WRONG_NUMBER = "wrong_number", _("wrong number")
        NO_MORE_CALLS = "no_more_calls", _("asked not to be called")

    class Closed(models.TextChoices):
        LATE = "late", _("it was of no use any more")
        GOAL_MET = "goal_met", _("has booked meanwhile")
        WITHDRAWN = "withdrawn", _("the occasion for it is no more")
        STOPPED = "stopped", _("the rule was stopped")
        ANSWERED = "answered", _("answered by the MIS")
        OUTDATED = "outdated", _("the appointment was changed or has begun")
        BETTER = "better", _("has given a better score since")

    # What else asked for it, once: a score, a wish about an appointment.
    key = models.CharField(max_length=60, null=True, blank=True, unique=True, editable=False)
    message = models.OneToOneField(Message, models.CASCADE, null=True, blank=True, related_name="call")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="calls", verbose_name=_("patient"))
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("branch")
    )
    title = models.CharField(_("what about"), max_length=200)
    script = models.TextField(_("script"), blank=True)
    priority = models.SmallIntegerField(_("priority"), default=0, db_default=0)
    due_at = models.DateTimeField(_("due"))
    useful_until = models.DateTimeField(_("useful until"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    outcome = models.CharField(_("outcome"), max_length=15, choices=Outcome.choices, blank=True, db_default="")
    note = models.TextField(_("note"), blank=True, db_default="")
    closed_why = models.CharField(
        _("closed by itself"), max_length=10, choices=Closed.choices, blank=True, default="", db_default=""
    )
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("done by")
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("taken by")
    )
    claimed_until = models.DateTimeField(_("taken until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["due_at", "id"]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(done_at__isnull=True), name="calltask_open"),
            models.Index(
                fields=["useful_until"],
                condition=Q(done_at__isnull=True, useful_until__isnull=False),
                name="calltask_expiring",
            ),
            # Closed because the patient had booked: looked at again while the call is of use.
            models.Index(fields=["useful_until"], condition=Q(closed_why="goal_met"), name="calltask_may_return"),
            models.Index(fields=["done_at", "id"], condition=Q(done_at__isnull=False), name="calltask_done"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(claimed_by__isnull=True) | Q(claimed_until__isnull=False), name="calltask_claim_is_a_lease"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.title


class CallAttempt(models.Model):
    """One call that was made, in the manager's words. `number` counts the attempts of a task from 1.

    `before` is what the attempt changed (due time, suppressions made), so that it can be taken back.
    """

    task = models.ForeignKey(CallTask, models.CASCADE, related_name="calls_made", verbose_name=_("call"))
    number = models.PositiveSmallIntegerField(_("attempt"))
    outcome = models.CharField(_("outcome"), max_length=15, choices=CallTask.Outcome.choices)
    note = models.TextField(_("note"), blank=True)
    next_at = models.DateTimeField(_("call again"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by")
    )
    at = models.DateTimeField(_("made"))
    before: Any = models.JSONField(default=dict)
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt of a call")
        verbose_name_plural = _("attempts of calls")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "number"], condition=Q(undone_at__isnull=True), name="callattempt_once_per_number"
            )
        ]
        indexes = [models.Index(fields=["at"], include=["by", "outcome", "undone_at"], name="callattempt_of_day")]

    def __str__(self) -> str:
        return f"{self.task_id}/{self.number} {self.outcome}"
