"""Who is asked to fill the free places of a day: those who have waited longest, each once."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar


class Waiting(Protocol):
    """Somebody in a queue, who may be asked from day `enters` to day `leaves` (inclusive)."""

    @property
    def patient(self) -> int: ...
    @property
    def enters(self) -> datetime.date: ...
    @property
    def leaves(self) -> datetime.date: ...


W = TypeVar("W", bound=Waiting)


class Filled(NamedTuple, Generic[W]):
    asked: list[tuple[datetime.date, W]]
    short: bool  # a place was left although everybody in the queue had been looked at


def fill(queue: Sequence[W], places: Iterable[tuple[datetime.date, int]], asked: Iterable[int] = ()) -> Filled[W]:
    """Day by day the first so many of the queue; `places` are days in order with the number of places of each, `asked`
    are patients who have been asked already.

    The queue is in the order in which people enter it, so whoever was passed over (asked, gone) is never looked at
    again: one pass, however many days.
    """
    done, position, short = set(asked), 0, False
    found: list[tuple[datetime.date, W]] = []
    for day, free in places:
        while free > 0:
            if position == len(queue):
                short = True
                break
            one = queue[position]
            if one.enters > day:
                break
            if one.patient not in done and one.leaves >= day:
                done.add(one.patient)
                found.append((day, one))
                free -= 1
            position += 1
    return Filled(found, short)
