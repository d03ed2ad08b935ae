"""How far a campaign is: from the stored counts, never from the ledger's millions of rows."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Max, Sum

from campaigns.models import CampaignCount, Message
from campaigns.reasons import REASONS

State = Message.State
_WAITING, _DONE = (State.PLANNED, State.DEFERRED, State.SENDING), (State.SENT, State.FAILED, State.UNKNOWN)
# Written to when planned, and then found to be in no need of it, or too late.
_DROPPED = (State.CANCELLED, State.EXPIRED)


@dataclass(frozen=True)
class Progress:
    """The numbers of one campaign as they were counted at `counted_at`; `audience` is their sum.

    `to_write` = waiting + done + dropped: everybody the campaign set out to write to and still would, or did.
    """

    by_state: dict[str, int] = field(default_factory=dict)
    by_reason: dict[tuple[str, str], int] = field(default_factory=dict)
    by_channel: dict[str, dict[str, int]] = field(default_factory=dict)
    cost: Decimal = Decimal(0)
    counted_at: datetime.datetime | None = None

    @property
    def audience(self) -> int:
        return sum(self.by_state.values())

    @property
    def waiting(self) -> int:
        return self._of(_WAITING)

    @property
    def done(self) -> int:
        return self._of(_DONE)

    @property
    def to_write(self) -> int:
        return self._of((*_WAITING, *_DONE, *_DROPPED))

    @property
    def share_done(self) -> float:
        """Of those to be written to, the part about whom everything is decided; 0 … 1, 1 when there is nobody."""
        return 1 - self.waiting / self.to_write if self.to_write else 1.0

    def of(self, state: str) -> int:
        return self.by_state.get(state, 0)

    def _of(self, states: Iterable[str]) -> int:
        return sum(self.by_state.get(state, 0) for state in states)


@dataclass(frozen=True)
class DayLoad:
    """What falls due on a day at a branch, and what has gone."""

    day: datetime.date
    branch_id: int | None
    messages: int
    sent: int


def of_campaign(campaign_id: int) -> Progress:
    return of_campaigns([campaign_id])[campaign_id]


def of_campaigns(campaign_ids: Iterable[int]) -> dict[int, Progress]:
    """For a list of campaigns, in two queries."""
    ids = list(campaign_ids)
    rows = CampaignCount.objects.filter(campaign__in=ids)
    found = {pk: Progress() for pk in ids}
    totals = rows.values("campaign").annotate(cost=Sum("cost"), at=Max("counted_at"))
    for total in totals:
        found[total["campaign"]] = Progress(cost=total["cost"], counted_at=total["at"])
    order = {reason: number for number, reason in enumerate(REASONS)}
    grouped = rows.values_list("campaign", "state", "reason", "channel").annotate(messages=Sum("messages"))
    for campaign, state, reason, channel, messages in sorted(grouped, key=lambda row: order.get(row[2], -1)):
        progress = found[campaign]
        progress.by_state[state] = progress.by_state.get(state, 0) + messages
        if reason:
            key = (state, reason)
            progress.by_reason[key] = progress.by_reason.get(key, 0) + messages
        if channel:
            of_channel = progress.by_channel.setdefault(channel, {})
            of_channel[state] = of_channel.get(state, 0) + messages
    return found


def load(campaign_id: int) -> list[DayLoad]:
    """Messages per day they fall due (by the clinic's clock) and branch. Reads the campaign's rows of the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (due_at AT TIME ZONE %s)::date, branch_id, count(*), count(*) FILTER (WHERE state = 'sent') "
            "FROM campaigns_message WHERE campaign_id = %s "
            "AND state IN ('planned', 'deferred', 'sending', 'sent', 'failed', 'unknown') GROUP BY 1, 2 ORDER BY 1, 2",
            [settings.TIME_ZONE, campaign_id],
        )
        return [DayLoad(*row) for row in cursor.fetchall()]
