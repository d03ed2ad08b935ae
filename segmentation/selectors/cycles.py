"""After how many days a service is due again: set by hand, or learned from visits by sex and age."""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Max
from django.db.models.functions import Least

from patients.models import Service
from segmentation.models import LearnedCycle
from segmentation.scoring import cycles

NEVER = 36500  # a hundred years; keeps the arithmetic of dates in range whatever was typed
EVERYBODY = 0  # the cell of those whose sex or age is not known
CELLS = 1 + 2 * len(cycles.BANDS)


class Interval(NamedTuple):
    """A service is due again after `days`. Sex and ages empty: for everybody whom no other row of the service fits.

    Ages are full years on the day of the use, both ends inclusive; `age_to` empty: no upper end.
    """

    service: int
    sex: str
    age_from: int | None
    age_to: int | None
    days: int
    learned: bool


class Point(NamedTuple):
    """Of all uses, the share after which the patient has come again within `days`, with its 95 % interval."""

    days: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Learned:
    """What was learned about a service, whether or not it counts.

    `unused` says in a code why it does not count for due dates: "seldom" (fewer than half of the uses are followed by
    another one), "any_time" (they come again, but at no particular time), "course" (so soon that it is a course of
    treatment); empty: it can count. `counts`: it does, no interval is set by hand and learning is not switched off.
    """

    everybody: LearnedCycle
    groups: list[LearnedCycle]
    unused: str
    counts: bool


def intervals(services: Collection[int] | None = None, *, prefer_learned: bool = False) -> list[Interval]:
    """The intervals in use, of these services or of all: the one set by hand, or else what was learned, by group.
    `prefer_learned` turns that round, where learning is not switched off.

    Services in the order of their ids; of a learned one the row for everybody comes first.
    """
    chosen = Service.objects.all() if services is None else Service.objects.filter(pk__in=services)
    by_hand = dict(chosen.filter(recall_days__gt=0).values_list("pk", Least("recall_days", NEVER)))
    learning = chosen.filter(learn_recall=True)
    learning = learning if prefer_learned else learning.filter(recall_days=None)
    found = []
    for service, everybody, groups in _by_service(LearnedCycle.objects.filter(service__in=learning.values("pk"))):
        if not why_unused(everybody):
            by_hand.pop(service, None)
            found += [
                Interval(service, row.sex, row.age_from, row.age_to, min(row.days, NEVER), True)
                for row in (everybody, *groups)
            ]
    found += [Interval(service, "", None, None, days, False) for service, days in by_hand.items()]
    return sorted(found, key=lambda one: (one.service, one.sex, -1 if one.age_from is None else one.age_from))


def days_by_cell(services: Collection[int] | None = None) -> dict[int, list[int]]:
    """Service -> the interval of every cell, as `cell_sql` numbers them; groups without a row take everybody's."""
    by_hand, learned = days_in_use(services)
    return {service: [days] * CELLS for service, days in by_hand.items()} | learned


def days_in_use(services: Collection[int] | None = None) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Service -> the interval set by hand; service -> the learned ones by cell."""
    by_hand: dict[int, int] = {}
    learned: dict[int, list[int]] = {}
    for one in intervals(services):
        if not one.learned:
            by_hand[one.service] = one.days
        elif one.age_from is None:
            learned[one.service] = [one.days] * CELLS
        else:
            learned[one.service][cell_of(one.sex, one.age_from)] = one.days
    return by_hand, learned


def cell_of(sex: str, age: int | None) -> int:
    """The number of the cell of a sex and an age in full years: 0 everybody, then women's bands, then men's."""
    band = cycles.band_of(age)
    if band is None or sex not in cycles.SEXES:
        return EVERYBODY
    return 1 + cycles.SEXES.index(sex) * len(cycles.BANDS) + band


def cell_sql(person: str, day: str) -> str:
    """SQL of the cell of a row of patients_patient `person` on the date `day`; the same number as `cell_of`."""
    uppers = ", ".join(str(first) for first, _last in cycles.BANDS[1:])
    band = f"width_bucket(date_part('year', age({day}, {person}.birth_date)), ARRAY[{uppers}]::float8[])"
    sexes = "".join(f" WHEN '{sex}' THEN {1 + n * len(cycles.BANDS)}" for n, sex in enumerate(cycles.SEXES))
    return f"COALESCE(CASE WHEN {person}.birth_date <= {day} THEN CASE {person}.sex{sexes} END + {band} END, 0)"


def learned_of(service: Service) -> Learned | None:
    """What was learned about a service; nothing when too few came again."""
    for _service, everybody, groups in _by_service(service.learned_cycles.all()):
        unused = why_unused(everybody)
        counts = not unused and service.recall_days is None and service.learn_recall
        return Learned(everybody, groups, unused, counts)
    return None


def why_unused(everybody: LearnedCycle) -> str:
    """Why the row for everybody does not count for due dates, nor its groups; empty when it can."""
    return cycles.why_unused(everybody.days, everybody.days_from, everybody.days_to, everybody.returning)


def curve(service: Service) -> list[Point]:
    """How those who used the service come again, day by day since the use; stored by the night that learned it."""
    row = service.learned_cycles.filter(sex="", age_from=None).first()
    return [Point(*point) for point in row.curve] if row else []


def learned_on() -> datetime.date | None:
    """The last night on which cycles were learned and some were found."""
    found: datetime.date | None = LearnedCycle.objects.aggregate(last=Max("fitted_on"))["last"]
    return found


def _by_service(rows: Iterable[LearnedCycle]) -> list[tuple[int, LearnedCycle, list[LearnedCycle]]]:
    """(service, row for everybody, rows of the groups); groups are never kept without the row for everybody."""
    rows = list(rows)
    everybody = {row.service_id: row for row in rows if row.age_from is None}
    groups: dict[int, list[LearnedCycle]] = {service: [] for service in everybody}
    for row in rows:
        if row.age_from is not None and row.service_id in groups:
            groups[row.service_id].append(row)
    return [(service, everybody[service], groups[service]) for service in sorted(everybody)]
