"""When a message may be read: the next moment outside the quiet hours, by the clock on the patient's wall.

Quiet hours are half-open: from 21:00 until 09:00 means that 21:00 is quiet and 09:00 is not. They may go over
midnight; equal ends mean that there are none. Every night's quiet hours are one stretch of time, and when clocks change
in it the doubtful hour is quiet:

- an hour that comes twice (the clock goes back from 03:00 to 02:00): quiet hours begin at the first 02:30 and end at
  the second;
- an hour that does not exist (the clock jumps from 02:00 to 03:00): they begin at 01:30 and end at 03:30 instead.
"""

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

ONE_DAY = datetime.timedelta(days=1)


def next_allowed(
    moment: datetime.datetime, zone: str, quiet_from: datetime.time, quiet_until: datetime.time
) -> datetime.datetime:
    """`moment` itself when it is not quiet, else the end of the quiet hours; in UTC."""
    moment = moment.astimezone(datetime.UTC)
    if quiet_from == quiet_until:
        return moment
    today = moment.astimezone(_zone(zone)).date()
    for begins_on in (today - ONE_DAY, today):
        ends_on = begins_on if quiet_from < quiet_until else begins_on + ONE_DAY
        if min(_moments(begins_on, quiet_from, zone)) <= moment < (end := at_wall_time(ends_on, quiet_until, zone)):
            return end
    return moment


def at_wall_time(day: datetime.date, time: datetime.time, zone: str) -> datetime.datetime:
    """The moment the clock on the wall shows `time` on `day`, in UTC: the later one when in doubt."""
    return max(_moments(day, time, zone))


def _moments(day: datetime.date, time: datetime.time, zone: str) -> tuple[datetime.datetime, datetime.datetime]:
    naive = datetime.datetime.combine(day, time, _zone(zone))
    return naive.astimezone(datetime.UTC), naive.replace(fold=1).astimezone(datetime.UTC)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
