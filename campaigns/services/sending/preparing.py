"""The thread that claims rows, asks the gate once more and writes the texts, while others wait for the provider."""

import datetime
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from django.db import InterfaceError, OperationalError, connection, connections, transaction

from campaigns.services.deciding import gate
from campaigns.services.sending import claims
from campaigns.services.sending.envelopes import Ready, envelopes
from campaigns.services.sending.settling import Outcome, of_verdict, settle

log = logging.getLogger(__name__)
T = TypeVar("T")
AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of a request: how many rows were claimed, those to hand over, those decided without sending."""

    claimed: int
    ready: list[Ready]
    settled: list[Outcome]


@dataclass(frozen=True, slots=True)
class Stuck:
    """The preparer has given up; `DeclaredDead` or something that needs a person."""

    error: BaseException


def persist(work: Callable[[], T], reconnect: Callable[[], None], give_up: Callable[[], bool] = lambda: False) -> T:
    """Do it until the database has taken it: a server that restarts comes back. `work` must bear repetition."""
    wait, since = _FIRST_WAIT, time.monotonic()
    while True:
        try:
            return work()
        except AWAY as error:
            if give_up():
                raise
            log.warning("the database does not answer for %.0f s: %s", time.monotonic() - since, type(error).__name__)
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
        connection.close()
        try:
            reconnect()
        except AWAY:
            continue


class Preparer(threading.Thread):
    """Answers each number in `inbox` with a batch of at most so many messages; None ends it.

    `in_hand` are the messages this dispatcher has claimed and not settled; it is shared with the coordinator.
    """

    def __init__(
        self, holding: claims.Holding, channel: str, now: Callable[[], datetime.datetime], in_hand: dict[int, None],
        outbox: "queue.SimpleQueue[Any]",
    ) -> None:  # fmt: skip
        super().__init__(name="dispatch-preparer", daemon=True)
        self.inbox: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._me, self._channel, self._now = holding.dispatcher_id, channel, now
        self._in_hand, self._outbox = in_hand, outbox
        self._ending = threading.Event()

    def end(self) -> None:
        """No more batches; a database that is away is not waited for any longer."""
        self._ending.set()
        self.inbox.put(None)

    def run(self) -> None:
        try:
            while (size := self.inbox.get()) is not None:
                if self._ending.is_set():
                    break
                self._outbox.put(self._batch(size))
        except BaseException as error:
            self._outbox.put(Stuck(error))
        finally:
            connections.close_all()

    def _batch(self, size: int) -> Prepared:
        taken = self._take(size)
        if not taken:
            return Prepared(0, [], [])
        return persist(lambda: self._prepared(taken), lambda: None, self._ending.is_set)

    def _take(self, size: int) -> list[int]:
        lost = False

        def claim() -> list[int]:
            nonlocal lost
            if lost:
                # The answer to a commit was lost: what it claimed is in our hands without our knowing.
                taken = claims.found(self._me, list(self._in_hand))
                if taken:
                    return taken
            lost = True
            return claims.take(self._me, self._channel, self._now(), size)

        taken = persist(claim, lambda: None, self._ending.is_set)
        self._in_hand.update(dict.fromkeys(taken))
        return taken

    def _prepared(self, taken: Sequence[int]) -> Prepared:
        now = self._now()
        verdicts = gate.recheck(taken, now)
        settled = [of_verdict(number, verdict.reason, verdict.due_at) for number, verdict in verdicts.items()]
        ready, failed = envelopes([number for number in taken if number not in verdicts], now)
        settled += failed
        if settled:
            with transaction.atomic(durable=True):
                settle(self._me, settled)
        for outcome in settled:
            self._in_hand.pop(outcome.message_id, None)
        return Prepared(len(taken), ready, settled)
