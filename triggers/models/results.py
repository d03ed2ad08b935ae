"""What rules brought, stored by the night."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from triggers.models.rules import TriggerRule


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
