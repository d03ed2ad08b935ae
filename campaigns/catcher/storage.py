"""Writing what was caught: in batches, by COPY, and only the newest are kept."""

import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import close_old_connections, connection

BATCH = 500
_WAIT = 0.2  # seconds a message waits for company
HIGH_WATER = 5_000  # messages not written yet, above which servers slow down
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caught:
    """A message as it came."""

    channel: str
    to: str
    sender: str
    raw: bytes
    message_id: int | None = None
    subject: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Store:
    """A thread that writes. `put` never waits; `crowded` tells servers to."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._queue: queue.SimpleQueue[Caught | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store")
        self._until_cleaning = 0
        self.written = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, then return."""
        self._queue.put(None)
        self._thread.join()

    def put(self, caught: Caught) -> None:
        self._queue.put(caught)

    @property
    def crowded(self) -> bool:
        return self._queue.qsize() > HIGH_WATER

    def _run(self) -> None:
        going = True
        while going:
            first = self._queue.get()
            batch = [] if first is None else [first]
            going = first is not None
            deadline = time.monotonic() + _WAIT
            while going and len(batch) < BATCH:
                try:
                    found = self._queue.get(timeout=max(deadline - time.monotonic(), 0))
                except queue.Empty:
                    break
                if found is None:
                    going = False
                else:
                    batch.append(found)
            if batch:
                self._persist(batch)
        connection.close()

    def _persist(self, batch: list[Caught]) -> None:
        """Twice, because the database may have been restarted; then these are lost, and said so."""
        for attempt in (1, 2):
            try:
                close_old_connections()
                self._write(batch)
                return
            except Exception as error:
                connection.close()
                if attempt == 2:
                    log.error("%s caught messages could not be written: %s", len(batch), type(error).__name__)
                time.sleep(0.5)

    def _write(self, batch: list[Caught]) -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy(
                'COPY campaigns_caughtmessage (channel, "to", sender, subject, raw, message_id, at) FROM STDIN'
            ) as copy,
        ):
            for caught in batch:
                copy.write_row(
                    (
                        caught.channel, _fit(caught.to, 320), _fit(caught.sender, 320), _fit(caught.subject, 500),
                        caught.raw, caught.message_id, caught.at,
                    )
                )  # fmt: skip
        self.written += len(batch)
        self._until_cleaning -= len(batch)
        if self._until_cleaning <= 0:
            self._clean()
            self._until_cleaning = max(self._keep // 10, BATCH)

    def _clean(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM campaigns_caughtmessage WHERE id <= "
                "(SELECT id FROM campaigns_caughtmessage ORDER BY id DESC OFFSET %s LIMIT 1)",
                [self._keep],
            )


def _fit(text: str, length: int) -> str:
    return text.replace("\x00", "")[:length]
