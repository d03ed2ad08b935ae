"""Administration of segmentations and, read-only, of what the nights wrote."""

from segmentation.admin import clusters, results, segmentations, segments

__all__ = ["clusters", "results", "segmentations", "segments"]
