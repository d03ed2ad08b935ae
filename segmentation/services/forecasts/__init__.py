"""What patients are expected to do and to pay: fits, forecasts per patient, and how well they have held."""

from segmentation.services.forecasts.refreshing import refresh

__all__ = ["refresh"]
