"""Handing a campaign to a worker to be planned, and finding those that were left lying."""

import datetime
import logging

from celery import current_app
from django.db import transaction

from campaigns.models import Campaign
from campaigns.services.deciding import planning

log = logging.getLogger(__name__)
TASK = "campaigns.tasks.plan_campaign"


def hand_over(campaign_id: int) -> None:
    """Ask a worker to plan the campaign, once the current transaction is committed.

    Without a broker the campaign stays `planning`, and the periodic check (`pick_up`) takes it up.
    """
    transaction.on_commit(lambda: _send(campaign_id))


def pick_up(now: datetime.datetime) -> int:
    """Plan what waits to be planned: its message was lost, or its worker died. Returns how many were planned."""
    waiting = Campaign.objects.filter(state=Campaign.State.PLANNING).order_by("launched_at", "pk")
    return sum(1 for campaign_id in waiting.values_list("pk", flat=True) if plan(campaign_id, now) is not None)


def plan(campaign_id: int, now: datetime.datetime) -> int | None:
    """Plan it and note on the campaign when that failed (the next check tries again); None after a failure."""
    try:
        return planning.plan(campaign_id, now)
    except Exception as error:
        # The kind of error only: the database quotes rows in its details.
        log.error("planning campaign %s failed: %s", campaign_id, type(error).__name__)
        Campaign.objects.filter(pk=campaign_id, state=Campaign.State.PLANNING).update(error=type(error).__name__)
        return None


def _send(campaign_id: int) -> None:
    try:
        current_app.send_task(TASK, [campaign_id], ignore_result=True)
    except Exception as error:  # whatever the broker's client raises, the row is there and will be found
        log.warning("campaign %s waits for the periodic check: %s", campaign_id, type(error).__name__)
