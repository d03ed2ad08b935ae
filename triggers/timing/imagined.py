"""The part of a back-test that cannot be counted at once, because each message depends on those before it: caps and
places, lived through in the order of time as services.ladders would have.

    due ─► a place today at its branch (only the message that begins its ladder needs one) ─► caps ─► written
             └─ none: waits for the next midnight, where its goal is looked at again, while it is of use

Caps: campaigns.services.deciding.caps. Stretches are half-open and roll; a message is refused when any stretch of so
many days around it would hold more than allowed: its own, or that of a message known for later.
"""

import datetime as dt
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from triggers.timing.clock import midnight

WRITTEN, PERSON, ADDRESS, MET, LATE, OVERTAKEN = "written", "cap_person", "cap_address", "goal_met", "late", "overtaken"
ONE_DAY = dt.timedelta(days=1)


class Turn(NamedTuple):
    """A message whose turn comes. `goes_at` is when the night is over. `held`: its goal is met; it only stands here for
    the ladder it belongs to."""

    id: int
    firing: int
    step: int
    due_at: dt.datetime
    goes_at: dt.datetime
    useful_until: dt.datetime
    branch: int
    zone: str
    reader: int
    address: int | None
    held: bool = False


class Outcome(NamedTuple):
    fate: str
    goes_at: dt.datetime


class _Book:
    """Moments of what is known of every reader, or every address, in order; dates, or numbers and a number as span."""

    def __init__(self, known: Mapping[int, Iterable[Any]], most: int, span: Any) -> None:
        self._times: dict[int, list[Any]] = {key: sorted(times) for key, times in known.items()}
        self._most, self._span = most, span

    def is_full(self, key: int | None, at: Any) -> bool:
        """Whether one more makes a stretch that ends at its moment, or at a later one's, too full."""
        times = self._times.get(key) if key is not None else None
        if not times or len(times) < self._most:
            return False
        if times[-1] <= at:  # as nearly always: nothing is known for later
            return times[-self._most] > at - self._span
        ends = [at, *times[bisect_right(times, at) : bisect_left(times, at + self._span)]]
        # Those after end − span, up to end; the new one is among them.
        return any(bisect_right(times, end) - bisect_right(times, end - self._span) >= self._most for end in ends)

    def note(self, key: int | None, at: Any) -> None:
        if key is not None:
            insort(self._times.setdefault(key, []), at)


