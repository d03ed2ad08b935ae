"""How many messages on which day."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.warm_up import Pace, by_day, warm_up

FIRST = datetime.date(2026, 11, 23)


def no_limit(_channel: str, _day: int) -> int | None:
    return None


@pytest.mark.parametrize(
    ("day", "start", "growth", "expected"),
    [(0, 500, 1.5, 500), (1, 500, 1.5, 750), (2, 500, 1.5, 1125), (3, 500, 1.5, 1687), (9, 10, 1.0, 10),
     (5, 0, 2.0, 0), (400, 500, 1.5, None)],
)  # fmt: skip
def test_every_day_takes_more_than_the_one_before(day: int, start: int, growth: float, expected: int | None) -> None:
    assert warm_up(day, start, growth) == expected


def test_a_warm_up_ends_at_the_daily_limit_of_the_channel() -> None:
    pace = Pace(per_day=1000, since=FIRST, start=500, growth=1.5)
    assert [pace.on(FIRST + datetime.timedelta(n)) for n in (-1, 0, 1, 2, 3)] == [500, 500, 750, 1000, 1000]
    assert Pace().unlimited and Pace().on(FIRST) is None
    assert Pace(per_day=7).on(FIRST) == 7


@pytest.mark.parametrize(
    ("messages", "per_day", "expected"),
    [
        ({"email": 5}, None, [{"email": 5}]),
        ({"email": 5}, 2, [{"email": 2}, {"email": 2}, {"email": 1}]),
        ({"email": 6, "sms": 3}, 3, [{"email": 2, "sms": 1}] * 3),
        ({"email": 1, "sms": 1}, 1, [{"email": 1}, {"sms": 1}]),
        ({}, 3, []),
        ({"email": 0}, None, []),
    ],
)
def test_pace_of_a_campaign_is_shared_by_its_channels(messages: Any, per_day: int | None, expected: Any) -> None:
    assert by_day(messages, per_day, no_limit) == expected


def test_a_limited_channel_leaves_its_room_to_the_others() -> None:
    def room(channel: str, day: int) -> int | None:
        return 1 if channel == "sms" else None

    assert by_day({"email": 10, "sms": 10}, 10, room)[0] == {"email": 9, "sms": 1}


def test_full_days_are_passed_over_and_the_horizon_ends_it() -> None:
    assert by_day({"email": 3}, None, lambda _channel, day: 0 if day < 2 else 2) == [{}, {}, {"email": 2}, {"email": 1}]
    assert by_day({"email": 3}, None, lambda *_: -5, horizon=10) == []
    assert sum(day["email"] for day in by_day({"email": 99}, 1, no_limit, horizon=10)) == 10


def test_what_the_campaign_has_on_a_day_already_counts() -> None:
    assert by_day({"email": 5}, 3, no_limit, taken=lambda day: 2 if day == 0 else 0) == [
        {"email": 1}, {"email": 3}, {"email": 1},
    ]  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["email", "sms", "call"]), st.integers(0, 200)),
    st.none() | st.integers(1, 40),
    st.lists(st.none() | st.integers(-3, 30), min_size=1, max_size=5),
)
def test_nobody_is_lost_and_no_limit_broken(
    messages: dict[str, int], pace: int | None, rooms: list[int | None]
) -> None:
    def room(channel: str, day: int) -> int | None:
        return rooms[(day + len(channel)) % len(rooms)]

    days = by_day(messages, pace, room, horizon=300)
    for number, day in enumerate(days):
        assert pace is None or sum(day.values()) <= pace
        assert all(room(channel, number) is None or count <= room(channel, number) for channel, count in day.items())
    total = {channel: sum(day.get(channel, 0) for day in days) for channel in messages}
    assert all(total[channel] <= count for channel, count in messages.items())
    if len(days) < 300 and any(one is None or one > 0 for one in rooms):
        assert total == messages
