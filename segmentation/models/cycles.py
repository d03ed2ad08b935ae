"""After how many days patients come again for a service, learned from their visits."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models import Service
from patients.models.catalogue import Sex


class LearnedCycle(models.Model):
    """The return interval of a service for one sex and age band, or for everybody (sex and ages empty).

    Fitted rarely, by Kaplan-Meier: those who have not come again yet count as long as they have been waited for.
    Intervals are days between one use of the service and the next by the same patient, of those who come again.
    Small groups borrow from the whole service; `borrowed` says how much (0: the group's own figure, 1: not its own).
    Ages are those on the day of the use, both ends inclusive.
    """

    id = models.AutoField(primary_key=True)
    service = models.ForeignKey(Service, models.CASCADE, related_name="learned_cycles", verbose_name=_("service"))
    sex = models.CharField(_("sex"), max_length=6, choices=Sex.choices, blank=True)
    age_from = models.PositiveSmallIntegerField(_("from age"), null=True, blank=True)
    age_to = models.PositiveSmallIntegerField(_("to age"), null=True, blank=True)
    days = models.PositiveIntegerField(_("return interval, days"), help_text=_("Median of those who come again."))
    days_from = models.PositiveIntegerField(_("interval from, days"), help_text=_("A quarter come sooner."))
    days_to = models.PositiveIntegerField(_("interval to, days"), help_text=_("A quarter come later."))
    error_from = models.PositiveIntegerField(_("median from, days"), help_text=_("95 % interval of the median."))
    error_to = models.PositiveIntegerField(_("median to, days"))
    returning = models.FloatField(_("share that comes again"), help_text=_("Within the time that could be watched."))
    uses = models.PositiveIntegerField(_("uses"), help_text=_("Visits with the service that could be followed."))
    returns = models.PositiveIntegerField(_("returns seen"))
    patients = models.PositiveIntegerField(_("patients"))
    borrowed = models.FloatField(_("borrowed"), default=0)
    fitted_on = models.DateField(_("learned on"))
    # Points of the curve of return, [days, share, low, high], of the row for everybody.
    curve = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        verbose_name = _("learned cycle")
        verbose_name_plural = _("learned cycles")
        ordering = ["service", "sex", "age_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "sex", "age_from"], name="learnedcycle_once_per_group", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.sex} {self.age_from or ''}: {self.days}"


class IntervalInUse(models.Model):
    """An interval with which the due dates of the stored rhythms were computed: written with them.

    What differs on the next night from the intervals of the day (set by hand, learned) has to be computed anew.
    """

    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_constraint=False)
    cell = models.SmallIntegerField(help_text=_("Sex and age band; 0: everybody else."))
    days = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("interval in use")
        verbose_name_plural = _("intervals in use")
        constraints = [models.UniqueConstraint(fields=["service", "cell"], name="intervalinuse_once_per_cell")]

    def __str__(self) -> str:
        return f"{self.service_id}/{self.cell}: {self.days}"
