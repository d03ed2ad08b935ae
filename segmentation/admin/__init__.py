"""Administration of segmentations and, read-only, of what the nights wrote."""

from segmentation.admin import results, segmentations, segments

__all__ = ["results", "segmentations", "segments"]
