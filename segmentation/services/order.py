"""Which segmentations are made of which, and the order in which the night must come to them."""

from collections.abc import Iterable, Mapping

from segmentation.kinds.rule import asked_of
from segmentation.models import ClusterFit, Segmentation


def needs(segmentations: Iterable[Segmentation]) -> dict[str, set[str]]:
    """By code, the codes of the segmentations each is made of.

    A rule asks for segments by its conditions. Clusters are made of their base: the one that will be searched and the
    one of the last fit, which the night applies until then.
    """
    rows = list(segmentations)
    fits = ClusterFit.objects.filter(segmentation__in=rows, outcome=ClusterFit.Outcome.FOUND)
    fitted = fits.order_by("segmentation", "-id").distinct("segmentation").values_list("segmentation", "asked__base")
    bases = dict(fitted)
    found = {}
    for one in rows:
        named = {one.params.get("base") or "", bases.get(one.pk) or ""} if one.kind == "clusters" else set()
        found[one.code] = asked_of(one) | {code.partition(":")[0] for code in named if code}
    return found


def in_order(segmentations: Iterable[Segmentation]) -> list[Segmentation]:
    """Each after those it is made of. Rings are refused when one is saved; one made otherwise is cut anywhere."""
    rows = list(segmentations)
    return _sorted({one.code: one for one in rows}, needs(rows))


def _sorted(waiting: dict[str, Segmentation], needed: Mapping[str, set[str]]) -> list[Segmentation]:
    ordered: list[Segmentation] = []
    while waiting:
        ready = [code for code in waiting if not (needed[code] - {code}) & waiting.keys()] or [next(iter(waiting))]
        ordered += [waiting.pop(code) for code in ready]
    return ordered
