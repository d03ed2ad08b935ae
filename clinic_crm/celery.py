"""The Celery application: one queue, ids only in arguments, results in the database rows the tasks write."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic_crm.settings")

app = Celery("clinic_crm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["clinic_crm", "triggers", "campaigns", "segmentation", "patients"])


@worker_init.connect
def show_signs_of_life(**_kwargs: Any) -> None:
    """`/health/` looks for these. Imported here: at import time of this module Django is not ready yet."""
    from clinic_crm.health import WorkerHeartbeat

    app.steps["worker"].add(WorkerHeartbeat)
