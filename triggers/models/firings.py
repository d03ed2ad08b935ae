"""Firings: every occasion a rule found is a row, once, whatever became of it; every message of its ladder is a row."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models import Message
from patients.models import Branch, Patient, Service, Visit
from triggers.models.rules import TriggerRule, TriggerStep


class Firing(models.Model):
    """An occasion of a rule for a patient, unique by (rule, patient, occasion).

        open ──► done            every step is decided
          └────► withdrawn | stopped
                 withdrawn ──► open            the occasion is there again, and a step is still of use
        late | cooldown | holdout       decided when it was found; no step is ever planned

    `late`: found when every step had lost its use. `holdout`: to compare with; its steps have their times and are never
    sent. `withdrawn`: the occasion is no more (the appointment was moved or cancelled). `stopped`: by a person.
    `anchor_at` is the moment the steps are counted from (for a day: its midnight at the branch), `first_due` that of
    the first step: results of both groups are counted from it. `since`: an appointment that begins after it meets the
    goal. `service` and `visit` are what it is about.
    """

    class State(models.TextChoices):
        OPEN = "open", _("going on")
        DONE = "done", _("done")
        WITHDRAWN = "withdrawn", _("withdrawn")
        STOPPED = "stopped", _("stopped")
        LATE = "late", _("came too late")
        COOLDOWN = "cooldown", _("too soon after the last one")
        HOLDOUT = "holdout", _("hold-out")

    rule = models.ForeignKey(
        TriggerRule, models.CASCADE, related_name="firings", verbose_name=_("rule"), db_index=False
    )
    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="firings", verbose_name=_("patient"), db_index=False
    )
    occasion = models.CharField(_("occasion"), max_length=80)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    anchor_at = models.DateTimeField(_("anchor"))
    since = models.DateTimeField(_("since"))
    first_due = models.DateTimeField(_("first message due"))
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, related_name="+", verbose_name=_("branch"), db_index=False
    )
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, related_name="+", verbose_name=_("service"), db_index=False
    )
    visit = models.ForeignKey(
        Visit, models.SET_NULL, null=True, related_name="+", verbose_name=_("visit"), db_index=False
    )
    found_at = models.DateTimeField(_("found"))
    # When its first message was planned: new ladders of a day are counted by it.
    begun_at = models.DateTimeField(_("begun"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("firing")
        verbose_name_plural = _("firings")
        constraints = [
            models.UniqueConstraint(fields=["rule", "patient", "occasion"], name="firing_once_per_occasion"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "done", "withdrawn", "stopped", "late", "cooldown", "holdout"]),
                name="firing_state_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "first_due"], include=["state"], name="firing_of_rule"),
            models.Index(fields=["patient", "first_due"], name="firing_of_patient"),
            models.Index(fields=["rule"], condition=Q(state="open"), name="firing_open"),
            models.Index(fields=["visit"], condition=Q(visit__isnull=False), name="firing_of_visit"),
            models.Index(
                fields=["begun_at"],
                include=["rule", "branch"],
                condition=Q(begun_at__isnull=False),
                name="firing_begun",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}:{self.patient_id}:{self.occasion}"


class FiringStep(models.Model):
    """One step of one firing.

        waiting ──► planned (a row of the ledger, whatever it says)
          │  ▲
          │  └── held: the goal is met; if the appointment is cancelled while the message is of use, it goes on
          └──► skipped(reason)      due before the rule was on, no longer useful, the ladder ended

    While `held` the ledger has a row that says "has booked already"; taken up again, that same row is planned.
    The keys of the ledger are `t<firing>:s<step>`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        PLANNED = "planned", _("planned")
        HELD = "held", _("held back")
        SKIPPED = "skipped", _("skipped")

    firing = models.ForeignKey(Firing, models.CASCADE, related_name="steps", db_index=False)
    step = models.ForeignKey(TriggerStep, models.PROTECT, related_name="+", db_index=False)
    due_at = models.DateTimeField(_("due"))
    useful_until = models.DateTimeField(_("useful until"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=30, blank=True, db_default="")
    message = models.OneToOneField(Message, models.SET_NULL, null=True, related_name="trigger_step")

    class Meta:
        verbose_name = _("step of a firing")
        verbose_name_plural = _("steps of firings")
        constraints = [
            models.UniqueConstraint(fields=["firing", "step"], name="firingstep_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "planned", "held", "skipped"]), name="firingstep_state_is_known"
            ),
            models.CheckConstraint(condition=~Q(state="skipped") | ~Q(reason=""), name="firingstep_says_why_skipped"),
        ]
        indexes = [
            models.Index(fields=["step", "due_at"], condition=Q(state="waiting"), name="firingstep_waiting"),
            models.Index(fields=["useful_until"], condition=Q(state="held"), name="firingstep_held"),
        ]

    def __str__(self) -> str:
        return f"{self.firing_id}/{self.step_id}"
