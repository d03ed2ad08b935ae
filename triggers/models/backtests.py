"""Back-tests: what a rule would have done in a past period."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from triggers.models.rules import TriggerRule


class Backtest(models.Model):
    """waiting ──► running (progress 0–100) ──► done(result) | failed(error)

    `asked` is the rule as it was (type, settings, steps, audience), so that an old answer is not read as that of a
    rule changed since. `result` holds every figure of the page (services.backtest says which).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    rule = models.ForeignKey(TriggerRule, models.CASCADE, related_name="backtests", verbose_name=_("rule"))
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("to, inclusive"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(_("progress, %"), default=0)
    asked: Any = models.JSONField(default=dict)
    result: Any = models.JSONField(default=dict)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")
    seconds = models.FloatField(_("seconds"), null=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True, db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("back-test")
        verbose_name_plural = _("back-tests")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="backtest_days_in_order"),
            models.UniqueConstraint(
                fields=["rule", "first_day", "last_day"], condition=Q(state__in=["waiting", "running"]),
                name="backtest_one_at_a_time",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.rule_id} {self.first_day:%Y-%m-%d}–{self.last_day:%Y-%m-%d}"
