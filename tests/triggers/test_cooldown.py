"""Not again within so many days."""

import datetime
import itertools

from hypothesis import given
from hypothesis import strategies as st

from triggers.timing.cooldown import cooled

DAY = datetime.timedelta(days=1)
ZERO = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)


def on(*days: float) -> list[tuple[str, datetime.datetime]]:
    return [("anna", ZERO + DAY * day) for day in days]


def test_exactly_so_many_days_later_is_not_too_soon() -> None:
    assert cooled(on(0, 30), 30) == [False, False]
    assert cooled(on(0, 29.99), 30) == [False, True]


def test_who_comes_too_soon_keeps_nobody_else_waiting() -> None:
    assert cooled(on(0, 20, 40), 30) == [False, True, False]


def test_of_two_at_one_moment_the_first_named_begins() -> None:
    assert cooled(on(5, 5), 1) == [False, True]


def test_a_late_found_occasion_comes_too_soon_before_one_that_has_begun() -> None:
    begun = {"anna": [ZERO + 10 * DAY]}
    assert cooled(on(5), 7, begun) == [True]
    assert cooled(on(3), 7, begun) == [False]


def test_patients_do_not_know_of_each_other_and_no_days_keep_nobody() -> None:
    assert cooled([("anna", ZERO), ("boris", ZERO)], 365) == [False, False]
    assert cooled(on(0, 0, 0), 0) == [False, False, False]


@given(st.lists(st.integers(0, 200), max_size=25), st.integers(1, 60), st.lists(st.integers(0, 200), max_size=3))
def test_ladders_that_begin_are_far_enough_apart_and_nobody_waits_without_a_reason(
    days: list[int], rest: int, before: list[int]
) -> None:
    known = {"anna": [ZERO + DAY * day for day in before]}
    answer = cooled(on(*days), rest, known)
    begun = sorted(day for day, rests in zip(days, answer, strict=True) if not rests)
    assert all(later - earlier >= rest for earlier, later in itertools.pairwise(begun))
    assert all(abs(day - other) >= rest for day in begun for other in before)
    for day, rests in zip(days, answer, strict=True):
        if rests:
            assert any(abs(day - other) < rest for other in [*begun, *before])
