"""Stored counts of a campaign, and its end: no page counts a million rows while a person waits."""

import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from campaigns.models import Campaign, Message

LOCK = 0x636E7473  # "cnts", the first half of the advisory lock's key; the id of the campaign is the second
OPEN = (Message.State.PLANNED, Message.State.DEFERRED, Message.State.SENDING)
_COUNT = """
WITH counted AS (
INSERT INTO campaigns_campaigncount (campaign_id, variant_id, channel, state, reason, messages, cost, counted_at)
SELECT campaign_id, variant_id, channel, state, reason, count(*), sum(cost), %(now)s
FROM campaigns_message WHERE campaign_id = %(campaign)s GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (campaign_id, variant_id, channel, state, reason) DO UPDATE
SET messages = excluded.messages, cost = excluded.cost, counted_at = excluded.counted_at
RETURNING id
)
DELETE FROM campaigns_campaigncount WHERE campaign_id = %(campaign)s AND id NOT IN (SELECT id FROM counted)
"""


def refresh(campaign_id: int, now: datetime.datetime) -> None:
    """Count the rows of the campaign; a running one without anything left to do is finished."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Two countings at once would undo each other's deletions.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, campaign_id])
        cursor.execute(_COUNT, {"campaign": campaign_id, "now": now})
        finish(campaign_id, now)


def finish(campaign_id: int, now: datetime.datetime) -> bool:
    """A running campaign whose every message is in a final state is finished; a standing one is not until stopped."""
    # Whoever opens rows again ("retry failed") holds the campaign. An UPDATE that waits for them looks at the rows as
    # they were before the wait, and would finish a campaign with messages that nobody sends then.
    with transaction.atomic():
        Campaign.objects.select_for_update(no_key=True).filter(pk=campaign_id).first()
        return _finished(campaign_id, now)


def _finished(campaign_id: int, now: datetime.datetime) -> bool:
    open_rows = Message.objects.filter(campaign=OuterRef("pk"), state__in=OPEN)
    running = Campaign.objects.filter(pk=campaign_id, state=Campaign.State.RUNNING, standing=False)
    return bool(running.filter(~Exists(open_rows)).update(state=Campaign.State.FINISHED, ended_at=now, updated_at=now))
