"""Which patients are in which segments, for lists of patients."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Prefetch, QuerySet

from patients.models import Patient
from segmentation.models import Membership, Segment, Segmentation


def filterable() -> list[Segmentation]:
    """Active segmentations with their segments, in their order: every one is a filter of the list of patients.

    Clusters that no search has found yet, or no longer finds, are nothing to filter by.
    """
    shown = Prefetch("segments", Segment.objects.filter(active=True))
    found = Segmentation.objects.filter(active=True).prefetch_related(shown)
    return [one for one in found if one.segments.all()]


def members(patients: QuerySet[Patient], chosen: Mapping[Segmentation, str]) -> QuerySet[Patient]:
    """The patients who are now in every chosen segment."""
    for segmentation, code in chosen.items():
        open_rows = Membership.objects.filter(
            segment__segmentation=segmentation, segment__code=code, left_on__isnull=True
        )
        patients = patients.filter(pk__in=open_rows.values("patient"))
    return patients


def segments_of(patient_ids: Iterable[int]) -> dict[int, list[Segment]]:
    """The open memberships of several patients in one query, in the order of the segmentations."""
    rows = (
        Membership.objects.filter(patient__in=list(patient_ids), left_on__isnull=True, segmentation__active=True)
        .select_related("segment__segmentation")
        .order_by("segmentation__position", "segmentation__code")
    )
    found: dict[int, list[Segment]] = defaultdict(list)
    for row in rows:
        found[row.patient_id].append(row.segment)
    return found
