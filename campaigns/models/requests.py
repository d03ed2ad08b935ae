"""What patients ask for with the links of a reminder: the MIS reads it, and writes the visit."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.ledger import Message
from patients.models import Patient, Visit


class VisitRequest(models.Model):
    """A patient confirms, asks to move or cancels an appointment.

        new ──► taken (the MIS has read it) ──► done | refused
          └───► outdated (a later wish of the same patient, the visit has changed or begun)

    One wish is open per visit: a later one takes its place. `wish` is what the patient wrote about another time.
    """

    class Kind(models.TextChoices):
        CONFIRM = "confirm", _("confirms")
        MOVE = "move", _("asks to move it")
        CANCEL = "cancel", _("cancels")

    class State(models.TextChoices):
        NEW = "new", _("new")
        TAKEN = "taken", _("read by the MIS")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")
        OUTDATED = "outdated", _("outdated")

    visit = models.ForeignKey(Visit, models.CASCADE, related_name="requests", verbose_name=_("visit"))
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+", verbose_name=_("patient"), db_index=False)
    message = models.ForeignKey(
        Message, models.SET_NULL, null=True, related_name="+", verbose_name=_("message"), db_index=False
    )
    kind = models.CharField(_("wish"), max_length=8, choices=Kind.choices)
    wish = models.CharField(_("in the patient's words"), max_length=300, blank=True, db_default="")
    starts_at = models.DateTimeField(_("of the appointment at"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.NEW)
    note = models.CharField(_("answer of the MIS"), max_length=200, blank=True, db_default="")
    at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("wish about an appointment")
        verbose_name_plural = _("wishes about appointments")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["visit"], condition=Q(state__in=["new", "taken"]), name="visitrequest_one_open_per_visit"
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state__in=["new", "taken"]), name="visitrequest_open")]

    def __str__(self) -> str:
        return f"{self.visit_id} {self.kind}"
