"""What the check of a draft found, kept so that no page counts a million patients while a person waits."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign


class CampaignCheck(models.Model):
    """The last check of a campaign.

        waiting ──► running ──► done | failed
           ▲           │
           └───────────┘ the worker died: asked for again after a while

    `fingerprint` tells which content of the draft was counted: after an edit the outcome is stale and counted anew.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("being counted")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="checked", primary_key=True)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    outcome: Any = models.JSONField(default=dict)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("check of a campaign")
        verbose_name_plural = _("checks of campaigns")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "running", "done", "failed"]), name="campaigncheck_state_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.state}"