@dataclass
class Caps:
    """At most `most` messages in `days` per reader and per address. `readers`, `addresses`: moments of messages known
    from elsewhere."""

    most: int
    days: int
    readers: Mapping[int, Iterable[dt.datetime]] = field(default_factory=dict)
    addresses: Mapping[int, Iterable[dt.datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        span = dt.timedelta(days=self.days)
        self._by_reader = _Book(self.readers, self.most, span)
        self._by_address = _Book(self.addresses, self.most, span)

    def refuse(self, turn: Turn, at: dt.datetime) -> str:
        """Whose cap it is, or "" and the message is noted."""
        if self._by_reader.is_full(turn.reader, at):
            return PERSON
        if self._by_address.is_full(turn.address, at):
            return ADDRESS
        self._by_reader.note(turn.reader, at)
        self._by_address.note(turn.address, at)
        return ""


@dataclass
class Places:
    """`room(branch, day)`: ladders that may begin; `night_over(moment, zone)`: when a message may go; `met(ids,
    moment)`: which of those who wait have reached their goal by then."""

    room: Callable[[int, dt.date], int]
    night_over: Callable[[dt.datetime, str], dt.datetime]
    met: Callable[[list[int], dt.datetime], set[int]]


def lived(turns: Sequence[Turn], caps: Caps | None, places: Places | None, until: dt.datetime) -> dict[int, Outcome]:
    """What becomes of each, up to the moment `until`; who still waits then is not in the answer."""
    if places is None:
        order = sorted(turns, key=lambda turn: (turn.due_at, -turn.step, turn.id))
        return {
            turn.id: Outcome((caps.refuse(turn, turn.goes_at) if caps else "") or WRITTEN, turn.goes_at)
            for turn in order if not turn.held
        }  # fmt: skip
    return _Living(turns, caps, places, until).go()


def crowded(
    keys: np.ndarray, at: np.ndarray, others: np.ndarray, others_at: np.ndarray, most: int, span: int
) -> np.ndarray:  # fmt: skip
    """Which messages lie in a stretch that depends on a cap: moments of one key with less than `span` between
    neighbours are one stretch, and it is crowded when `most` + 1 of its messages lie within `span`, if all went. What
    lies in different stretches never meets. `others` are known from elsewhere."""
    every, moments = np.concatenate((keys, others)), np.concatenate((at, others_at))
    if len(every) <= most:
        return np.zeros(len(keys), dtype=bool)
    order = np.lexsort((moments, every))
    every, moments = every[order], moments[order]
    over = np.zeros(len(every), dtype=bool)
    over[most:] = (every[most:] == every[:-most]) & (moments[most:] - moments[:-most] < span)
    begins = np.ones(len(every), dtype=bool)
    begins[1:] = (every[1:] != every[:-1]) | (moments[1:] - moments[:-1] >= span)
    stretch = np.cumsum(begins) - 1
    found = np.empty(len(every), dtype=bool)
    found[order] = (np.bincount(stretch, weights=over) > 0)[stretch]
    return found[: len(keys)]


def over_caps(
    readers: Sequence[int], addresses: Sequence[int], at: Sequence[int], most: int, span: int,
    readers_known: Mapping[int, Iterable[int]], addresses_known: Mapping[int, Iterable[int]],
) -> dict[str, list[int]]:  # fmt: skip
    """Reason -> which of the messages it refuses, by their place in the order given, which is that of deciding. An
    address 0 is none. Moments are numbers: of microseconds, as `span`."""
    by_reader, by_address = _Book(readers_known, most, span), _Book(addresses_known, most, span)
    refused: dict[str, list[int]] = {PERSON: [], ADDRESS: []}
    for number, (reader, address, moment) in enumerate(zip(readers, addresses, at, strict=True)):
        if by_reader.is_full(reader, moment):
            refused[PERSON].append(number)
        elif address and by_address.is_full(address, moment):
            refused[ADDRESS].append(number)
        else:
            by_reader.note(reader, moment)
            if address:
                by_address.note(address, moment)
    return refused


class _Living:
    """The state of the days: who waits where, which ladders have begun, how many began today."""

    def __init__(
        self, turns: Sequence[Turn], caps: Caps | None, places: Places, until: dt.datetime
    ) -> None:  # fmt: skip
        self._turns = sorted(turns, key=lambda turn: turn.due_at)
        self._caps, self._places, self._until = caps, places, until
        self._waiting: dict[int, dict[int, Turn]] = defaultdict(dict)  # branch -> those who wait for a place there
        self._now = until
        self._begun: set[int] = set()
        self._after: dict[int, dt.datetime] = {}  # firing -> when the last message that was written or held fell due
        self._used: dict[tuple[int, dt.date], int] = defaultdict(int)
        self._zone_of: dict[int, str] = {turn.branch: turn.zone for turn in turns}
        self._answer: dict[int, Outcome] = {}

    def go(self) -> dict[int, Outcome]:
        number = 0
        while number < len(self._turns) or any(self._waiting.values()):
            due = self._turns[number].due_at if number < len(self._turns) else None
            wakes = self._next_midnight()
            if wakes is not None and (due is None or wakes < due):
                if wakes > self._until:
                    break
                self._tick([], wakes)
                continue
            assert due is not None
            batch = []
            while number < len(self._turns) and self._turns[number].due_at == due:
                batch.append(self._turns[number])
                number += 1
            self._tick(batch, due)
        return self._answer

    def _next_midnight(self) -> dt.datetime | None:
        """The first at which somebody who waits may find a place."""
        zones = {self._zone_of[branch] for branch, waiting in self._waiting.items() if waiting}
        return min((midnight(self._day(self._now, zone) + ONE_DAY, zone) for zone in zones), default=None)

    def _tick(self, due: list[Turn], now: dt.datetime) -> None:
        self._now = now
        for turn in due:
            if turn.held:
                self._after[turn.firing] = max(turn.due_at, self._after.get(turn.firing, turn.due_at))
        woken = self._woken(now)
        candidates = [turn for turn in due if not turn.held] + woken
        latest: dict[int, dt.datetime] = {}
        for turn in candidates:
            latest[turn.step] = max(turn.due_at, latest.get(turn.step, turn.due_at))
        candidates.sort(key=lambda turn: (turn.due_at, turn.useful_until, turn.id))
        for step in sorted(latest, key=lambda one: (latest[one], one), reverse=True):
            for turn in candidates:
                if turn.step == step:
                    self._decide(turn, now)

    def _woken(self, now: dt.datetime) -> list[Turn]:
        """Those who wait at a branch with a place, are still of use, and whose goal is not met meanwhile."""
        branches = [branch for branch, waiting in self._waiting.items() if waiting and self._room(branch, now) > 0]
        near = [turn for branch in branches for turn in self._waiting[branch].values()]
        for turn in near:
            if turn.useful_until <= now:
                self._end(turn, LATE)
        near = [turn for turn in near if turn.useful_until > now]
        met = self._places.met([turn.id for turn in near], now) if near else set()
        for turn in near:
            if turn.id in met:
                self._after[turn.firing] = max(turn.due_at, self._after.get(turn.firing, turn.due_at))
                self._end(turn, MET, now)
        return [turn for turn in near if turn.id not in met]

    def _decide(self, turn: Turn, now: dt.datetime) -> None:
        if self._after.get(turn.firing, turn.due_at) > turn.due_at:
            self._end(turn, OVERTAKEN)
            return
        goes_at = turn.goes_at if now == turn.due_at else self._places.night_over(now, turn.zone)
        if goes_at >= turn.useful_until:
            self._end(turn, LATE)
            return
        first = turn.firing not in self._begun
        if first and self._room(turn.branch, now) <= 0:
            self._waiting[turn.branch][turn.id] = turn
            return
        refused = self._caps.refuse(turn, goes_at) if self._caps else ""
        self._end(turn, refused or WRITTEN, goes_at)
        if refused:
            return
        self._after[turn.firing] = turn.due_at
        if first:
            self._begun.add(turn.firing)
            self._used[turn.branch, self._day(now, turn.zone)] += 1

    def _room(self, branch: int, now: dt.datetime) -> int:
        day = self._day(now, self._zone_of[branch])
        return self._places.room(branch, day) - self._used[branch, day]

    def _end(self, turn: Turn, fate: str, goes_at: dt.datetime | None = None) -> None:
        self._waiting[turn.branch].pop(turn.id, None)
        self._answer[turn.id] = Outcome(fate, goes_at or turn.goes_at)

    @staticmethod
    def _day(moment: dt.datetime, zone: str) -> dt.date:
        return moment.astimezone(_zone(zone)).date()


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
