"""What happened: visits with their items, payments, feedback, consents."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from patients.models.catalogue import Branch, Doctor, Service
from patients.models.people import Patient
from patients.models.sources import SourcedModel


def _money(label: Any) -> models.DecimalField:
    return models.DecimalField(label, max_digits=12, decimal_places=2, default=0, db_default=0)


class Visit(SourcedModel):
    """One coming to the clinic; a booked visit in the future is an appointment.

        booked -> confirmed -> arrived -> completed
           |          |           |
           +----------+-----------+--> cancelled | no_show

    The source decides; any state may follow any other when the source says so later. `deleted_at` marks a visit the
    source has withdrawn. The totals are the sums over the items and are written together with them:
    `amount` = Σ (quantity × price − discount), `cost` = Σ cost.
    """

    class Status(models.TextChoices):
        BOOKED = "booked", _("booked")
        CONFIRMED = "confirmed", _("confirmed")
        ARRIVED = "arrived", _("arrived")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")
        NO_SHOW = "no_show", _("no-show")

    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="visits", verbose_name=_("patient"), db_index=False
    )
    branch = models.ForeignKey(
        Branch,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("branch"),
        db_index=False,
    )
    doctor = models.ForeignKey(
        Doctor,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("doctor"),
        db_index=False,
    )
    starts_at = models.DateTimeField(_("starts at"))
    starts_on = models.DateField(_("day"), help_text=_("The day of the visit at the branch."))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    return_due_on = models.DateField(
        _("return due"),
        null=True,
        blank=True,
        help_text=_("When the doctor asked the patient to come again."),
    )
    promo_code = models.CharField(_("promo code"), max_length=40, blank=True, db_default="")
    amount = _money(_("amount, ₽"))
    discount = _money(_("discount, ₽"))
    cost = _money(_("cost, ₽"))
    # 64-bit hash of the items as posted: an equal one means that they need not be compared row by row.
    fingerprint = models.BigIntegerField(null=True, editable=False)
    # 64-bit hash of the whole visit as posted: an equal one is known to be unchanged before it is even validated.
    posted_hash = models.BigIntegerField(null=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta(SourcedModel.Meta):
        verbose_name = _("visit")
        verbose_name_plural = _("visits")
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(status__in=["booked", "confirmed", "arrived", "completed", "cancelled", "no_show"]),
                name="visit_status_is_known",
            ),
        ]
        indexes = [
            # Answers the nightly aggregate without touching the table.
            models.Index(
                fields=["patient", "starts_on"],
                include=["id", "status", "amount", "discount", "cost", "starts_at", "doctor", "branch"],
                condition=Q(deleted_at__isnull=True),
                name="visit_by_patient_covering",
            ),
            # Who was told to come again, and when: a small part of the visits.
            models.Index(
                fields=["patient"],
                include=["starts_on", "return_due_on"],
                condition=Q(deleted_at__isnull=True, status="completed", return_due_on__isnull=False),
                name="visit_return_due",
            ),
            # The same by the day that was named: rules ask who is due on it.
            models.Index(
                fields=["return_due_on"],
                condition=Q(deleted_at__isnull=True, status="completed", return_due_on__isnull=False),
                name="visit_by_return_day",
            ),
            # Who came within a window of days, and how full they were, answered without touching the table.
            models.Index(
                fields=["starts_on", "status"], include=["patient", "branch", "deleted_at"], name="visit_by_day"
            ),
            models.Index(fields=["id"], condition=Q(amount__lt=0), name="visit_below_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on:%Y-%m-%d} {self.status}"


class VisitItem(models.Model):
    """A service rendered at a visit. Written only together with its visit, whose totals it makes up."""

    visit = models.ForeignKey(Visit, models.CASCADE, related_name="items", verbose_name=_("visit"), db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", verbose_name=_("service"), db_index=False)
    quantity = models.DecimalField(_("quantity"), max_digits=8, decimal_places=2, default=1, db_default=1)
    price = _money(_("price, ₽"))
    discount = _money(_("discount, ₽"))
    cost = _money(_("cost, ₽"))

    class Meta:
        verbose_name = _("visit item")
        verbose_name_plural = _("visit items")
        indexes = [
            # Read in the order of visits by the night, without touching the table.
            models.Index(
                fields=["visit", "service"], include=["quantity", "price", "discount"], name="visititem_by_visit"
            ),
            models.Index(fields=["service", "visit"], name="visititem_by_service"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} × {self.quantity}"


class Payment(SourcedModel):
    """Money that came in; a refund counts against it. `amount` is never negative, the kind carries the sign.

    An implied payment stands for a completed visit of a source that sends no payments; it follows its visit.
    """

    class Kind(models.TextChoices):
        SINGLE = "single", _("single")
        PACKAGE = "package", _("package")
        REFUND = "refund", _("refund")

    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="payments", verbose_name=_("patient"), db_index=False
    )
    visit = models.ForeignKey(
        Visit, models.SET_NULL, null=True, blank=True, related_name="payments", verbose_name=_("visit"),
        db_index=False,
    )  # fmt: skip
    paid_at = models.DateTimeField(_("paid at"))
    paid_on = models.DateField(_("day"), help_text=_("The day of the payment at the branch."))
    amount = models.DecimalField(_("amount, ₽"), max_digits=12, decimal_places=2)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.SINGLE)
    implied = models.BooleanField(_("implied by a visit"), default=False, db_default=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta(SourcedModel.Meta):
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_amount_not_negative"),
            models.CheckConstraint(condition=Q(kind__in=["single", "package", "refund"]), name="payment_kind_is_known"),
            models.UniqueConstraint(fields=["visit"], condition=Q(implied=True), name="payment_implied_once_per_visit"),
        ]
        indexes = [
            models.Index(
                fields=["patient", "paid_on"],
                include=["amount", "kind"],
                condition=Q(deleted_at__isnull=True),
                name="payment_by_patient_covering",
            ),
            # Whose money has entered or left the window of 365 days since the last night, and how much of it.
            models.Index(
                fields=["paid_on"],
                include=["patient", "amount", "kind"],
                condition=Q(deleted_at__isnull=True),
                name="payment_by_day",
            ),
            models.Index(fields=["visit"], condition=Q(visit__isnull=False), name="payment_by_visit"),
        ]

    def __str__(self) -> str:
        return f"{self.paid_on:%Y-%m-%d} {self.kind} {self.amount}"


class Feedback(SourcedModel):
    """What a patient said: a 0–10 answer to "would you recommend us", a comment, a complaint."""

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="feedback", verbose_name=_("patient"))
    visit = models.ForeignKey(
        Visit, models.SET_NULL, null=True, blank=True, related_name="feedback", verbose_name=_("visit")
    )
    score = models.PositiveSmallIntegerField(_("score 0–10"), null=True, blank=True)
    comment = models.TextField(_("comment"), blank=True, db_default="")
    complaint = models.BooleanField(_("complaint"), default=False, db_default=False)
    given_at = models.DateTimeField(_("given at"))

    class Meta(SourcedModel.Meta):
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__range=(0, 10)), name="feedback_score_from_0_to_10"
            ),
        ]
        indexes = [models.Index(fields=["given_at"], include=["patient", "complaint"], name="feedback_by_time")]

    def __str__(self) -> str:
        return f"{self.given_at:%Y-%m-%d} {self.score if self.score is not None else '—'}"


class Consent(models.Model):
    """A patient's word on one channel and purpose, half-open in time: valid from `at` until `until` (exclusive).

    Every word said is a row; `until` is the time of the next word on the same channel and purpose, or empty.
    No row means no consent.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        SMS = "sms", _("SMS")
        CALL = "call", _("call")
        MESSENGER = "messenger", _("messenger")
        PUSH = "push", _("push")

    class Purpose(models.TextChoices):
        SERVICE = "service", _("service messages")
        MARKETING = "marketing", _("advertising")

    # Looked up by patient through the constraint consent_word_once, which begins with the patient.
    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="consents", verbose_name=_("patient"), db_index=False
    )  # fmt: skip
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    granted = models.BooleanField(_("granted"))
    text_version = models.CharField(_("text version"), max_length=40, blank=True, db_default="")
    source = models.CharField(
        _("obtained by"), max_length=120, blank=True, db_default="",
        help_text=_("Where the consent was given: front desk, website form, app."),
    )  # fmt: skip
    proof = models.CharField(
        _("proof"), max_length=200, blank=True, db_default="",
        help_text=_("Where the signed form, the recording or the log entry is kept: an archive number, an address."),
    )  # fmt: skip
    at = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(fields=["patient", "channel", "purpose", "at"], name="consent_word_once"),
            models.UniqueConstraint(
                fields=["patient", "channel", "purpose"],
                condition=Q(until__isnull=True),
                name="consent_one_open_per_purpose",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("at")), name="consent_period_in_order"
            ),
        ]
        indexes = [
            # Who may be written to is counted every night: millions of words of whom the table need not be read.
            models.Index(
                fields=["patient"],
                include=["at", "until"],
                condition=Q(purpose="marketing", granted=True),
                name="consent_to_marketing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose}: {'+' if self.granted else '−'}"
