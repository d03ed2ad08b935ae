"""manage.py read_bounces"""

import contextlib
import imaplib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.services.hearing import inbound

_TIMEOUT = 30


class Command(BaseCommand):
    help = (
        "Read bounces and complaints: one mail from stdin, the new mails of a maildir (--maildir), or the unread mails"
        " of an IMAP folder (--imap, address in BOUNCES_IMAP_URL). What was read is marked and not read again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--maildir", type=Path, metavar="DIR", help="mails are moved from new/ to cur/")
        source.add_argument("--imap", action="store_true", help="imaps://user:password@host/FOLDER of BOUNCES_IMAP_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        """A mail is marked after what it says is committed: a run that was killed reads it again, in vain."""
        if options["maildir"]:
            mails = from_maildir(options["maildir"])
        elif options["imap"]:
            mails = from_imap(os.environ.get("BOUNCES_IMAP_URL", ""))
        else:
            mails = iter([sys.stdin.buffer.read()])
        read = news = 0
        for raw in mails:
            news += inbound.mail(raw, timezone.now())
            read += 1
        self.stdout.write(f"{read} read, {news} noted")


def from_maildir(directory: Path) -> Iterator[bytes]:
    if not (directory / "new").is_dir() or not (directory / "cur").is_dir():
        raise CommandError(f"{directory} is no maildir: it has no new/ and cur/.")
    for path in sorted((directory / "new").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # another run was faster
            raw = path.read_bytes()
            yield raw
            path.rename(directory / "cur" / f"{path.name}:2,S")


def from_imap(url: str) -> Iterator[bytes]:
    place = urlsplit(url)
    if place.scheme not in ("imap", "imaps") or not place.hostname or not place.username:
        raise CommandError("BOUNCES_IMAP_URL must look like imaps://user:password@host/INBOX.")
    secure = place.scheme == "imaps"
    try:
        box = (
            imaplib.IMAP4_SSL(place.hostname, place.port or 993, timeout=_TIMEOUT)
            if secure
            else imaplib.IMAP4(place.hostname, place.port or 143, timeout=_TIMEOUT)
        )
        with box:
            yield from _unseen(box, unquote(place.username), unquote(place.password or ""), place.path.strip("/"))
    except (imaplib.IMAP4.error, OSError) as error:
        # The server's words may repeat the login.
        raise CommandError(f"The mailbox at {place.hostname} cannot be read: {type(error).__name__}.") from None


def _unseen(box: imaplib.IMAP4, user: str, password: str, folder: str) -> Iterator[bytes]:
    box.login(user, password)
    status, _data = box.select(f'"{unquote(folder) or "INBOX"}"')
    if status != "OK":
        raise CommandError(f"There is no folder {folder!r}.")
    _status, found = box.uid("SEARCH", "UNSEEN")
    for uid in (found[0] or b"").split():
        _status, parts = box.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
        raw = next((part[1] for part in parts or [] if isinstance(part, tuple)), None)
        if isinstance(raw, bytes):
            yield raw
            box.uid("STORE", uid.decode(), "+FLAGS", r"(\Seen)")
