"""The step of the night: learn the return intervals anew when they have become old, otherwise do nothing."""

from collections.abc import Iterator

from django.db.models import Min

from patients.models import Service
from segmentation.models import BaseTotal, LearnedCycle
from segmentation.scoring import cycles
from segmentation.services.cycles.reading import each_service
from segmentation.services.fitting import GROWTH
from segmentation.services.night import Night

EVERY_DAYS = 28


def refresh(night: Night) -> int:
    """Replace what was learned when it is 28 days old, of a later date, or of a base half as large; return the rows.

    As long as nothing could be learned every night tries: a clinic that imports its history has it on the next morning.
    """
    if not (night.refit or _is_old(night)):
        return 0
    rows = list(_learned(night))
    LearnedCycle.objects.all().delete()
    LearnedCycle.objects.bulk_create(rows)
    return len(rows)


def _is_old(night: Night) -> bool:
    fitted_on = LearnedCycle.objects.aggregate(first=Min("fitted_on"))["first"]
    if fitted_on is None or not 0 <= (night.as_of - fitted_on).days < EVERY_DAYS:
        return True
    totals = BaseTotal.objects.order_by("-as_of").values_list("visited", flat=True)
    then, now = totals.filter(as_of__lte=fitted_on).first(), totals.filter(as_of__lt=night.as_of).first()
    return then is not None and now is not None and now >= GROWTH * max(then, 1)


def _learned(night: Night) -> Iterator[LearnedCycle]:
    known = set(Service.objects.values_list("pk", flat=True))
    for service, uses, group in each_service(night.as_of):
        learned = cycles.learn(uses, group) if service in known else None
        if learned is None:
            continue
        yield _row(service, learned.everybody, night, curve=learned.points)
        for number, cycle in learned.groups.items():
            sex, band = divmod(number - 1, len(cycles.BANDS))
            first, last = cycles.BANDS[band]
            yield _row(service, cycle, night, sex=cycles.SEXES[sex], age_from=first, age_to=last)


def _row(service: int, cycle: cycles.Cycle, night: Night, **group: object) -> LearnedCycle:
    figures = {name: getattr(cycle, name) for name in cycle.__dataclass_fields__}
    return LearnedCycle(service_id=service, fitted_on=night.as_of, **figures, **group)
