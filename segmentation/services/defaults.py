"""The built-in segmentations and segments in the database: created when missing, never overwritten."""

from segmentation import defaults
from segmentation.kinds import KINDS
from segmentation.models import Segment, Segmentation


def ensure_defaults() -> None:
    """Create what is missing of the built-in segmentations. Edits of clinics stay; safe to call at any time, by any
    number of processes."""
    known = dict(Segmentation.objects.values_list("code", "id"))
    Segmentation.objects.bulk_create(
        (
            Segmentation(
                code=item.code, kind=item.kind, name=item.name.ru, name_en=item.name.en,
                description=item.description.ru, description_en=item.description.en,
                params=KINDS[item.kind].defaults(), position=position,
            )
            for position, item in enumerate(defaults.SEGMENTATIONS)
            if item.code not in known
        ),
        ignore_conflicts=True,
    )  # fmt: skip
    for segmentation in Segmentation.objects.all():
        ensure_segments(segmentation)


def ensure_segments(segmentation: Segmentation) -> dict[str, int]:
    """Every segment its kind can yield, as code → id; missing ones are created with the texts of `defaults`."""
    kind = KINDS.get(segmentation.kind)
    known = dict(Segment.objects.filter(segmentation=segmentation).values_list("code", "id"))
    missing = [code for code in (kind.segments if kind else ()) if code not in known]
    if not missing:
        return known
    Segment.objects.bulk_create((_segment(segmentation, code) for code in missing), ignore_conflicts=True)
    return dict(Segment.objects.filter(segmentation=segmentation).values_list("code", "id"))


def _segment(segmentation: Segmentation, code: str) -> Segment:
    position = KINDS[segmentation.kind].segments.index(code)
    for item in defaults.SEGMENTATIONS:
        for segment in item.segments:
            if item.kind == segmentation.kind and segment.code == code:
                return Segment(
                    segmentation=segmentation, code=code, colour=segment.colour, position=position,
                    name=segment.name.ru, name_en=segment.name.en, description=segment.description.ru,
                    description_en=segment.description.en, tactic=segment.tactic.ru, tactic_en=segment.tactic.en,
                )  # fmt: skip
    # A kind added later brings codes without texts; the administrator names them.
    return Segment(
        segmentation=segmentation, code=code, colour=defaults.FALLBACK_COLOUR, position=position,
        name=code.replace("_", " "),
    )  # fmt: skip
