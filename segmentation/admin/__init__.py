"""Administration of segmentations and, read-only, of what the nights wrote."""

from segmentation.admin import results, segments

__all__ = ["results", "segments"]
