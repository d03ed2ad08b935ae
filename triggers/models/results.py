"""What rules brought, stored by the night; how much they do, stored every minute."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from triggers.models.rules import TriggerRule, TriggerStep


class RuleResult(models.Model):
    """What a rule brought as of a night: one row per group. `figures` are sums and sums of squares from which every
    estimate on the pages is computed (campaigns.attribution)."""

    rule = models.ForeignKey(TriggerRule, models.CASCADE, related_name="results", db_index=False)
    as_of = models.DateField(_("as of"))
    group = models.CharField(max_length=10)  # "holdout", "treated"
    figures: Any = models.JSONField()

    class Meta:
        verbose_name = _("result of a rule")
        verbose_name_plural = _("results of rules")
        constraints = [models.UniqueConstraint(fields=["rule", "as_of", "group"], name="ruleresult_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.group} {self.as_of:%Y-%m-%d}"


class RuleCount(models.Model):
    """How much of a rule fell on a day (by the clinic's clock), stored so that no page counts the rows themselves.

    firing  `state` of the firings whose first message was due that day; `step` is empty
    step    messages of the step due that day: `state` of the row of the ledger, or that of the step when it has none
            (waiting, held, skipped), with the `reason`
    event   messages of the step due that day that were delivered, clicked by a person, complained about …
    """

    class Kind(models.TextChoices):
        FIRING = "firing"
        STEP = "step"
        EVENT = "event"

    rule = models.ForeignKey(TriggerRule, models.CASCADE, related_name="counts", db_index=False)
    day = models.DateField(_("day"))
    step = models.ForeignKey(TriggerStep, models.CASCADE, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    state = models.CharField(max_length=12)
    reason = models.CharField(max_length=30, blank=True, db_default="")
    number = models.PositiveIntegerField()
    cost = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)

    class Meta:
        verbose_name = _("count of a rule")
        verbose_name_plural = _("counts of rules")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "day", "kind", "step", "state", "reason"], name="rulecount_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["day"], name="rulecount_of_day")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.day:%Y-%m-%d} {self.kind} {self.state}: {self.number}"
