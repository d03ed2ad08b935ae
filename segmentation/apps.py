from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SegmentationConfig(AppConfig):
    name = "segmentation"
    verbose_name = _("Segmentation")

    def ready(self) -> None:
        post_migrate.connect(create_defaults, sender=self)


def create_defaults(**_kwargs: Any) -> None:
    """The built-in segmentations; not when the app has just been migrated to zero."""
    from segmentation.services.defaults import ensure_defaults

    if "segmentation_segment" in connection.introspection.table_names():
        ensure_defaults()
