"""Days that come back every year, and 29 February, which does not."""

import datetime
from collections.abc import Collection, Iterator
from typing import NamedTuple

DAY = datetime.timedelta(days=1)


class Anniversary(NamedTuple):
    """`begun` (a date of birth, of a first visit) is `years` old on `day`."""

    begun: datetime.date
    day: datetime.date
    years: int


def in_year(begun: datetime.date, year: int, *, leap_in_march: bool = False) -> datetime.date:
    """The day a date comes back in a year. 29 February in a common year: 28 February, or 1 March."""
    try:
        return begun.replace(year=year)
    except ValueError:
        return datetime.date(year, 3, 1) if leap_in_march else datetime.date(year, 2, 28)


def falling_on(
    first: datetime.date, last: datetime.date, years: Collection[int], *, leap_in_march: bool = False
) -> Iterator[Anniversary]:
    """Every date that is so many years old on one of the days `first` … `last`."""
    day = first
    while day <= last:
        for number in sorted(years):
            if day.year > number:
                for begun in _came_back_on(day, day.year - number, leap_in_march):
                    yield Anniversary(begun, day, number)
        day += DAY


def _came_back_on(day: datetime.date, year: int, leap_in_march: bool) -> Iterator[datetime.date]:
    """The dates of a year that come back on this day: one, none or two."""
    own = (day.month, day.day)
    if own != (2, 29) or _leap(year):
        yield day.replace(year=year)
    if own == ((3, 1) if leap_in_march else (2, 28)) and _leap(year) and not _leap(day.year):
        yield datetime.date(year, 2, 29)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
