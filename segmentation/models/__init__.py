"""Who is who: metrics and scores per patient, segmentations, memberships, the nights that wrote them.

One way of references: nights <- metrics, scores; segmentations <- memberships, totals.
"""

from segmentation.models.memberships import ListedPatient, Membership, RfmCell, SegmentTotal
from segmentation.models.metrics import Metrics, Score, ServiceRhythm
from segmentation.models.nights import BaseTotal, NightlyRun, NightlyStep
from segmentation.models.segmentations import Segment, Segmentation

__all__ = [
    "BaseTotal",
    "ListedPatient",
    "Membership",
    "Metrics",
    "NightlyRun",
    "NightlyStep",
    "RfmCell",
    "Score",
    "Segment",
    "SegmentTotal",
    "Segmentation",
    "ServiceRhythm",
]
