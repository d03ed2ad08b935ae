"""Quiet hours by the clock on the patient's wall, also when clocks change."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.quiet_hours import next_allowed

UTC = datetime.UTC


def clock(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text)


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


# (zone, quiet from, quiet until, asked at in UTC, allowed at in UTC)
TABLE = [
    # Over midnight, Moscow (UTC+3, no daylight saving).
    ("Europe/Moscow", "21:00", "09:00", "2026-11-23 17:59:59", "2026-11-23 17:59:59"),
    ("Europe/Moscow", "21:00", "09:00", "2026-11-23 18:00", "2026-11-24 06:00"),
    ("Europe/Moscow", "21:00", "09:00", "2026-11-23 21:30", "2026-11-24 06:00"),
    ("Europe/Moscow", "21:00", "09:00", "2026-11-24 05:59:59", "2026-11-24 06:00"),
    ("Europe/Moscow", "21:00", "09:00", "2026-11-24 06:00", "2026-11-24 06:00"),
    # The same moment nine hours of the clock apart: Kaliningrad UTC+2, Vladivostok UTC+10, Kamchatka UTC+12.
    ("Europe/Kaliningrad", "21:00", "09:00", "2026-11-23 12:00", "2026-11-23 12:00"),
    ("Asia/Vladivostok", "21:00", "09:00", "2026-11-23 12:00", "2026-11-23 23:00"),
    ("Asia/Kamchatka", "21:00", "09:00", "2026-11-23 12:00", "2026-11-23 21:00"),
    # Within a day.
    ("Europe/Moscow", "13:00", "15:00", "2026-11-23 09:59", "2026-11-23 09:59"),
    ("Europe/Moscow", "13:00", "15:00", "2026-11-23 10:00", "2026-11-23 12:00"),
    ("Europe/Moscow", "13:00", "15:00", "2026-11-23 12:00", "2026-11-23 12:00"),
    # From and until midnight.
    ("Europe/Moscow", "21:00", "00:00", "2026-11-23 19:00", "2026-11-23 21:00"),
    ("Europe/Moscow", "00:00", "08:00", "2026-11-23 21:00", "2026-11-24 05:00"),
    # Equal: no quiet hours.
    ("Europe/Moscow", "09:00", "09:00", "2026-11-23 06:00", "2026-11-23 06:00"),
    ("Europe/Moscow", "00:00", "00:00", "2026-11-23 21:00", "2026-11-23 21:00"),
    # Berlin, 29 March 2026: 02:00 becomes 03:00. The night is an hour shorter.
    ("Europe/Berlin", "21:00", "09:00", "2026-03-28 20:00", "2026-03-29 07:00"),
    ("Europe/Berlin", "21:00", "09:00", "2026-03-28 19:59", "2026-03-28 19:59"),
    ("Europe/Berlin", "21:00", "02:30", "2026-03-29 00:59", "2026-03-29 01:30"),  # 02:30 is not; 03:30 summer time
    ("Europe/Berlin", "21:00", "02:30", "2026-03-29 01:29", "2026-03-29 01:30"),
    ("Europe/Berlin", "21:00", "02:30", "2026-03-29 01:30", "2026-03-29 01:30"),
    ("Europe/Berlin", "02:30", "04:00", "2026-03-29 00:29", "2026-03-29 00:29"),
    ("Europe/Berlin", "02:30", "04:00", "2026-03-29 00:30", "2026-03-29 02:00"),  # begins at 01:30 instead
    # Berlin, 25 October 2026: 03:00 becomes 02:00, and 02:30 comes twice.
    ("Europe/Berlin", "21:00", "09:00", "2026-10-24 19:00", "2026-10-25 08:00"),
    ("Europe/Berlin", "21:00", "02:30", "2026-10-25 00:29", "2026-10-25 01:30"),
    ("Europe/Berlin", "21:00", "02:30", "2026-10-25 00:45", "2026-10-25 01:30"),  # after the first 02:30
    ("Europe/Berlin", "21:00", "02:30", "2026-10-25 01:10", "2026-10-25 01:30"),  # the second 02:10
    ("Europe/Berlin", "21:00", "02:30", "2026-10-25 01:30", "2026-10-25 01:30"),
    ("Europe/Berlin", "02:30", "08:00", "2026-10-25 00:30", "2026-10-25 07:00"),  # from the first 02:30
    ("Europe/Berlin", "02:30", "08:00", "2026-10-25 01:10", "2026-10-25 07:00"),
    # New York, 8 March and 1 November 2026.
    ("America/New_York", "21:00", "08:00", "2026-03-08 02:00", "2026-03-08 12:00"),
    ("America/New_York", "21:00", "08:00", "2026-11-01 01:00", "2026-11-01 13:00"),
    ("America/New_York", "21:00", "01:30", "2026-11-01 05:45", "2026-11-01 06:30"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "begin", "end", "asked", "allowed"), TABLE)
def test_next_moment_outside_the_quiet_hours(zone: str, begin: str, end: str, asked: str, allowed: str) -> None:
    assert next_allowed(moment(asked), zone, clock(begin), clock(end)) == moment(allowed)


START = datetime.datetime(2025, 1, 1, tzinfo=UTC)
moments = st.integers(0, 3 * 365 * 86_400).map(lambda seconds: START + datetime.timedelta(seconds=seconds))
times = st.times().map(lambda t: t.replace(microsecond=0))
zones = st.sampled_from(
    ["Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Vladivostok", "Australia/Lord_Howe"]
)


@given(moments, zones, times, times)
def test_what_is_allowed_is_allowed_at_once_and_never_by_a_quiet_clock(
    asked: datetime.datetime, zone: str, begin: datetime.time, end: datetime.time
) -> None:
    allowed = next_allowed(asked, zone, begin, end)
    assert asked <= allowed <= asked + datetime.timedelta(hours=26)
    assert next_allowed(allowed, zone, begin, end) == allowed
    if begin != end:
        wall = allowed.astimezone(ZoneInfo(zone)).time()
        quiet = begin <= wall < end if begin < end else wall >= begin or wall < end
        changing = len(
            {(allowed + datetime.timedelta(hours=h)).astimezone(ZoneInfo(zone)).utcoffset() for h in (-30, 30)}
        )
        assert not quiet or changing > 1
