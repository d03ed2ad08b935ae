"""The queue for free places: longest overdue first, each once, no more than there are places."""

import datetime
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from triggers.timing.filling import fill

D0 = datetime.date(2026, 3, 1)
DAY = datetime.timedelta(days=1)


class One(NamedTuple):
    patient: int
    enters: datetime.date
    leaves: datetime.date


def queue(stays: list[tuple[int, int]]) -> list[One]:
    return [One(n, D0 + enters * DAY, D0 + (enters + stay) * DAY) for n, (enters, stay) in enumerate(sorted(stays))]


stays = st.lists(st.tuples(st.integers(-10, 12), st.integers(0, 15)), max_size=25)
days = st.lists(st.integers(-1, 5), max_size=12)


@given(stays, days, st.sets(st.integers(0, 24)))
def test_it_is_what_one_would_do_by_hand(stays: list[tuple[int, int]], free: list[int], known: set[int]) -> None:
    people, asked, by_hand = queue(stays), set(known), []
    for n, number in enumerate(free):
        day = D0 + n * DAY
        here = [one for one in people if one.enters <= day <= one.leaves and one.patient not in asked]
        for one in here[: max(number, 0)]:
            asked.add(one.patient)
            by_hand.append((day, one))
    filled = fill(people, [(D0 + n * DAY, number) for n, number in enumerate(free)], known)
    assert filled.asked == by_hand


@given(stays, days)
def test_what_is_decided_of_the_first_days_does_not_depend_on_the_last(
    stays: list[tuple[int, int]], free: list[int]
) -> None:
    places = [(D0 + n * DAY, number) for n, number in enumerate(free)]
    whole = fill(queue(stays), places).asked
    for n in range(len(places)):
        assert fill(queue(stays), places[:n]).asked == [row for row in whole if row[0] < D0 + n * DAY]


def test_it_says_when_the_queue_was_too_short_to_tell() -> None:
    assert fill(queue([(0, 5)]), [(D0, 2)]).short
    assert not fill(queue([(0, 5), (3, 5)]), [(D0, 2)]).short
    assert not fill(queue([(0, 5)]), [(D0, 1)]).short
