"""Spans of the calendar before and after a day.

"12–18 months ago" are the days of (day − 18 months, day − 12 months], "in 1–2 weeks" those of [day + 1 week,
day + 2 weeks): the border nearer to the day belongs to the span, the farther one does not. So spans that follow one
another cover every day exactly once, "the last 30 days" are thirty days with the day itself, and the same holds for
"the next 30 days". Months and years are those of the calendar; a day the month does not have becomes its last one:
31 August − 6 months is 28 February, or 29 in a leap year.
"""

import calendar
import datetime
from collections.abc import Mapping
from typing import Any, NamedTuple

Day = datetime.date

UNITS = ("days", "weeks", "months", "years")
LONGEST = {"days": 36525, "weeks": 5218, "months": 1200, "years": 100}


class Span(NamedTuple):
    """Days `first` … `last`, both included; None is no border on that side."""

    first: Day | None
    last: Day | None

    @property
    def empty(self) -> bool:
        return self.first is not None and self.last is not None and self.first > self.last


def shifted(day: Day, number: int, unit: str) -> Day:
    """`day` moved by so many units, backwards when negative; kept within the calendar of the database."""
    number = int(number)  # JSON knows one kind of number: 5.0 is a whole one
    try:
        if unit in ("days", "weeks"):
            return day + datetime.timedelta(days=number * (7 if unit == "weeks" else 1))
        months = day.year * 12 + day.month - 1 + number * (12 if unit == "years" else 1)
        year, month = divmod(months, 12)
        return Day(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    except (ValueError, OverflowError):
        return Day.min if number < 0 else Day.max


def past(day: Day, window: Mapping[str, Any]) -> Span:
    """The days a window `{"from", "to", "unit"}` back from `day` covers: (day − to, day − from]."""
    start, end, unit = window.get("from") or 0, window.get("to"), window["unit"]
    first = shifted(day, -end, unit) + datetime.timedelta(days=1) if end is not None else None
    return Span(first, shifted(day, -start, unit))


def coming(day: Day, window: Mapping[str, Any]) -> Span:
    """The days a window ahead of `day` covers: [day + from, day + to)."""
    start, end, unit = window.get("from") or 0, window.get("to"), window["unit"]
    last = shifted(day, end, unit) - datetime.timedelta(days=1) if end is not None else None
    return Span(shifted(day, start, unit), last)


def anniversaries(span: Span) -> list[int]:
    """The days of a year within a span, as month × 100 + day. 29 February is kept on the 28th of a common year."""
    if span.first is None or span.last is None or (span.last - span.first).days >= 365:
        return [
            month * 100 + day for month in range(1, 13) for day in range(1, calendar.monthrange(2024, month)[1] + 1)
        ]
    days = [span.first + datetime.timedelta(days=n) for n in range((span.last - span.first).days + 1)]
    found = {day.month * 100 + day.day for day in days}
    if any((day.month, day.day) == (2, 28) and not calendar.isleap(day.year) for day in days):
        found.add(229)
    return sorted(found)


def month_of(day: Day, ahead: int = 0) -> Span:
    """The whole calendar month of `day`, or one of the following."""
    first = shifted(day.replace(day=1), ahead, "months")
    return Span(first, shifted(first, 1, "months") - datetime.timedelta(days=1))
