"""Administration of segmentations and, read-only, of what the nights wrote."""

from segmentation.admin import clusters, cycles, results, segmentations, segments

__all__ = ["clusters", "cycles", "results", "segmentations", "segments"]
