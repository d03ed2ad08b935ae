"""Which segmentations there are, with their segments and how large the last night found them."""

import datetime as dt
from typing import Any

from segmentation.models import Segmentation, SegmentTotal


def segmentations_with_totals(as_of: dt.date | None) -> list[dict[str, Any]]:
    """Active segmentations in their order. Three queries, however many there are."""
    night = SegmentTotal.objects.filter(as_of=as_of) if as_of else SegmentTotal.objects.none()
    sizes = dict(night.values_list("segment", "patients"))
    return [
        {
            "code": one.code,
            "kind": one.kind,
            "name": one.name,
            "name_en": one.name_en,
            "segments": [
                {
                    "code": part.code, "name": part.name, "name_en": part.name_en, "colour": part.colour,
                    "patients": sizes.get(part.pk, 0) if as_of else None,
                }
                for part in one.segments.all()
                if part.active
            ],
        }
        for one in Segmentation.objects.filter(active=True).prefetch_related("segments")
    ]  # fmt: skip
