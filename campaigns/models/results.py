"""Stored counts and results: no page counts a million rows while a person waits."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign, Variant


class CampaignCount(models.Model):
    """How many rows of the ledger a campaign has in a state, by channel and reason. Refreshed as it goes on."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="counts", db_index=False)
    variant = models.ForeignKey(Variant, models.CASCADE, null=True, related_name="+", db_index=False)
    channel = models.CharField(max_length=10, blank=True)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=30, blank=True)
    messages = models.PositiveIntegerField()
    cost = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "variant", "channel", "state", "reason"], name="campaigncount_once",
                nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.state}: {self.messages}"


class CampaignResult(models.Model):
    """What a campaign brought as of a night: one row per group (a variant, the treated, the hold-out) and breakdown.

    `breakdown` is "" for the whole group or `<segmentation>:<segment>` as of planning. `figures` are the sums and
    sums of squares from which every estimate on the pages is computed (campaigns.attribution.Group).
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="results", db_index=False)
    as_of = models.DateField(_("as of"))
    group = models.CharField(max_length=10)  # "holdout", "treated", or the letter of a variant
    breakdown = models.CharField(max_length=90, blank=True, db_default="")
    figures: Any = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "as_of", "group", "breakdown"], name="campaignresult_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.group} {self.as_of}"


class ReachTotal(models.Model):
    """How much of the base was written to within the 30 days up to a night. `patients`: the base of that night."""

    as_of = models.DateField(_("as of"), unique=True)
    patients = models.PositiveIntegerField(_("patients"), default=0)
    reached = models.PositiveIntegerField(_("reached by a message"), default=0)
    messages = models.PositiveIntegerField(_("messages sent"), default=0)

    class Meta:
        verbose_name = _("reach of a night")
        verbose_name_plural = _("reach of nights")
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d}: {self.reached}"

    @property
    def share(self) -> float | None:
        return self.reached / self.patients if self.patients else None
