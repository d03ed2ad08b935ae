"""Where an audience begins: a segment, a cell of the RFM map, a filter of the list of patients."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from patients.models import Branch
from segmentation.models import Segment

Tree = dict[str, Any]


@dataclass(frozen=True)
class Start:
    """An audience to begin with: its tree, a name for the campaign, the segments it is about, the branches."""

    tree: Tree
    name: str = ""
    segments: tuple[Segment, ...] = ()
    branches: tuple[Branch, ...] = ()


def _all(*conditions: Tree) -> Tree:
    return {"all": list(conditions)}


def _in(*segments: str) -> Tree:
    return {"attribute": "segment", "is": "in", "value": list(segments)}


def of_query(query: Mapping[str, str], segments: Iterable[str], branches: Iterable[str]) -> Start:
    """What an address asks for: `?segment=rfm:lost&branch=2`, `?r=5&f=4&m=3`. Strangers mean nothing."""
    found = _segments(segments)
    conditions = [_in(f"{segment.segmentation.code}:{segment.code}") for segment in found]
    scores = [(name, query.get(name, "")) for name in ("r", "f", "m")]
    cell = [(name, int(score)) for name, score in scores if score in {"1", "2", "3", "4", "5"}]
    conditions += [{"attribute": name, "is": "exactly", "value": score} for name, score in cell]
    ids = [int(text) for text in branches if text.isascii() and text.isdigit() and len(text) < 10]
    names = [str(segment) for segment in found] + [" ".join(f"{name.upper()}{score}" for name, score in cell)]
    title = ", ".join(name for name in names if name)
    return Start(_all(*conditions), title, tuple(found), tuple(Branch.objects.filter(pk__in=ids)))


def _segments(codes: Iterable[str]) -> list[Segment]:
    wanted = Q()
    for text in list(codes)[:10]:
        segmentation, _colon, code = text.replace("\0", "").partition(":")
        wanted |= Q(segmentation__code=segmentation, code=code)
    shown = Segment.objects.filter(segmentation__active=True, active=True).select_related("segmentation")
    return list(shown.filter(wanted)) if wanted else []
