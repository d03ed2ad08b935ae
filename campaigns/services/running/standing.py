"""Standing campaigns: night by night they take whoever has entered the audience.

A patient is taken once per campaign, by the unique key of the ledger: whoever leaves the audience and enters it again
is not written to again, and whoever could not be written to when entering (no consent, another branch) is not looked at
a second time: the occasion has passed. A paused campaign takes nobody; those who entered meanwhile and are still there
are taken when it goes on. A missed night costs nothing, because everybody who is in the audience and not in the ledger
is taken.
"""

import datetime
import logging

from django.db import transaction
from django.db.models import Q

from campaigns.models import Campaign
from campaigns.services.deciding import planning
from campaigns.services.running import counts

log = logging.getLogger(__name__)
State = Campaign.State


def take(now: datetime.datetime) -> int:
    """Add the newcomers of every running standing campaign; returns how many rows were written.

    A campaign that fails says so on its page and keeps neither the others nor the night from going on.
    """
    useful = Q(useful_until__isnull=True) | Q(useful_until__gt=now)
    running = Campaign.objects.filter(useful, standing=True, state=State.RUNNING, launched_at__lte=now)
    return sum(_take(campaign_id, now) for campaign_id in running.order_by("pk").values_list("pk", flat=True))


def _take(campaign_id: int, now: datetime.datetime) -> int:
    try:
        with transaction.atomic(), planning.alone(campaign_id) as at_work:
            campaign = Campaign.objects.filter(pk=campaign_id, state=State.RUNNING).first()
            if not at_work or campaign is None:
                return 0
            written = planning.write(campaign, now)
            # Holds the row: whoever pauses or stops it now waits for the rows and finds them all.
            if not Campaign.objects.filter(pk=campaign_id, state=State.RUNNING).update(error=""):
                transaction.set_rollback(True)
                return 0
            if written:
                counts.refresh(campaign_id, now)
            return written
    except Exception as error:
        # The kind of error only: the database quotes rows in its details.
        log.error("standing campaign %s took nobody: %s", campaign_id, type(error).__name__)
        Campaign.objects.filter(pk=campaign_id).update(error=type(error).__name__)
        return 0
