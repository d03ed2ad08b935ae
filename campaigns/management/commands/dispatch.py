"""manage.py dispatch"""

import datetime
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.models import Channel, Message
from campaigns.services.sending import dispatch
from campaigns.services.sending.coordinating import MOST_CLAIMED


def a_moment(text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"not a time: {text!r}; write 2026-01-31T10:00") from None
    return moment if moment.tzinfo else timezone.make_aware(moment)


def a_number(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"not a number of messages: {text!r}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Send what is due, on every channel or on one, and end. Any number of these and of the workers may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", choices=Channel.values, action="append", help="only this one; may be repeated")
        parser.add_argument("--now", type=a_moment, metavar="TIME", help="as if it were this time (ISO 8601)")
        parser.add_argument("--limit", type=a_number, metavar="N", help="at most so many messages per channel")
        parser.add_argument(
            "--once", action="store_true", help=f"one batch per channel: at most {MOST_CLAIMED} messages"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        moment, limit = options["now"], options["limit"]
        if options["once"]:
            limit = min(limit or MOST_CLAIMED, MOST_CLAIMED)
        notes = []
        for channel in options["channel"] or Channel.values:
            try:
                report = dispatch.run(channel, (lambda: moment) if moment else timezone.now, limit=limit)
            except Exception as error:
                raise CommandError(f"{channel}: {type(error).__name__}; what was sent is written down.") from error
            self.stdout.write(f"{channel}: {_summary(report)}")
            if report.note and not report.claimed:
                notes.append(channel)
        if notes:
            raise CommandError(f"Nothing could be sent on: {', '.join(notes)}.")


def _summary(report: dispatch.Report) -> str:
    told = [f"{report.states[state]} {state}" for state in Message.State.values if report.states[state]]
    return (", ".join(told) or "nothing was due") + (f" ({report.note})" if report.note else "")
