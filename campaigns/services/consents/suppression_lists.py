"""Many addresses suppressed at once: pasted or from a file, each line answered for."""

import csv
import datetime as dt
import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from campaigns.models import Suppression
from campaigns.services.consents import suppressions

MOST = 100_000
SHOWN = 200


@dataclass(frozen=True)
class Refused:
    """A line that could not be taken, with what stood in it."""

    number: int
    text: str
    problem: str


@dataclass
class Report:
    """What became of the lines. Addresses are shown masked, and only here: what is stored is their hash."""

    lines: int = 0
    added: int = 0
    known: int = 0
    refused: list[Refused] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)


def addresses_of(text: str) -> Iterable[tuple[int, str]]:
    """The first cell of every line of a CSV or of a pasted list that is not blank, with the number of the line."""
    sniffed = next((mark for mark in (";", "\t", ",") if mark in text.partition("\n")[0]), ",")
    for number, cells in enumerate(csv.reader(io.StringIO(text), delimiter=sniffed), 1):
        for cell in cells[:1]:
            if cell.strip():
                yield number, cell.strip()


def add(
    text: str, channel: str, reason: str, now: dt.datetime, *, marketing_only: bool = True, note: str = ""
) -> Report:
    """Suppress every address of the text on the channel; those that are so already stay as they are."""
    report = Report()
    found: dict[str, str] = {}
    for number, word in addresses_of(text):
        address = suppressions.readable(channel, word)
        if address is not None:
            report.lines += 1
            found.setdefault(address.lower(), address)
        elif number > 1 or any(letter.isdigit() or letter == "@" for letter in word):  # else a heading
            report.lines += 1
            report.refused.append(Refused(number, word[:40], _problem(channel)))
    report.masked = [suppressions.masked(address) for address in list(found.values())[:SHOWN]]
    keys = suppressions.address_keys(list(found.values()))
    before = Suppression.objects.filter(
        channel=channel, reason=reason, lifted_at__isnull=True, address_key__in=keys
    ).count()
    suppressions.suppress_many((channel, key, reason, marketing_only, None, note[:200], now) for key in keys)
    report.added = len(set(keys)) - before
    report.known = report.lines - len(report.refused) - report.added
    return report


def _problem(channel: str) -> str:
    return _("This is no e-mail address.") if channel == "email" else _("This is no phone number.")
