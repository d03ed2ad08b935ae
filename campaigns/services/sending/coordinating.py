"""The thread of a dispatcher that decides: what goes now, what is written, when it is over."""

import contextlib
import datetime
import logging
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from campaigns.channels.base import Channel, Receipt, Status
from campaigns.models import ChannelAccount, MessageEvent
from campaigns.services.hearing import tracking
from campaigns.services.sending import claims, limits
from campaigns.services.sending.envelopes import Ready
from campaigns.services.sending.limits import LOT
from campaigns.services.sending.preparing import AWAY, Prepared, Preparer, Stuck, T, persist
from campaigns.services.sending.sending import Closed, Done, Opened, Sender, Trouble
from campaigns.services.sending.settling import Outcome, of_receipt, put_back

log = logging.getLogger(__name__)
MOST_CLAIMED = 500
SENDERS = 2  # while one waits for the server's answer, the other's message is on its way
_SLOW = 20.0  # messages a second; below that one sender is idle most of the time anyway
PATIENCE = 10.0  # seconds without Valkey, after which what is claimed is given back
_GIVE_UP = 900.0  # seconds without the database, after which the sweep has to explain what was sent
_TICK = 0.5


@dataclass
class Report:
    """What a run did, by the states the rows ended in. `note`: why it ended before everything was sent."""

    claimed: int = 0
    states: Counter[str] = field(default_factory=Counter)
    note: str = ""
    taken_over: bool = False

    @property
    def sent(self) -> int:
        return self.states["sent"]

    @property
    def failed(self) -> int:
        return self.states["failed"]

    @property
    def unknown(self) -> int:
        return self.states["unknown"]

    @property
    def deferred(self) -> int:
        return self.states["deferred"]

    def add(self, other: "Report") -> None:
        self.claimed += other.claimed
        self.states.update(other.states)
        self.note, self.taken_over = other.note, other.taken_over


