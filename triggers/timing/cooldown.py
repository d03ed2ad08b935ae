"""Not again within so many days: which of the occasions of a rule begin a ladder."""

import datetime
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Patient = TypeVar("Patient", bound=Hashable)


def cooled(
    occasions: Sequence[tuple[Patient, datetime.datetime]],
    days: int,
    before: Mapping[Patient, Iterable[datetime.datetime]] | None = None,
) -> list[bool]:
    """For each occasion (patient, when its first message falls due): does it come too soon after, or before, another?

    Earlier occasions go first, equal ones in the order given; whoever comes too soon begins no ladder and keeps nobody
    else from one. `before` are ladders begun already. Exactly `days` × 24 hours later is not too soon.
    """
    answer = [False] * len(occasions)
    if days <= 0:
        return answer
    rest = datetime.timedelta(days=days)
    begun: dict[Patient, list[datetime.datetime]] = {}
    for number in sorted(range(len(occasions)), key=lambda number: occasions[number][1]):
        patient, due = occasions[number]
        if patient not in begun:
            begun[patient] = sorted((before or {}).get(patient, ()))
        known = begun[patient]
        place = bisect_left(known, due)
        after_the_last = place == 0 or due - known[place - 1] >= rest
        before_the_next = place == len(known) or known[place] - due >= rest
        answer[number] = not (after_the_last and before_the_next)
        if not answer[number]:
            insort(known, due)
    return answer
