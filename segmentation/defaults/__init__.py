"""The segmentations every clinic starts with, and the tactic for each of their segments. Plain data, in two languages.

A segment has one colour everywhere, chosen so that good is green, the middle blue and grey, danger orange and red, and
neighbours differ for those who do not see red and green apart.
"""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text
from segmentation.defaults.falling import FALLING
from segmentation.defaults.lifecycle import LIFECYCLE
from segmentation.defaults.rfm import RFM
from segmentation.defaults.satisfaction import SATISFACTION
from segmentation.defaults.value import VALUE

SEGMENTATIONS = (RFM, VALUE, SATISFACTION, LIFECYCLE, FALLING)
FALLBACK_COLOUR = "#667085"

__all__ = ["FALLBACK_COLOUR", "SEGMENTATIONS", "SegmentDefault", "SegmentationDefault", "Text"]
