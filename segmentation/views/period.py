"""Dates in the address: the night a page shows, the period whose moves it shows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients import wording

DEFAULT_DAYS = 90


@dataclass(frozen=True)
class Period:
    """Moves of the nights after `since` up to and including `until`."""

    since: dt.date
    until: dt.date

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    def filters(self) -> list[dict[str, Any]]:
        """Fields of components/_filter_bar.html."""
        today = self.until.isoformat()
        return [
            {"name": "from", "label": _("Moves from"), "kind": "date", "value": self.since.isoformat(), "max": today},
            {"name": "to", "label": pgettext_lazy("period", "to"), "kind": "date", "value": today},
        ]


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text or "")
    except ValueError:
        return None


def chosen_night(query: Mapping[str, str], nights: Sequence[dt.date]) -> dt.date | None:
    """The night in the address when its totals are stored, else the last one."""
    asked = _date(query.get("night"))
    return asked if asked in nights else (nights[0] if nights else None)


def chosen_period(query: Mapping[str, str], latest: dt.date) -> Period:
    """`from` and `to` of the address in order; without them the last 90 days."""
    until = _date(query.get("to")) or latest
    since = _date(query.get("from")) or _days_before(until, DEFAULT_DAYS)
    return Period(min(since, until), max(since, until))


def _days_before(day: dt.date, days: int) -> dt.date:
    return max(day, dt.date(1900, 1, 1)) - dt.timedelta(days)


def night_filter(night: dt.date | None, nights: Sequence[dt.date]) -> dict[str, Any]:
    """The night as a field of components/_filter_bar.html: a fortnight, then the last night of each month."""
    shown: list[dt.date] = []
    for date in nights:
        if not shown or len(shown) < 14 or (date.year, date.month) != (shown[-1].year, shown[-1].month):
            shown.append(date)
    if night and night not in shown:
        shown = sorted({*shown, night}, reverse=True)
    options = [(date.isoformat(), wording.day(date)) for date in shown]
    return {
        "name": "night", "label": _("As of"), "kind": "select", "value": night.isoformat() if night else "",
        "options": options,
    }  # fmt: skip
