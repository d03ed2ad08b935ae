"""The kinds of segmentation that are installed, by code."""

from segmentation.kinds.base import MEMBERS, AskedKind, Before, Cause, Kind, Outcome, Params
from segmentation.kinds.clusters import Clusters
from segmentation.kinds.falling import Falling
from segmentation.kinds.lifecycle import Lifecycle
from segmentation.kinds.listed import Listed
from segmentation.kinds.reasons import REASONS, reason_label
from segmentation.kinds.rfm import Rfm
from segmentation.kinds.rule import Rule
from segmentation.kinds.satisfaction import Satisfaction
from segmentation.kinds.value import Value

KINDS: dict[str, Kind] = {
    kind.code: kind for kind in (Rfm(), Value(), Satisfaction(), Lifecycle(), Falling(), Listed(), Rule(), Clusters())
}  # fmt: skip


def own_kinds() -> list[str]:
    """Codes of the kinds readers make segments of themselves."""
    return [code for code, kind in KINDS.items() if isinstance(kind, AskedKind)]


def late_kinds() -> list[str]:
    """Codes of the kinds whose members depend on the segments of others: the night comes to them last."""
    return [*own_kinds(), Clusters.code]


__all__ = [
    "KINDS", "MEMBERS", "REASONS", "AskedKind", "Before", "Cause", "Kind", "Outcome", "Params", "late_kinds",
    "own_kinds", "reason_label",
]  # fmt: skip
