"""When a step of a ladder falls due, counted from the anchor of its occasion.

A step is due either exactly so long after the anchor, or at a time of day by the clock on the branch's wall, so many
days from the anchor's day. A wall clock that is set forward or back makes some times doubtful: then the later moment
counts, as in campaigns.planning.quiet_hours. `services.finding.due_sql` says the same to the database.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.planning.quiet_hours import at_wall_time

ONE_DAY = datetime.timedelta(days=1)
ONE_HOUR = datetime.timedelta(hours=1)
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Timing:
    """`at` is None: exactly `exactly` after the anchor. Otherwise at that time of day, `days` after the anchor's."""

    exactly: datetime.timedelta
    days: int
    at: datetime.time | None

    @classmethod
    def of(cls, offset: int, unit: str, at: datetime.time | None, send_at: datetime.time, anchored: str) -> "Timing":
        """Of a step: `at` empty means that of the rule (`send_at`) when the anchor is a day, none when a moment.
        Hours before or after a day are rounded down to days."""
        exactly = datetime.timedelta(seconds=offset * _SECONDS[unit])
        return cls(exactly, exactly // ONE_DAY, at or (send_at if anchored == "day" else None))

    def due(self, anchor: datetime.datetime, zone: str) -> datetime.datetime:
        """The moment the step falls due, in UTC. For an anchor that is a day: its midnight (`midnight`)."""
        if self.at is None:
            return (anchor + self.exactly).astimezone(datetime.UTC)
        day = anchor.astimezone(_zone(zone)).date() + datetime.timedelta(days=self.days)
        return at_wall_time(day, self.at, zone)

    def bounds(self, anchored: str) -> tuple[datetime.timedelta, datetime.timedelta]:
        """The least and the most time that may lie between the anchor and the step, whatever the zone."""
        if self.at is None:
            return self.exactly, self.exactly
        time = datetime.timedelta(hours=self.at.hour, minutes=self.at.minute, seconds=self.at.second)
        wall = datetime.timedelta(days=self.days) + time
        # A moment lies anywhere in its day; the clock may be set between the two.
        earlier = ONE_DAY if anchored == "moment" else datetime.timedelta()
        return wall - earlier - ONE_HOUR, wall + ONE_HOUR


def midnight(day: datetime.date, zone: str) -> datetime.datetime:
    """The anchor of an occasion that is a day, in UTC."""
    return at_wall_time(day, datetime.time(), zone)


def strikes(
    after: datetime.datetime, until: datetime.datetime, times: Collection[datetime.time], zones: Collection[str]
) -> bool:
    """Whether one of the times of day comes in any of the zones after `after`, up to `until`."""
    if until - after >= ONE_DAY:
        return bool(times)
    for zone in zones:
        day = after.astimezone(_zone(zone)).date() - ONE_DAY
        days = [day + ONE_DAY * n for n in range(4)]
        if any(after < at_wall_time(one, time, zone) <= until for one in days for time in times):
            return True
    return False


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
