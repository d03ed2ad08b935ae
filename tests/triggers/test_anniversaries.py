"""Days that come back every year; 29 February does not."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from triggers.timing.anniversaries import DAY, falling_on, in_year

D = datetime.date
dates = st.dates(D(1900, 1, 1), D(2030, 12, 31))


def test_29_february_comes_back_on_the_28th_or_on_1_march() -> None:
    born = D(2000, 2, 29)
    assert in_year(born, 2026) == D(2026, 2, 28)
    assert in_year(born, 2026, leap_in_march=True) == D(2026, 3, 1)
    assert in_year(born, 2028) == in_year(born, 2028, leap_in_march=True) == D(2028, 2, 29)
    assert in_year(D(1900, 3, 1), 1900) == D(1900, 3, 1)


def test_both_who_were_born_on_the_28th_and_on_the_29th_are_found_on_the_28th() -> None:
    found = {one.begun for one in falling_on(D(2026, 2, 28), D(2026, 2, 28), [26])}
    assert found == {D(2000, 2, 28), D(2000, 2, 29)}
    assert {one.begun for one in falling_on(D(2028, 2, 28), D(2028, 2, 28), [28])} == {D(2000, 2, 28)}
    assert {one.begun for one in falling_on(D(2100, 2, 28), D(2100, 2, 28), [100])} == {D(2000, 2, 28), D(2000, 2, 29)}


@given(dates, st.integers(0, 40), st.integers(1, 110), st.booleans())
def test_it_finds_exactly_the_dates_that_come_back(first: D, length: int, years: int, march: bool) -> None:
    last = first + length * DAY
    if first.year <= years + 1:
        return
    found = list(falling_on(first, last, [years], leap_in_march=march))
    by_hand = []
    begun = D(first.year - years - 1, 12, 1)
    while begun <= D(last.year - years, 12, 31):
        day = in_year(begun, begun.year + years, leap_in_march=march)
        if first <= day <= last:
            by_hand.append((begun, day, years))
        begun += DAY
    assert sorted(found) == sorted(by_hand)


@given(dates, st.integers(0, 60), st.integers(0, 60))
def test_two_stretches_side_by_side_give_what_both_together_give(first: D, one: int, more: int) -> None:
    middle, last = first + one * DAY, first + (one + 1 + more) * DAY
    parts = [*falling_on(first, middle, [1, 18, 40]), *falling_on(middle + DAY, last, [1, 18, 40])]
    assert parts == list(falling_on(first, last, [1, 18, 40]))
