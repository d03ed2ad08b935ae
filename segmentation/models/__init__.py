"""Who is who: metrics and scores per patient, segmentations, memberships, the nights that wrote them.

One way of references: nights <- metrics, scores, forecasts; segmentations <- memberships, totals, clusters.
"""

from segmentation.models.clusters import ClusterFit
from segmentation.models.cycles import IntervalInUse, LearnedCycle
from segmentation.models.ltv import Calibration, LtvFit
from segmentation.models.memberships import ListedPatient, Membership, RfmCell, SegmentTotal
from segmentation.models.metrics import Forecast, Metrics, Score, ServiceRhythm
from segmentation.models.nights import BaseTotal, NightlyRun, NightlyStep
from segmentation.models.segmentations import Segment, Segmentation

__all__ = [
    "BaseTotal",
    "Calibration",
    "ClusterFit",
    "Forecast",
    "IntervalInUse",
    "LearnedCycle",
    "ListedPatient",
    "LtvFit",
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
