"""manage.py nightly"""

import datetime
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clinic_crm import nightly


def a_date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"not a date: {text!r}; write 2026-01-31") from None


def a_number_of_days(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"not a number of days: {text!r}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Live through the night of today and the dates missed since the last one (more than a month: week by week), "
        "of one date (--as-of), or of a series of dates (--from --to --every)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=a_date, metavar="DATE", help="count everything up to the end of this date")
        parser.add_argument("--from", type=a_date, metavar="DATE", dest="first", help="the first date of a series")
        parser.add_argument("--to", type=a_date, metavar="DATE", dest="last", help="its last date; today when omitted")
        parser.add_argument("--every", type=a_number_of_days, metavar="DAYS", default=1, help="days between the dates")
        parser.add_argument("--full", action="store_true", help="recompute every patient, not only the changed")
        parser.add_argument("--refit", action="store_true", help="fit the borders anew")
        parser.add_argument(
            "--rewind", action="store_true", help="undo the finished nights from the given date on, and begin there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        how = {"full": options["full"], "refit": options["refit"], "report": self._say}
        try:
            dates = self._dates(options)
            today = timezone.localdate()
            # Once lived through, it would keep every night before it from running.
            if dates and dates[-1] > today:
                raise CommandError(f"{dates[-1]} has not come yet: today is {today}.")
            if dates is None:
                nightly.catch_up(today, **how)
            else:
                nightly.run_nights(dates, allow_rewind=options["rewind"], **how)
        except nightly.NightIsRunning:
            raise CommandError("Another process is living through a night; try again when it has finished.") from None
        except nightly.NightIsInThePast as problem:
            raise CommandError(f"{problem}; --rewind undoes the nights from there on.") from None
        except nightly.NightFailed as failure:
            raise CommandError(f"The night failed at {failure}. Started again, it goes on from there.") from failure

    def _dates(self, options: dict[str, Any]) -> list[datetime.date] | None:
        as_of, first, last = options["as_of"], options["first"], options["last"]
        if first is None and last is None:
            return [as_of] if as_of else None
        if as_of or first is None:
            raise CommandError("A series needs --from; --as-of is for a single date.")
        last = last or timezone.localdate()
        if first > last:
            raise CommandError(f"--from {first} is after --to {last}.")
        return nightly.series(first, last, options["every"])

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
