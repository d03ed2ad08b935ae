"""The kinds of segmentation that are installed, by code."""

from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.kinds.lifecycle import Lifecycle
from segmentation.kinds.reasons import REASONS, reason_label
from segmentation.kinds.rfm import Rfm
from segmentation.kinds.satisfaction import Satisfaction
from segmentation.kinds.value import Value

KINDS: dict[str, Kind] = {kind.code: kind for kind in (Rfm(), Value(), Satisfaction(), Lifecycle())}

__all__ = ["KINDS", "REASONS", "Before", "Cause", "Kind", "Outcome", "Params", "reason_label"]
