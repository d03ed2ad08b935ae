"""How many messages on which day: warm-up of a young sender, limits of the channels, the campaign's own pace.

A mail provider distrusts an address that sends fifty thousand mails on its first day (C11). The first day takes
`start` messages and every further day `growth` times as many, until the channel's own daily limit.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HORIZON = 366  # days; nobody plans further, and what does not fit is told as too late
# Above this the warm-up sets no limit: 500 messages growing by a half reach it in a month.
_NO_LIMIT = 10**8


@dataclass(frozen=True)
class Pace:
    """What a channel takes on a day. `since`: the first day of its warm-up; None: the sender is known."""

    per_day: int | None = None
    since: datetime.date | None = None
    start: int = 500
    growth: float = 1.5

    @property
    def unlimited(self) -> bool:
        return self.per_day is None and self.since is None

    def on(self, day: datetime.date) -> int | None:
        """At most so many messages on `day`; None: no limit. A day before the warm-up counts as its first."""
        limit = None if self.since is None else warm_up(max((day - self.since).days, 0), self.start, self.growth)
        if limit is None or self.per_day is None:
            return self.per_day if limit is None else limit
        return min(limit, self.per_day)


def warm_up(day: int, start: int, growth: float) -> int | None:
    """⌊start × growth^day⌋ messages on a day of the warm-up (0 = the first); None once it is no limit any more."""
    limit = float(start)
    for _ in range(day if growth > 1 else 0):
        limit *= growth
        if limit >= _NO_LIMIT:
            return None
    return int(limit)


def by_day(
    messages: Mapping[str, int],
    per_day: int | None,
    room: Callable[[str, int], int | None],
    taken: Callable[[int], int] = lambda day: 0,
    horizon: int = HORIZON,
) -> list[dict[str, int]]:
    """How many messages of each channel go on each day, as early as the limits allow.

    `room(channel, day)` is what the channel still takes on that day, `per_day` the campaign's own pace over all
    channels, of which `taken(day)` are used. A day that is too short is shared in proportion to what is left, by
    largest remainders. Days after the horizon get nothing: the sum may be less than asked for.
    """
    left = {channel: count for channel, count in messages.items() if count > 0}
    days: list[dict[str, int]] = []
    while left and len(days) < horizon:
        day = len(days)
        most = {channel: count if (free := room(channel, day)) is None else min(count, max(free, 0))
                for channel, count in left.items()}  # fmt: skip
        if per_day is not None:
            most = _shared(max(per_day - taken(day), 0), most, left)
        days.append({channel: count for channel, count in most.items() if count})
        left = {channel: count - most[channel] for channel, count in left.items() if count > most[channel]}
    while days and not days[-1]:
        days.pop()
    return days


def _shared(total: int, most: Mapping[str, int], left: Mapping[str, int]) -> dict[str, int]:
    """`total` among the channels in proportion to `left`, none above its `most`; nothing is wasted."""
    if sum(most.values()) <= total:
        return dict(most)
    share = dict.fromkeys(most, 0)
    while total:
        open_ = [channel for channel in most if share[channel] < most[channel]]
        weight = sum(left[channel] for channel in open_)
        exact = {channel: total * left[channel] / weight for channel in open_}
        given = {channel: min(int(exact[channel]), most[channel] - share[channel]) for channel in open_}
        if not any(given.values()):
            # Less than one each: the largest remainders, the cheaper channel first when equal.
            for channel in sorted(open_, key=lambda code: -exact[code])[:total]:
                given[channel] = 1
        for channel, count in given.items():
            share[channel] += count
        total -= sum(given.values())
    return share
