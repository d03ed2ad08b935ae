"""Who is in a segment now, page by page, with the ids by which the sources know them."""

from collections.abc import Sequence

from django.db.models import QuerySet

from segmentation.models import Membership, Segment

PAGE_LIMIT = 1000


def segment_members(segment: Segment) -> QuerySet[Membership]:
    """Open memberships of patients who are neither merged nor deleted."""
    return Membership.objects.filter(
        segment=segment,
        left_on__isnull=True,
        patient__deleted_at__isnull=True,
        patient__merged_into__isnull=True,
    )


def member_page(segment: Segment, after: int, size: int) -> tuple[Sequence[Membership], int | None]:
    """Members in the order of patients, and the key of the next page. One query."""
    rows = (
        segment_members(segment)
        .filter(patient__gt=after)
        .select_related("patient__source", "came_from")
        .order_by("patient")[: size + 1]
    )
    found = list(rows)
    return found[:size], found[size - 1].patient_id if len(found) > size else None
