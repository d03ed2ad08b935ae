"""The composition root: settings, addresses, the local stack, the night, the home page."""

from clinic_crm.celery import app as celery_app

__all__ = ["celery_app"]
