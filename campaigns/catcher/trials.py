"""Addresses that fail on purpose, so that everything which may go wrong can be tried at home (docs/channels.md).

A word of the local part, between dots, dashes, plus signs or the ends: `anna.bounce@…`, `later@…`. Telephone numbers
go by their last six digits.
"""

import re
from enum import StrEnum


class Trial(StrEnum):
    NOBODY = "bounce"  # refused: no such mailbox, no such number
    LATER = "later"  # not now
    FULL = "full"  # refused: the mailbox is full, which says nothing about the address
    POLICY = "blocked"  # refused by policy
    GONE = "gone"  # accepted, then returned as undeliverable
    SPAM = "spam"  # accepted, then complained of
    SILENT = "silent"  # accepted, and the answer is lost


_WORDS = re.compile(rf"(?:^|[._+-])({'|'.join(Trial)})(?:$|[._+-])", re.IGNORECASE)
_NUMBERS = {
    "000001": Trial.NOBODY,
    "000002": Trial.LATER,
    "000003": Trial.GONE,
    "000004": Trial.SILENT,
    "000005": Trial.POLICY,
}
REPLIES = {
    Trial.NOBODY: "550 5.1.1 The mailbox does not exist",
    Trial.LATER: "451 4.7.1 Greylisted, please try again later",
    Trial.FULL: "552 5.2.2 The mailbox is full",
    Trial.POLICY: "554 5.7.1 Message refused by policy",
}


def of_mail(address: str) -> Trial | None:
    found = _WORDS.search(address.rpartition("@")[0])
    return Trial(found[1].lower()) if found else None


def of_number(number: str) -> Trial | None:
    return _NUMBERS.get(number[-6:])
