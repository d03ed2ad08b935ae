"""From an audience to the ledger: everybody in it gets one row, whether written to or not, in one transaction.

`check` counts with the very statement that `plan` writes with. Planning holds an advisory lock of its campaign and ends
with the change of state: killed anywhere, nothing is written and it starts again; started twice, one does it.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from campaigns.models import Campaign
from campaigns.services.deciding import forecast
from campaigns.services.deciding.forecast import Check, Tally
from campaigns.services.deciding.rules import home_zone
from campaigns.services.deciding.statement import placed
from campaigns.services.running import counts

LOCK = 0x706C616E  # "plan", the first half of the advisory lock's key; the id of the campaign is the second
State = Campaign.State

_INSERT = """
INSERT INTO campaigns_message (dedupe_key, campaign_id, variant_id, patient_id, recipient_id, branch_id, channel,
    purpose, state, reason, text_id, offer_id, address_key, planned_at, due_at, useful_until)
SELECT 'c' || %(campaign)s || ':p' || patient_id, %(campaign)s, variant_id, patient_id,
    nullif(reader_id, patient_id), branch_id, coalesce(channel, ''), %(purpose)s, state, reason, text_id, offer_id,
    address_key, %(now)s, due_at, %(useful_until)s
FROM ({planned}) planned
ON CONFLICT (dedupe_key) DO NOTHING
"""
# Days matter of those who are written to; the others would only be parted into many small groups.
_TALLY = """
SELECT state, reason, channel, variant_id, text_id, branch_id,
    CASE WHEN state = 'planned' THEN (due_at AT TIME ZONE %(zone)s)::date END AS day, count(*),
    ARRAY[min(patient_id), max(patient_id)]
FROM ({planned}) planned GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def plan(campaign_id: int, now: datetime.datetime) -> int:
    """Write the ledger of a launched campaign and let it run. Returns how many rows were written; 0 when another
    process is at it or it is planned already."""
    written = 0
    with transaction.atomic(), alone(campaign_id) as at_work:
        campaign = Campaign.objects.filter(pk=campaign_id, state=State.PLANNING).first()
        if not at_work or campaign is None:
            return 0
        written = write(campaign, now)
        done = Campaign.objects.filter(pk=campaign_id, state=State.PLANNING)
        if not done.update(state=State.RUNNING, planned_at=now, error=""):
            transaction.set_rollback(True)  # stopped meanwhile: it never began
            return 0
    counts.refresh(campaign_id, now)
    return written


def write(campaign: Campaign, now: datetime.datetime) -> int:
    """Rows for those of the audience who have none yet. Inside the caller's transaction, `alone`."""
    with placed(campaign, now) as (_rule, query, _places), connection.cursor() as cursor:
        cursor.execute(_INSERT.format(planned=query.sql), query.params)
        return int(cursor.rowcount)


@contextmanager
def alone(campaign_id: int) -> Iterator[bool]:
    """Whether this transaction is the only one that plans the campaign; until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, campaign_id])
        yield bool(cursor.fetchone()[0])


def check(campaign: Campaign, now: datetime.datetime) -> Check:
    """What planning would write if the campaign were launched now; nothing is written."""
    with placed(campaign, now) as (rule, query, places), connection.cursor() as cursor:
        cursor.execute(_TALLY.format(planned=query.sql), {**query.params, "zone": home_zone()})
        rows = [Tally(*row) for row in cursor.fetchall()]
    return forecast.of_tallies(rows, rule, places, now)


def people_of(campaign: Campaign, reason: str, now: datetime.datetime, after: int = 0, limit: int = 100) -> list[int]:
    """Patients of a draft whom planning would leave out for this reason, by id, from the one after `after` on.

    "" are those who would be written to, "holdout" those who would only be compared with.
    """
    wanted = "reason = %(wanted)s AND state = 'suppressed'"
    if reason in ("", "holdout"):
        wanted = f"state = '{'holdout' if reason else 'planned'}'"
    with placed(campaign, now) as (_rule, query, _places), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT patient_id FROM ({query.sql}) planned WHERE {wanted} AND patient_id > %(after)s "
            "ORDER BY patient_id LIMIT %(limit)s",
            {**query.params, "wanted": reason, "after": after, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]
