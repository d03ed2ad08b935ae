"""Sentences of the call list."""

import datetime as dt
import zoneinfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.selectors.calls import COUNT_LIMIT, Today
from patients import wording


def bounded(count: int, limit: int) -> str:
    """A count that stops at a limit: «более 1 000»."""
    return _("more than %(n)s") % {"n": wording.number(limit)} if count > limit else wording.number(count)


def headline(due: int, overdue: int, today: Today) -> str:
    """What is to be done now and what has been done today."""
    if due > COUNT_LIMIT:
        first = _("More than %(n)s patients wait for a call.") % {"n": wording.number(COUNT_LIMIT)}
    elif due:
        first = ngettext("%(n)s patient waits for a call", "%(n)s patients wait for a call", due)
        first = first % {"n": wording.number(due)}
        first += (_(", %(n)s of them since earlier days.") % {"n": wording.number(overdue)}) if overdue else "."
    else:
        first = _("Nobody waits for a call now.")
    return f"{first} {_done(today)}"


def _done(today: Today) -> str:
    if not today.mine:
        return _("You have not called anybody today.")
    called = ngettext("You made %(n)s call today", "You made %(n)s calls today", today.mine)
    booked = ngettext("%(n)s patient booked.", "%(n)s patients booked.", today.booked_mine)
    return f"{called % {'n': wording.number(today.mine)}}, {booked % {'n': wording.number(today.booked_mine)}}"


def moment(at: dt.datetime, zone: zoneinfo.ZoneInfo) -> str:
    """Day and time where the patient lives: «23.11.2026, 10:00»."""
    local = at.astimezone(zone)
    return f"{wording.short_day(local.date())}, {formats.time_format(local.time(), 'H:i')}"
