"""On which day and at which moment each message falls due: limits of the channels, the campaign's pace, quiet hours.

Day 0 is the day on which the clinic's own zone may first be written to from `starts_at` (or the launch) on. A message
of day 0 is due at the start, one of a later day at the same time by the clinic's clock when a start was set, else when
the quiet hours end at the patient's. Every due moment lies outside the patient's quiet hours. Within a day all are due
at once: the rates of the channels spread them, and a due moment of its own for everybody would only guess at that.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.models import Campaign, ChannelAccount
from campaigns.planning.quiet_hours import at_wall_time, next_allowed
from campaigns.planning.warm_up import HORIZON, Pace, by_day
from campaigns.services.deciding import rules
from campaigns.services.deciding.rules import Rules

NOWHERE = 0  # stands for the branch of patients without one
# What waits on each day, and what the channel has taken today already.
_LOAD = """
SELECT channel, greatest(day, %(today)s), campaign_id IS NOT DISTINCT FROM %(campaign)s, count(*) FROM (
    SELECT channel, campaign_id, (due_at AT TIME ZONE %(zone)s)::date AS day FROM campaigns_message
    WHERE state IN ('planned', 'deferred') AND channel = ANY(%(channels)s)
    UNION ALL
    SELECT channel, campaign_id, %(today)s FROM campaigns_message
    WHERE state IN ('sent', 'unknown') AND channel = ANY(%(channels)s) AND claimed_at >= %(midnight)s
) known GROUP BY 1, 2, 3
"""
Load = dict[tuple[str, datetime.date], tuple[int, int]]  # (channel, day): all campaigns, this one


@dataclass(frozen=True)
class Places:
    """The days of a campaign: how many of which channel, and when a day begins at which branch."""

    messages: Mapping[str, int]
    first_day: datetime.date
    days: list[dict[str, int]]
    branches: dict[int, str]
    rule: Rules
    start: datetime.datetime
    fixed_time: bool
    paces: Mapping[str, Pace]

    @property
    def in_a_day(self) -> bool:
        """Whether all of them go on the first day: then nobody need stand in a queue."""
        return not self.messages or (len(self.days) == 1 and sum(self.days[0].values()) == sum(self.messages.values()))

    def bounds(self, channel: str) -> list[int]:
        """Where the next day begins: the n-th message (from 0) falls on day width_bucket(n, bounds)."""
        total, ends = 0, []
        for day in self.days:
            total += day.get(channel, 0)
            ends.append(total)
        return ends or [0]

    def slots(self) -> tuple[list[int], list[int], list[datetime.datetime]]:
        """(branch, day, due) as columns; day 0 always exists, for those who get nothing."""
        branches, days, due = [], [], []
        for day in range(max(len(self.days), 1)):
            by_zone: dict[str, datetime.datetime] = {}
            for branch, zone in self.branches.items():
                if zone not in by_zone:
                    by_zone[zone] = self._due(day, zone)
                branches.append(branch)
                days.append(day)
                due.append(by_zone[zone])
        return branches, days, due

    def room(self) -> dict[str, dict[datetime.date, int]]:
        """What a limited channel takes on each day of the campaign, whoever uses it."""
        dates = [self.date(day) for day in range(len(self.days))]
        limits = {channel: {date: pace.on(date) for date in dates} for channel, pace in self.paces.items()}
        return {
            channel: {date: limit for date, limit in days.items() if limit is not None}
            for channel, days in limits.items()
            if any(limit is not None for limit in days.values())
        }

    def date(self, day: int) -> datetime.date:
        return self.first_day + datetime.timedelta(days=day)

    def _due(self, day: int, zone: str) -> datetime.datetime:
        quiet = self.rule.quiet_from, self.rule.quiet_until
        if day == 0:
            return next_allowed(self.start, zone, *quiet)
        if self.fixed_time or quiet[0] == quiet[1]:
            time = self.start.astimezone(ZoneInfo(rules.home_zone())).time()
            return next_allowed(at_wall_time(self.date(day), time, rules.home_zone()), zone, *quiet)
        return next_allowed(at_wall_time(self.date(day), quiet[1], zone), zone, *quiet)


def find(campaign: Campaign, rule: Rules, messages: Mapping[str, int], now: datetime.datetime) -> Places:
    """Places for so many messages per channel."""
    home = rules.home_zone()
    wished = max(campaign.starts_at or now, now)
    start = next_allowed(wished, home, rule.quiet_from, rule.quiet_until)
    first_day = start.astimezone(ZoneInfo(home)).date()
    accounts = ChannelAccount.objects.filter(channel__in=rule.channels)
    paces = {
        account.channel: Pace(account.per_day, account.warm_up_from, account.warm_up_start, account.warm_up_growth)
        for account in accounts
    }
    limited = campaign.per_day is not None or not all(pace.unlimited for pace in paces.values())
    load = _load(rule, now) if limited else {}

    def room(channel: str, day: int) -> int | None:
        date = first_day + datetime.timedelta(days=day)
        limit = paces[channel].on(date) if channel in paces else None
        return None if limit is None else limit - load.get((channel, date), (0, 0))[0]

    def taken(day: int) -> int:
        date = first_day + datetime.timedelta(days=day)
        return sum(load.get((channel, date), (0, 0))[1] for channel in rule.channels)

    return Places(
        messages=messages,
        first_day=first_day,
        days=by_day(messages, campaign.per_day, room, taken, HORIZON),
        branches={NOWHERE: home, **rules.zones()},
        rule=rule,
        # Other zones begin at the wished moment as well, as soon as it is not night there.
        start=wished,
        fixed_time=campaign.starts_at is not None and campaign.starts_at >= now,
        paces=paces,
    )


def _load(rule: Rules, now: datetime.datetime) -> Load:
    home = rules.home_zone()
    today = now.astimezone(ZoneInfo(home)).date()
    load: Load = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _LOAD,
            {
                "zone": home, "today": today, "channels": list(rule.channels), "campaign": rule.campaign_id,
                "midnight": at_wall_time(today, datetime.time(), home),
            },
        )  # fmt: skip
        for channel, day, own, count in cursor.fetchall():
            everybody, mine = load.get((channel, day), (0, 0))
            load[channel, day] = everybody + count, mine + (count if own else 0)
    return load
