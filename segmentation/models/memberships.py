"""Who was in which segment when, and how many there were each night."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from patients.models import Patient
from segmentation.models.segmentations import Segment, Segmentation


class Membership(models.Model):
    """A patient in a segment from `entered_on` until `left_on` (exclusive; empty while it lasts).

    A move *is* the opening of a membership: `came_from` is the segment left on the same day, `cause` what changed
    (for example `{"r": [5, 3]}`: the recency score fell from 5 to 3), `money` what the patient paid in the 365 days
    before the move, ₽: the money at stake.
    """

    id = models.BigAutoField(primary_key=True)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="memberships", db_index=False)
    segmentation = models.ForeignKey(Segmentation, models.CASCADE, related_name="+", db_index=False)
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships", db_index=False)
    came_from = models.ForeignKey(Segment, models.SET_NULL, null=True, related_name="+", db_index=False)
    entered_on = models.DateField(_("entered"))
    left_on = models.DateField(_("left"), null=True)
    cause = models.JSONField(_("cause"), null=True)
    money = models.DecimalField(_("money at stake, ₽"), max_digits=20, decimal_places=2, null=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "segmentation"],
                condition=Q(left_on__isnull=True),
                name="membership_one_open_per_segmentation",
            ),
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(left_on__gt=F("entered_on")), name="membership_period_in_order"
            ),
        ]
        indexes = [
            models.Index(fields=["segment", "patient"], condition=Q(left_on__isnull=True), name="membership_open"),
            models.Index(
                fields=["segmentation", "entered_on"],
                include=["segment", "came_from", "money"],
                condition=Q(came_from__isnull=False),
                name="membership_moves",
            ),
            # Who was in a segment on a day or left it within a window: conditions ask for it.
            models.Index(
                fields=["segment", "left_on"],
                include=["patient", "entered_on"],
                condition=Q(left_on__isnull=False),
                name="membership_left",
            ),
            models.Index(fields=["patient", "entered_on"], name="membership_of_patient"),
            # Who entered anything lately, from nowhere too: rows are appended in about the order of their days, and a
            # tree would cost the first night as much as the rows.
            BrinIndex(fields=["entered_on"], pages_per_range=32, name="membership_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.patient_id} in {self.segment_id} from {self.entered_on:%Y-%m-%d}"


class ListedPatient(models.Model):
    """A patient on an uploaded list. The night makes memberships of them, like of everybody's."""

    segmentation = models.ForeignKey(Segmentation, models.CASCADE, related_name="+", db_index=False)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("patient of a list")
        verbose_name_plural = _("patients of lists")
        constraints = [models.UniqueConstraint(fields=["segmentation", "patient"], name="listedpatient_once_per_list")]

    def __str__(self) -> str:
        return f"{self.patient_id} on {self.segmentation_id}"


class SegmentTotal(models.Model):
    """A segment on one date, stored by the night. Money in ₽; `entered` and `left` since the night before."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="totals", db_index=False)
    as_of = models.DateField(_("as of"))
    patients = models.PositiveIntegerField(_("patients"), default=0)
    entered = models.PositiveIntegerField(_("entered"), default=0)
    left = models.PositiveIntegerField(_("left"), default=0)
    visits_365 = models.PositiveIntegerField(_("visits within 365 days"), default=0)
    money = models.DecimalField(_("paid in all"), max_digits=20, decimal_places=2, default=0)
    money_365 = models.DecimalField(_("paid within 365 days"), max_digits=20, decimal_places=2, default=0)
    margin_365 = models.DecimalField(_("margin of 365 days"), max_digits=20, decimal_places=2, default=0)
    ltv = models.DecimalField(_("mean LTV"), max_digits=20, decimal_places=2, null=True)
    forecast_12m = models.DecimalField(_("expected in 12 months"), max_digits=20, decimal_places=2, null=True)

    class Meta:
        verbose_name = _("segment total")
        verbose_name_plural = _("segment totals")
        ordering = ["-as_of"]
        constraints = [models.UniqueConstraint(fields=["segment", "as_of"], name="segmenttotal_once_per_night")]
        indexes = [models.Index(fields=["as_of"], name="segmenttotal_by_night")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.as_of:%Y-%m-%d}: {self.patients}"


class RfmCell(models.Model):
    """How many patients had the scores r-f-m on one date, and what they paid in 365 days, ₽."""

    as_of = models.DateField(_("as of"))
    r = models.SmallIntegerField()
    f = models.SmallIntegerField()
    m = models.SmallIntegerField()
    patients = models.PositiveIntegerField(_("patients"), default=0)
    money_365 = models.DecimalField(_("paid within 365 days"), max_digits=20, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("RFM cell")
        verbose_name_plural = _("RFM cells")
        constraints = [models.UniqueConstraint(fields=["as_of", "r", "f", "m"], name="rfmcell_once_per_night")]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d} {self.r}-{self.f}-{self.m}: {self.patients}"
