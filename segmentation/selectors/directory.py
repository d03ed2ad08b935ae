"""The clinic as conditions see it: names by id, services of groups, ids of segments; and what can be searched for."""

from collections.abc import Collection

from django.db.models import F, Q

from patients.models import AcquisitionChannel, Branch, Doctor, Patient, Service, ServiceGroup
from segmentation.models import Segment

FOUND = 30
MODELS = {
    "branch": Branch, "doctor": Doctor, "service": Service, "group": ServiceGroup, "channel": AcquisitionChannel,
}  # fmt: skip
Option = tuple[int | str, str]


def segment_code(segment: Segment) -> str:
    """How conditions name a segment: rfm:lost."""
    return f"{segment.segmentation.code}:{segment.code}"


class ClinicDirectory:
    """Looks everything up in the database, one query per question."""

    def names(self, kind: str, ids: Collection[int | str]) -> dict[int | str, str]:
        if kind == "segment":
            # What has been archived is no choice any more.
            return {segment_code(one): str(one) for one in _segments(ids) if one.active and one.segmentation.active}
        return {one.pk: str(one) for one in MODELS[kind]._default_manager.filter(pk__in=ids)}

    def services_of(self, groups: Collection[int]) -> list[int]:
        return list(Service.objects.filter(group__in=groups).values_list("pk", flat=True)) if groups else []

    def segment_ids(self, codes: Collection[str]) -> list[int]:
        return [segment.pk for segment in _segments(codes)]


def _segments(codes: Collection[int | str]) -> list[Segment]:
    wanted = Q()
    for code in codes:
        segmentation, _colon, segment = str(code).partition(":")
        wanted |= Q(segmentation__code=segmentation, code=segment)
    return list(Segment.objects.filter(wanted).select_related("segmentation")) if wanted else []


def options(source: str, words: str) -> list[Option]:
    """What a field offers to somebody who has typed `words`: at most `FOUND`, those that begin so first."""
    if source == "segment":
        return segment_options(words)
    if source == "city":
        return _cities(words)
    model = MODELS[source]
    found = model._default_manager.filter(name__icontains=words.strip()).order_by("name")
    rows = [(one.pk, str(one)) for one in found[: FOUND * 3]]
    return sorted(rows, key=lambda row: not row[1].casefold().startswith(words.strip().casefold()))[:FOUND]


def segment_options(words: str) -> list[Option]:
    """Segments of active segmentations, named with their segmentation unless it is their own."""
    segments = Segment.objects.filter(segmentation__active=True, active=True).select_related("segmentation")
    rows = []
    for one in segments.order_by("segmentation__position", "segmentation__code", "position", "code"):
        name, division = str(one), str(one.segmentation)
        rows.append((segment_code(one), name if name == division else f"{division}: {name}"))
    return [row for row in rows if words.strip().casefold() in row[1].casefold()]


def _cities(words: str) -> list[Option]:
    """Cities of patients by the index-free way: the list is short and asked for while a condition is written."""
    cities = Patient.objects.filter(city__istartswith=words.strip()).exclude(city="")
    return [(city, city) for city in cities.order_by(F("city")).values_list("city", flat=True).distinct()[:FOUND]]
