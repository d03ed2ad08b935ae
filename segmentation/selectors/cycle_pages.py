"""Services with their intervals, set by hand and learned, for the page of cycles."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from patients.models import Service, ServiceGroup
from segmentation.models import LearnedCycle
from segmentation.selectors.cycles import why_unused

LIMIT = 500
SORTS = ("difference", "returns", "name")


@dataclass(frozen=True)
class Row:
    """A service with an interval of either kind.

    `unused`: why the learned one makes nobody due ("seldom", "any_time", "course"). One set by hand always does.
    """

    service: Service
    learned: LearnedCycle | None
    unused: str

    @property
    def by_hand(self) -> int | None:
        return self.service.recall_days or None

    @property
    def counts(self) -> bool:
        """Whether due dates follow what was learned."""
        return bool(self.learned and not self.unused and self.service.recall_days is None and self.service.learn_recall)

    @property
    def difference(self) -> int | None:
        """Learned minus set, days; nothing unless both are there."""
        return self.learned.days - self.by_hand if self.learned and self.by_hand else None

    @property
    def differs(self) -> bool:
        """The interval set lies outside the middle half of the returns: fewer than a quarter come by it, or later."""
        if self.difference is None or self.learned is None or self.by_hand is None:
            return False
        return not self.learned.days_from <= self.by_hand <= self.learned.days_to

    @property
    def unfounded(self) -> bool:
        """Set by hand, so people count as due, though visits show no rhythm, or that most never come again."""
        return bool(self.by_hand and self.unused)

    @property
    def mostly_gone(self) -> bool:
        """Of the unfounded those where most of the people who count as due never come again."""
        return self.unfounded and self.unused == "seldom"


def rows(group: str = "", sort: str = "difference") -> list[Row]:
    """Services that have an interval, set or learned; of a group (its id), or of all."""
    learned = {row.service_id: row for row in LearnedCycle.objects.filter(sex="", age_from=None).defer("curve")}
    services = Service.objects.select_related("group").filter(Q(recall_days__gt=0) | Q(pk__in=learned))
    if group.isdigit():
        services = services.filter(group=int(group))
    found = [_row(service, learned.get(service.pk)) for service in services]
    return sorted(found, key=_ORDER[sort])


def _row(service: Service, learned: LearnedCycle | None) -> Row:
    return Row(service, learned, why_unused(learned) if learned else "")


def groups() -> list[tuple[int, str]]:
    return list(ServiceGroup.objects.filter(services__isnull=False).distinct().values_list("pk", "name"))


def _by_difference(row: Row) -> tuple[int, float, str]:
    """Where the two differ first, the widest apart on top; then what is set though most never come again; then
    what counts without being set; then the rest. Apart is a ratio: 365 days set for 32 are as wrong as
    32 set for 365."""
    apart = abs(math.log(row.learned.days / row.by_hand)) if row.learned and row.by_hand else 0.0
    places = (row.differs, row.mostly_gone, row.counts, row.difference is not None, row.learned is not None, True)
    return places.index(True), -apart, row.service.name


def _by_returns(row: Row) -> tuple[int, str]:
    return -(row.learned.returns if row.learned else -1), row.service.name


def _by_name(row: Row) -> str:
    return row.service.name.casefold()


_ORDER: dict[str, Callable[[Row], Any]] = {"difference": _by_difference, "returns": _by_returns, "name": _by_name}
