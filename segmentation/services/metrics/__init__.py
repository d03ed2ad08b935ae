"""Metrics per patient, by set-based SQL; only for patients for whom something changed, or for all."""

from segmentation.services.metrics.refreshing import refresh

__all__ = ["refresh"]
