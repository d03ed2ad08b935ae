"""How much the rules do: from the stored counts, never from the firings themselves."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Sum

from triggers import reasons
from triggers.models import RuleCount

Kind = RuleCount.Kind
SENT = ("sent", "unknown")
TO_COME = ("waiting", "planned", "deferred", "sending")
COUNTED = ("found", "sent", "to_come", "left_out", "held_out")


@dataclass
class Tally:
    """Messages of a step, or of a whole rule. `by_reason`: (state, reason) of what was not sent; `events`: messages
    that were delivered, clicked by a person, complained about …"""

    by_state: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_reason: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    events: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cost: Decimal = Decimal(0)

    @property
    def sent(self) -> int:
        return sum(self.by_state.get(state, 0) for state in SENT)

    @property
    def to_come(self) -> int:
        return sum(self.by_state.get(state, 0) for state in TO_COME)

    @property
    def held_out(self) -> int:
        """Turns of the hold-out: nobody decided against them, they are there to compare with."""
        return sum(number for (_state, reason), number in self.by_reason.items() if reason == reasons.HOLDOUT)

    @property
    def left_out(self) -> int:
        """What was decided against."""
        return sum(self.by_state.values()) - self.sent - self.to_come - self.held_out


@dataclass
class Volume(Tally):
    """A whole rule. `firings` by their state; `steps` by the id of the step, also of steps retired since."""

    firings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    steps: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))

    @property
    def found(self) -> int:
        return sum(self.firings.values())


@dataclass(frozen=True)
class Day:
    """Messages that fell due on a day: sent, to come, what was decided against, and turns of the hold-out."""

    day: dt.date
    found: int
    sent: int
    to_come: int
    left_out: int
    held_out: int = 0


def volumes(
    first: dt.date, last: dt.date | None = None, rules: Iterable[int] | None = None
) -> dict[int, Volume]:  # fmt: skip
    """Per rule what fell on the days `first` … `last` (None: also what is still to come). One query."""
    rows = RuleCount.objects.filter(day__gte=first)
    if last is not None:
        rows = rows.filter(day__lte=last)
    if rules is not None:
        rows = rows.filter(rule__in=list(rules))
    summed = rows.values_list("rule", "step", "kind", "state", "reason").annotate(n=Sum("number"), spent=Sum("cost"))
    found: dict[int, Volume] = defaultdict(Volume)
    for rule, step, kind, state, reason, number, spent in summed:
        whole = found[rule]
        if kind == Kind.FIRING:
            whole.firings[state] += number
            continue
        for tally in (whole, whole.steps[step]):
            if kind == Kind.EVENT:
                tally.events[state] += number
                continue
            tally.by_state[state] += number
            tally.cost += spent
            if reason:
                tally.by_reason[state, reason] += number
    return dict(found)


def days(rule_id: int, first: dt.date, last: dt.date) -> list[Day]:
    """Every day of the period, also those on which nothing fell. One query."""
    rows = RuleCount.objects.filter(rule=rule_id, day__gte=first, day__lte=last).exclude(kind=Kind.EVENT)
    by_day: dict[dt.date, Mapping[str, int]] = defaultdict(lambda: defaultdict(int))
    for day, kind, state, reason, number in rows.values_list("day", "kind", "state", "reason").annotate(
        n=Sum("number")
    ):
        counted = "found" if kind == Kind.FIRING else _sort(state, reason)
        by_day[day][counted] += number  # type: ignore[index]
    period = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return [Day(day, *(by_day[day].get(name, 0) for name in COUNTED)) for day in period]


def _sort(state: str, reason: str) -> str:
    if reason == reasons.HOLDOUT:
        return "held_out"
    if state in SENT:
        return "sent"
    return "to_come" if state in TO_COME else "left_out"
