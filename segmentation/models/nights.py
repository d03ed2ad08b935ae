"""The nights: one row per date, one per step; what was fitted, what the whole base looked like."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class NightlyRun(models.Model):
    """The night of one date: everything that happened up to the end of `as_of` is counted.

        waiting -> running -> done
                      |
                      +-----> failed -> running (the same night again; finished steps are not repeated)

    A run found `running` without a holder of the lock was killed; it is taken up where it stopped.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    as_of = models.DateField(_("as of"), unique=True)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    full = models.BooleanField(
        _("full"), default=False, help_text=_("Every patient is recomputed, not only the changed.")
    )
    fitted = models.JSONField(
        _("fitted"), default=dict, blank=True,
        help_text=_("Borders and other parameters by segmentation, with the date they were fitted on."),
    )  # fmt: skip
    error = models.TextField(_("error"), blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("requested by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("night")
        verbose_name_plural = _("nights")
        ordering = ["-as_of"]
        permissions = [("run_night", _("Can start the night"))]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d}"


class NightlyStep(models.Model):
    """One step of a night: written `done` in the transaction that wrote its rows, so it is never done by half."""

    run = models.ForeignKey(NightlyRun, models.CASCADE, related_name="steps", verbose_name=_("night"))
    name = models.CharField(_("step"), max_length=40)
    done = models.BooleanField(_("done"), default=False)
    rows = models.PositiveBigIntegerField(_("rows written"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("step of a night")
        verbose_name_plural = _("steps of nights")
        ordering = ["run", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="nightlystep_once_per_run")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.name}"


class BaseTotal(models.Model):
    """The whole base on one date; the home page reads these rows and counts nothing itself.

    Money in ₽. `lost_share` = lost / patients with at least one completed visit.
    """

    as_of = models.DateField(_("as of"), unique=True)
    patients = models.PositiveIntegerField(_("patients"), default=0)
    visited = models.PositiveIntegerField(_("with a visit"), default=0)
    new_30 = models.PositiveIntegerField(_("first visit within 30 days"), default=0)
    lost = models.PositiveIntegerField(_("lost"), default=0)
    with_appointment = models.PositiveIntegerField(_("with an appointment"), default=0)
    visits_30 = models.PositiveIntegerField(_("visits within 30 days"), default=0)
    visits_365 = models.PositiveIntegerField(_("visits within 365 days"), default=0)
    money_30 = models.DecimalField(_("income of 30 days, ₽"), max_digits=20, decimal_places=2, default=0)
    money_365 = models.DecimalField(_("income of 365 days, ₽"), max_digits=20, decimal_places=2, default=0)
    average_bill = models.DecimalField(
        _("average bill, ₽"), max_digits=20, decimal_places=2, null=True, blank=True,
        help_text=_("Income of 365 days ÷ completed visits of 365 days."),
    )  # fmt: skip
    ltv = models.DecimalField(
        _("mean LTV, ₽"), max_digits=20, decimal_places=2, null=True, blank=True,
        help_text=_("Mean of LTV = average bill × frequency × lifetime over patients with a visit."),
    )  # fmt: skip
    forecast_12m = models.DecimalField(
        _("expected in 12 months, ₽"), max_digits=20, decimal_places=2, null=True, blank=True,
        help_text=_("Sum of what every patient is expected to pay in the 12 months to come."),
    )  # fmt: skip
    nps = models.FloatField(
        _("NPS"), null=True, blank=True,
        help_text=_("Share of 9–10 minus share of 0–6 among the last answers of each patient in 365 days, in points."),
    )  # fmt: skip
    nps_answers = models.PositiveIntegerField(_("answers"), default=0)
    reachable = models.PositiveIntegerField(
        _("reachable"), default=0, help_text=_("Patients with a consent to advertising on at least one channel.")
    )

    class Meta:
        verbose_name = _("totals of the base")
        verbose_name_plural = _("totals of the base")
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d}"

    @property
    def lost_share(self) -> float | None:
        return self.lost / self.visited if self.visited else None
