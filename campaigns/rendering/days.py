"""Dates in a text that write themselves as one says them, also when the marketer has forgotten the filter."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from campaigns.rendering.filters import written_date


class Day(dt.date):
    """A date of a patient, an offer, a visit: `{{ last_visit.date }}` is «24 октября 2025 г.», never 2025-10-24."""

    language: str

    @classmethod
    def of(cls, day: dt.date, language: str) -> "Day":
        made = cls(day.year, day.month, day.day)
        made.language = language
        return made

    def __str__(self) -> str:
        return written_date(self, self.language, "")


def with_days(values: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The values of a text, every date among them (at most one level down) as a Day."""
    return {
        name: {leaf: _day(inner, language) for leaf, inner in value.items()}
        if type(value) is dict
        else _day(value, language)
        for name, value in values.items()
    }


def _day(value: Any, language: str) -> Any:
    return Day.of(value, language) if type(value) is dt.date else value
