"""The whole months in which somebody came for the first time, chosen in the address of a page."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from patients import wording

MONTHS_BACK, DEFAULT_MONTHS = 60, 24


@dataclass(frozen=True)
class Months:
    """Whole months: the first day of the first and the last day of the last."""

    since: dt.date
    until: dt.date


def month_before(day: dt.date, months: int) -> dt.date:
    """The first day of the month so many months before."""
    count = day.year * 12 + day.month - 1 - months
    return dt.date(count // 12, count % 12 + 1, 1)


def chosen_months(query: Mapping[str, str], as_of: dt.date) -> Months:
    """`from` and `to` of the address as YYYY-MM, in order; without them the last two years of whole months."""
    offered = {f"{day:%Y-%m}": day for day in _months(as_of)}
    last = offered.get(query.get("to", ""), month_before(as_of, 1))
    first = offered.get(query.get("from", ""), month_before(last, DEFAULT_MONTHS - 1))
    first, last = min(first, last), max(first, last)
    return Months(first, month_before(last, -1) - dt.timedelta(days=1))


def _months(as_of: dt.date) -> list[dt.date]:
    return [month_before(as_of, months) for months in range(MONTHS_BACK)]


def month_filters(chosen: Months, as_of: dt.date) -> list[dict[str, Any]]:
    """Fields of components/_filter_bar.html."""
    options = [(f"{day:%Y-%m}", wording.month(day)) for day in _months(as_of)]
    return [
        {"name": "from", "label": _("First visit from"), "kind": "select", "value": f"{chosen.since:%Y-%m}",
         "options": options},
        {"name": "to", "label": pgettext("period", "to"), "kind": "select", "value": f"{chosen.until:%Y-%m}",
         "options": options},
    ]  # fmt: skip
