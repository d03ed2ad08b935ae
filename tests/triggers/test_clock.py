"""When steps fall due: tables by hand, and the database agreeing with the pure arithmetic."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from triggers.models import TriggerRule, TriggerStep
from triggers.services.finding import due_sql
from triggers.timing.clock import Timing, midnight, strikes

UTC = datetime.UTC
TEN = datetime.time(10)
ZONES = (
    "Europe/Moscow", "Asia/Vladivostok", "America/New_York", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe",
    "America/Havana", "Asia/Kathmandu", "Pacific/Kiritimati",
)  # fmt: skip


def utc(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DAYS = [
    # anchor day, days, time of day, zone, due in UTC
    ("2026-03-09", 0, TEN, "Europe/Moscow", utc(2026, 3, 9, 7)),
    ("2026-03-09", -7, TEN, "Asia/Vladivostok", utc(2026, 3, 2, 0)),
    ("2026-03-02", -7, TEN, "Europe/Moscow", utc(2026, 2, 23, 7)),
    ("2024-03-07", -7, TEN, "Europe/Moscow", utc(2024, 2, 29, 7)),
    ("2026-12-31", 1, TEN, "Pacific/Kiritimati", utc(2026, 12, 31, 20)),
    # The clock goes forward at two: half past two is half past three.
    ("2026-03-29", 0, datetime.time(2, 30), "Europe/Berlin", utc(2026, 3, 29, 1, 30)),
    ("2026-03-28", 1, datetime.time(2, 30), "Europe/Berlin", utc(2026, 3, 29, 1, 30)),
    # It goes back at three: half past two comes twice, the second one counts.
    ("2026-10-25", 0, datetime.time(2, 30), "Europe/Berlin", utc(2026, 10, 25, 1, 30)),
    # Before and after the change ten o'clock is ten o'clock.
    ("2026-03-28", 0, TEN, "Europe/Berlin", utc(2026, 3, 28, 9)),
    ("2026-03-28", 1, TEN, "Europe/Berlin", utc(2026, 3, 29, 8)),
    # A midnight that does not exist, and one that comes twice.
    ("2026-04-24", 0, datetime.time(0), "Africa/Cairo", utc(2026, 4, 23, 22)),
    ("2026-11-01", 0, datetime.time(0), "America/Havana", utc(2026, 11, 1, 5)),
    ("2026-04-05", 0, datetime.time(1, 45), "Australia/Lord_Howe", utc(2026, 4, 4, 15, 15)),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("day", "days", "time", "zone", "expected"), DAYS)
def test_days_by_the_clock_on_the_wall(
    day: str, days: int, time: datetime.time, zone: str, expected: datetime.datetime
) -> None:
    anchor = midnight(datetime.date.fromisoformat(day), zone)
    timing = Timing.of(days, "day", None, time, "day")
    assert timing.due(anchor, zone) == expected
    assert in_the_database(days, "day", None, time, "day", anchor, zone) == expected
    least, most = timing.bounds("day")
    assert least <= expected - anchor <= most


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("offset", "unit", "at", "expected"),
    [
        (2, "hour", None, utc(2026, 3, 28, 23, 30)),
        (-48, "hour", None, utc(2026, 3, 26, 21, 30)),
        (-30, "minute", None, utc(2026, 3, 28, 21, 0)),
        (1, "day", None, utc(2026, 3, 29, 21, 30)),  # exactly 24 hours, though the day has 23
        (1, "day", TEN, utc(2026, 3, 29, 8)),
        (36, "hour", TEN, utc(2026, 3, 29, 8)),  # hours are rounded down to days
        (-1, "hour", TEN, utc(2026, 3, 27, 9)),
    ],
)
def test_moments_count_exactly_or_to_a_time_of_day(
    offset: int, unit: str, at: datetime.time | None, expected: datetime.datetime
) -> None:
    anchor = utc(2026, 3, 28, 21, 30)  # half past ten in the evening in Berlin
    timing = Timing.of(offset, unit, at, datetime.time(7), "moment")
    assert timing.due(anchor, "Europe/Berlin") == expected
    assert in_the_database(offset, unit, at, datetime.time(7), "moment", anchor, "Europe/Berlin") == expected


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day=st.dates(datetime.date(2020, 1, 1), datetime.date(2030, 12, 31)),
    days=st.integers(-400, 400),
    minutes=st.integers(0, 24 * 60 - 1),
    zone=st.sampled_from(ZONES),
)
def test_the_database_reads_the_clock_alike(day: datetime.date, days: int, minutes: int, zone: str) -> None:
    time = datetime.time(minutes // 60, minutes % 60)
    anchor = midnight(day, zone)
    timing = Timing.of(days, "day", None, time, "day")
    due = timing.due(anchor, zone)
    assert in_the_database(days, "day", None, time, "day", anchor, zone) == due
    least, most = timing.bounds("day")
    assert least <= due - anchor <= most
    assert due.astimezone(ZoneInfo(zone)).date() == day + datetime.timedelta(days=days)


def test_it_strikes_ten_in_every_zone_of_its_own() -> None:
    zones = {"Europe/Moscow", "Asia/Vladivostok"}
    assert strikes(utc(2026, 11, 23, 6, 59), utc(2026, 11, 23, 7), {TEN}, zones)
    assert not strikes(utc(2026, 11, 23, 7), utc(2026, 11, 23, 7, 1), {TEN}, zones)
    assert strikes(utc(2026, 11, 22, 23, 59, 45), utc(2026, 11, 23, 0), {TEN}, zones)  # in Vladivostok
    assert not strikes(utc(2026, 11, 23, 0), utc(2026, 11, 23, 6, 59), {TEN}, zones)
    assert strikes(utc(2026, 11, 23, 0), utc(2026, 11, 25), {TEN}, {"Europe/Moscow"})
    assert strikes(utc(2026, 11, 22, 20, 59, 59), utc(2026, 11, 22, 21), {datetime.time(0)}, {"Europe/Moscow"})


def in_the_database(
    offset: int, unit: str, at: datetime.time | None, send_at: datetime.time, anchored: str,
    anchor: datetime.datetime, zone: str,
) -> datetime.datetime:  # fmt: skip
    step, rule = TriggerStep(offset=offset, unit=unit, at=at), TriggerRule(send_at=send_at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {due_sql(step, rule, anchored)} FROM (SELECT %s::timestamptz AS anchor_at, %s AS zone) x",
            [anchor, zone],
        )
        found = cursor.fetchone()[0]
        assert isinstance(found, datetime.datetime)
        return found
