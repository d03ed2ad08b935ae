"""Return intervals per service, sex and age band, learned from visits every few weeks."""

from segmentation.services.cycles.learning import EVERY_DAYS, refresh

__all__ = ["EVERY_DAYS", "refresh"]