class Coordinator:
    """One dispatcher at work. Only the caller's thread touches anything here but `_in_hand`."""

    def __init__(
        self, account: ChannelAccount, channel: Channel, holding: claims.Holding,
        now: Callable[[], datetime.datetime], limit: int | None, deadline: float | None,
    ) -> None:  # fmt: skip
        self._account, self._holding, self._now = account, holding, now
        self._me = holding.dispatcher_id
        self._left, self._deadline = limit, deadline
        self._report = Report()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lots: queue.SimpleQueue[list[Ready] | None] = queue.SimpleQueue()
        self._trouble = Trouble()
        self._in_hand: dict[int, None] = {}  # claimed and not settled
        self._preparer = Preparer(holding, account.channel, now, self._in_hand, self._events)
        count = SENDERS if account.per_second > _SLOW else 1
        self._senders = [Sender(channel, self._lots, self._events, self._trouble) for _number in range(count)]
        self._sessions, self._closed = 0, 0
        self._ready: deque[Ready] = deque()
        self._out: dict[int, Ready] = {}  # handed over, and no answer written yet
        self._answers: list[Receipt] = []
        self._untouched: list[int] = []  # claimed, certainly not sent, to be put back
        self._asked = self._exhausted = self._day_full = self._works = False
        self._stop = ""  # why nothing more is handed over
        self._error: BaseException | None = None
        self._wait_until = 0.0
        self._away_since: float | None = None

    def go(self) -> Report:
        """Until nothing is due, the limit or the deadline is reached, or something stops it."""
        try:
            for sender in self._senders:
                sender.start()
            while not self._sessions and self._closed < len(self._senders):
                self._take_in(_TICK)
            if self._sessions:  # nothing is claimed before the provider has been reached
                self._preparer.start()
                self._work()
        finally:
            self._end()
        if self._error:
            raise self._error
        return self._report

    def _work(self) -> None:
        while True:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self._stop = self._stop or "the time is over"
            self._ask_for_more()
            lot = self._next_lot()
            if lot or self._answers or self._untouched:
                self._step(lot)
            if not self._out and not self._untouched and (self._stop or self._nothing_left()):
                return
            self._take_in(self._patience())

    def _nothing_left(self) -> bool:
        return self._exhausted and not self._asked and not self._ready and not self._answers

    def _ask_for_more(self) -> None:
        if self._stop or self._asked or self._exhausted:
            return
        # A slow channel claims little: what is claimed and not sent yet does not feel a pause or a new consent.
        batch = max(1, min(MOST_CLAIMED, int(self._account.per_second * 2)))
        if self._left is not None:
            batch = min(batch, self._left)
        if not batch:
            self._exhausted = True
        elif len(self._ready) <= batch // 2:
            self._preparer.inbox.put(batch)
            self._asked = True

    def _room(self) -> int:
        # What is answered leaves with the step that takes the next lot along: one transaction for both, not two.
        return max(LOT * (self._sessions + 1) - (len(self._out) - len(self._answers)), 0)

    def _patience(self) -> float:
        """How long to wait for an event: not at all while a lot could go."""
        if self._stop:
            return _TICK
        resting = self._wait_until - time.monotonic()
        if resting > 0:
            return min(resting, _TICK)
        return 0.0 if self._ready and self._room() else _TICK

    def _next_lot(self) -> list[Ready]:
        """As many as the limits let go now."""
        want = min(LOT, self._room(), len(self._ready))
        if self._stop or not want or time.monotonic() < self._wait_until:
            return []
        try:
            grant = limits.take(self._account, want, self._now())
        except limits.Away as away:
            now = time.monotonic()
            self._away_since = self._away_since or now
            self._wait_until = now + 0.2
            if now - self._away_since > PATIENCE:
                self._stop = f"Valkey does not answer ({away}): nothing is sent without its limits"
            return []
        self._away_since = None
        if grant.day_full:
            self._stop, self._day_full = "the daily limit is reached", True
        self._wait_until = 0.0 if grant.messages else time.monotonic() + max(grant.wait, 0.002)
        return [self._ready.popleft() for _number in range(grant.messages)]

    def _step(self, lot: Sequence[Ready]) -> None:
        """Write the answers and that the lot is being handed over; then hand it over."""
        now = self._now()
        outcomes = [self._outcome(receipt, now) for receipt in self._answers] + put_back(self._untouched)
        bounces = [_bounce(receipt, self._out[receipt.message_id], now) for receipt in self._answers if receipt.bounce]
        settled = {outcome.message_id for outcome in outcomes}
        still_out = [number for number in self._out if number not in settled]
        wanted = [ready.message_id for ready in lot]
        try:
            going = self._persist(
                lambda: claims.step(self._me, outcomes, still_out, wanted, also=lambda: _note_bounces(bounces))
            )
        except claims.DeclaredDead:
            going = set()
            self._taken_over()
        unused = len(wanted) - len(going) + sum(receipt.status in _NOT_TAKEN for receipt in self._answers)
        unused += sum(number in self._out for number in self._untouched)
        if unused:
            limits.give_back(self._account, unused, now)
        self._answers = []
        self._report.states.update(str(outcome.state) for outcome in outcomes)
        for number in settled:
            self._out.pop(number, None)
            self._in_hand.pop(number, None)
        # The campaign of the others was paused or stopped meanwhile.
        self._untouched = [number for number in wanted if number not in going]
        if going:
            handed = [ready for ready in lot if ready.message_id in going]
            self._out.update((ready.message_id, ready) for ready in handed)
            self._lots.put(handed)

    def _outcome(self, receipt: Receipt, now: datetime.datetime) -> Outcome:
        ready = self._out[receipt.message_id]
        if receipt.status == Status.ACCEPTED and not self._works:
            self._works = True
            limits.works_again(self._account.channel)
        return of_receipt(receipt, now, ready.attempts, max(receipt.parts, ready.parts), self._account.price)

    def _persist(self, work: Callable[[], T]) -> T:
        since = time.monotonic()
        return persist(work, self._holding.hold, lambda: time.monotonic() - since > _GIVE_UP)

    def _taken_over(self) -> None:
        self._report.taken_over = True
        self._stop = self._stop or "another process took over what was claimed"

    # --- what the threads tell -------------------------------------------------------------------------------

    def _take_in(self, wait: float = 0.0) -> None:
        """An event, waited for so long, and all that have come with it."""
        with contextlib.suppress(queue.Empty):
            event = self._events.get(timeout=wait) if wait else self._events.get_nowait()
            while True:
                self._hear(event)
                event = self._events.get_nowait()
        if self._trouble.is_there:
            self._stop = self._stop or self._trouble.why

    def _hear(self, event: Any) -> None:
        if isinstance(event, Done):
            self._answers += event.receipts
            self._untouched += event.untouched
        elif isinstance(event, Prepared):
            self._hear_prepared(event)
        elif isinstance(event, Opened):
            self._sessions += 1
        elif isinstance(event, Closed):
            self._hear_closed(event)
        elif isinstance(event, Stuck):
            self._asked, self._exhausted = False, True
            self._hear_stuck(event.error)

    def _hear_prepared(self, event: Prepared) -> None:
        self._asked, self._exhausted = False, not event.claimed
        self._report.claimed += event.claimed
        if self._left is not None:
            self._left -= event.claimed
        self._ready += event.ready
        self._report.states.update(str(outcome.state) for outcome in event.settled)

    def _hear_closed(self, event: Closed) -> None:
        self._closed += 1
        self._sessions -= event.was_open
        if self._closed < len(self._senders):
            return
        if event.why:
            self._trouble.tell(event.why)
        # Nobody takes these any more; None is the wish to end.
        while not self._lots.empty():
            self._untouched += [ready.message_id for ready in self._lots.get() or ()]

    def _hear_stuck(self, error: BaseException) -> None:
        if isinstance(error, claims.DeclaredDead):
            self._taken_over()
        elif not (self._stop and isinstance(error, AWAY)):
            self._error = error
            self._stop = self._stop or "preparing failed"

    # --- the end ---------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Every answer that is still to come is written, and what was not handed over is put back."""
        self._stop = self._stop or ("" if self._nothing_left() else "interrupted")
        if self._preparer.ident is not None:
            self._preparer.end()
            self._preparer.join()
        for _sender in self._senders:
            self._lots.put(None)
        while self._closed < len(self._senders) or self._answers:
            self._take_in(0.0 if self._answers else _TICK)
            if self._answers or self._untouched:
                self._step([])
        self._take_in()
        for sender in self._senders:
            sender.join()
        if self._preparer.ident is not None:
            # Not only what we know of: the answer to the commit of a claim may have been lost.
            self._untouched += self._persist(lambda: claims.found(self._me, self._untouched))
            self._step([])
        if self._day_full:
            deferred = self._persist(lambda: limits.defer_rest(self._account, self._now()))
            self._report.states["deferred"] += deferred
        if self._trouble.is_there:
            pause = limits.pause(self._account.channel, self._trouble.why, self._now())
            log.error("%s is not used until %s: %s", self._account.channel, pause.until, pause.why)
        self._report.note = self._stop
        self._persist(lambda: claims.close(self._me, self._now()))


_NOT_TAKEN = (Status.POSTPONED, Status.FAILED)  # the provider does not count them either


def _bounce(receipt: Receipt, ready: Ready, now: datetime.datetime) -> tracking.NewEvent:
    # Tried again by a person's word it may bounce again: an event of its own.
    event_id = f"dispatch:{receipt.message_id}:{int(now.timestamp())}:{ready.attempts}"
    detail = {"hard": True, "words": receipt.error[:200]}
    return tracking.NewEvent(receipt.message_id, MessageEvent.Kind.BOUNCED, now, event_id, detail=detail)


def _note_bounces(bounces: Sequence[tracking.NewEvent]) -> None:
    """In the transaction that writes the refusals; should it fail, they are written all the same."""
    if not bounces:
        return
    try:
        with transaction.atomic():
            tracking.record(bounces)
    except AWAY:
        raise
    except Exception as error:
        log.error("%s bounces could not be noted: %s", len(bounces), type(error).__name__)
