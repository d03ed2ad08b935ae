"""The Celery application: one queue, ids only in arguments, results in the database rows the tasks write."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic_crm.settings")

app = Celery("clinic_crm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["clinic_crm", "segmentation", "patients"])
