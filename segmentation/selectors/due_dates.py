"""When each service of a patient is due again, and where the day comes from."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from patients.models import Patient, VisitItem
from segmentation.models import LearnedCycle, ServiceRhythm
from segmentation.selectors.cycles import Interval, cell_of, intervals, why_unused


@dataclass(frozen=True)
class DueDate:
    """`due_on` is the day the doctor named at the last use, when one was named; else that of the interval.

    `interval` is that in use today; the date was written by the last night, and follows a change with the next one.
    `unfounded`: it was set by hand for a service in whose visits there is no rhythm, and no doctor named the day.
    """

    rhythm: ServiceRhythm
    due_on: datetime.date | None
    by_doctor: bool
    interval: Interval | None
    unfounded: bool


def due_dates(patient: Patient, rhythms: Sequence[ServiceRhythm]) -> list[DueDate]:
    """In the order given; three queries and those of the intervals."""
    services = [rhythm.service_id for rhythm in rhythms]
    known: dict[int, list[Interval]] = {}
    for interval in intervals(services) if services else ():
        known.setdefault(interval.service, []).append(interval)
    last = {rhythm.service_id: rhythm.last_on for rhythm in rhythms}
    words = VisitItem.objects.filter(
        visit__patient=patient, visit__status="completed", visit__deleted_at__isnull=True,
        visit__starts_on__in=set(last.values()), visit__return_due_on__isnull=False, service__in=services,
    ).values_list("service", "visit__starts_on", "visit__return_due_on")  # fmt: skip
    named = {service: day for service, came_on, day in words if last[service] == came_on}
    whole = LearnedCycle.objects.filter(service__in=services, sex="", age_from=None).defer("curve")
    irregular = {row.service_id for row in whole if why_unused(row)}
    return [_due(patient, rhythm, named.get(rhythm.service_id), known, irregular) for rhythm in rhythms]


def _due(
    patient: Patient,
    rhythm: ServiceRhythm,
    named: datetime.date | None,
    known: dict[int, list[Interval]],
    irregular: set[int],
) -> DueDate:
    word = named if named and named > rhythm.last_on else None
    cell = cell_of(patient.sex, _age(patient.birth_date, rhythm.last_on))
    own = known.get(rhythm.service_id, [])
    fitting = [row for row in own if row.age_from is not None and cell_of(row.sex, row.age_from) == cell]
    fitting += [row for row in own if row.age_from is None]
    interval = fitting[0] if fitting else None
    by_hand = interval is not None and not interval.learned
    unfounded = by_hand and word is None and rhythm.service_id in irregular
    return DueDate(rhythm, word or rhythm.due_on, word is not None, interval, unfounded)


def _age(born: datetime.date | None, on: datetime.date) -> int | None:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) if born else None
