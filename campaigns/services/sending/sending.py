"""Threads that hand lots over to the provider, each with an open session of its own."""

import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.utils.translation import gettext as _

from campaigns.channels.base import Channel, Envelope, Receipt, Session, Status
from campaigns.services.sending.envelopes import Ready

log = logging.getLogger(__name__)
# So many "later" or no answers in a row, and nothing accepted or refused between them, are not about single addresses.
WITHOUT_ANSWER_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """The session stands: the provider can be reached."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session ended or never opened; `why` in the provider's words, "" when it was asked to end."""

    why: str
    was_open: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a lot: an answer for each that was taken, and those that certainly were not."""

    receipts: list[Receipt]
    untouched: list[int]


@dataclass
class Trouble:
    """Shared by the senders of a channel: once something is wrong with all of it, nobody takes more."""

    why: str = ""
    _unanswered: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_there(self) -> bool:
        return self._stop.is_set()

    def tell(self, why: str) -> None:
        if not self._stop.is_set():
            self.why = why
            self._stop.set()

    def judge(self, receipt: Receipt) -> None:
        """FAILED is about the account by definition; a long row of POSTPONED or UNKNOWN is about the server.

        A gateway that answers every request with a page of its own would make a whole campaign `unknown`.
        """
        if receipt.status == Status.FAILED:
            self.tell(receipt.error or _("the channel failed"))
        elif receipt.status in (Status.POSTPONED, Status.UNKNOWN):
            self._unanswered += 1
            if self._unanswered >= WITHOUT_ANSWER_IN_A_ROW:
                self.tell(receipt.error or _("the server asks to try later"))
        else:
            self._unanswered = 0


class Sender(threading.Thread):
    """Takes lots from `inbox` until it finds None there; tells everything to `outbox`."""

    def __init__(
        self, channel: Channel, inbox: "queue.SimpleQueue[list[Ready] | None]", outbox: "queue.SimpleQueue[Any]",
        trouble: Trouble,
    ) -> None:  # fmt: skip
        super().__init__(name="dispatch-sender", daemon=True)
        self._channel, self._inbox, self._outbox, self._trouble = channel, inbox, outbox, trouble

    def run(self) -> None:
        why, opened = "the session ended", False
        try:
            with self._channel.open() as session:
                opened = True
                self._outbox.put(Opened())
                while (lot := self._inbox.get()) is not None:
                    self._outbox.put(self._send(session, lot))
            why = ""
        except ConnectionError as error:
            why = str(error) or type(error).__name__
        except Exception as error:
            # The kind of error only: the database quotes rows in its details, and this may be the call list.
            log.error("a session of the channel %s failed: %s", self._channel.code, type(error).__name__)
            why = type(error).__name__
        finally:
            connections.close_all()  # those of this thread: the call list is in our own database
            self._outbox.put(Closed(why, opened))

    def _send(self, session: Session, lot: list[Ready]) -> Done:
        taken: set[int] = set()
        receipts: dict[int, Receipt] = {}

        def envelopes() -> Iterator[Envelope]:
            for ready in lot:
                if self._trouble.is_there:
                    return
                taken.add(ready.message_id)
                yield ready.envelope

        try:
            for receipt in session.send(envelopes()):
                receipts[receipt.message_id] = receipt
                self._trouble.judge(receipt)
        except Exception as error:  # against its contract; what was taken may have been sent
            log.error("a session of the channel %s broke: %s", self._channel.code, type(error).__name__)
            self._trouble.tell(type(error).__name__)
        silent = taken - receipts.keys()
        return Done(
            [receipt for number, receipt in receipts.items() if number in taken]
            + [Receipt(number, Status.UNKNOWN) for number in silent],
            [ready.message_id for ready in lot if ready.message_id not in taken],
        )
