"""What is still to come: packages that were paid and not used up, free places in the book of appointments, and what has
become of appointments."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from patients.models.catalogue import Branch, Doctor, Service
from patients.models.facts import Visit
from patients.models.people import Patient
from patients.models.sources import SourcedModel


class Package(SourcedModel):
    """Sessions of a service a patient has paid for in advance.

    How many are used is counted from completed visits with the service since `bought_on`, up to `sessions`; see
    patients.selectors.packages, which also says of several packages which one a visit has used.
    """

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="packages", verbose_name=_("patient"))
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("service")
    )
    name = models.CharField(_("name"), max_length=300, blank=True, db_default="")
    sessions = models.PositiveIntegerField(_("sessions"))
    bought_on = models.DateField(_("bought"))
    expires_on = models.DateField(_("of use until, inclusive"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta(SourcedModel.Meta):
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(condition=Q(sessions__gte=1), name="package_of_some_sessions"),
            models.CheckConstraint(
                condition=Q(expires_on__isnull=True) | Q(expires_on__gte=F("bought_on")), name="package_dates_in_order"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_on"], condition=Q(expires_on__isnull=False, deleted_at__isnull=True),
                name="package_expiring",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name or str(self.external_id)


class Slot(SourcedModel):
    """How many appointments a branch (or a doctor of it) can still take on a day, as the MIS counted them."""

    branch = models.ForeignKey(Branch, models.CASCADE, related_name="+", verbose_name=_("branch"))
    doctor = models.ForeignKey(
        Doctor, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("doctor")
    )
    day = models.DateField(_("day"))
    free = models.PositiveIntegerField(_("free"))
    total = models.PositiveIntegerField(_("in all"), null=True, blank=True)

    class Meta(SourcedModel.Meta):
        verbose_name = _("free slots of a day")
        verbose_name_plural = _("free slots of days")
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(total__gte=F("free")), name="slot_free_of_total"
            ),
        ]
        indexes = [models.Index(fields=["day", "branch"], include=["free", "total"], name="slot_by_day")]

    def __str__(self) -> str:
        return f"{self.branch_id} {self.day:%Y-%m-%d}: {self.free}"


class VisitChange(models.Model):
    """An appointment whose time or status was changed in the source. Append-only, written by a statement trigger in the
    database (see the migration), so that a change counts however it came in."""

    visit = models.ForeignKey(Visit, models.CASCADE, related_name="changes", db_index=False, db_constraint=False)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    was_status = models.CharField(_("status before"), max_length=10)
    status = models.CharField(_("status"), max_length=10, choices=Visit.Status.choices)
    was_starts_at = models.DateTimeField(_("started at before"))
    starts_at = models.DateTimeField(_("starts at"))
    at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("change of a visit")
        verbose_name_plural = _("changes of visits")
        indexes = [
            models.Index(fields=["at"], include=["visit", "patient"], name="visitchange_by_time"),
            models.Index(fields=["visit", "at"], name="visitchange_of_visit"),
            # Appointments that are no more, by the time they had: a reminder of them was right while they stood.
            models.Index(
                fields=["was_starts_at"],
                include=["visit", "at"],
                # Written without IN, whose text would change with every reload of the index (see demo.tables).
                condition=(Q(was_status="booked") | Q(was_status="confirmed"))
                & (Q(status="cancelled") | ~Q(starts_at=F("was_starts_at"))),
                name="visitchange_undone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.visit_id} {self.was_status} → {self.status}"
