"""Long work of the data page, done by a worker. Arguments are ids and words of a filter, never personal data."""

import logging

from celery import shared_task
from django.db import transaction

from patients.files.uploads import take_in
from patients.models import Integration
from patients.selectors.data_quality import rejected_items
from patients.services.ingest import keep_in_step
from patients.services.replay import CHUNK, Replay, replay

log = logging.getLogger(__name__)


@shared_task
def replay_all(resource: str = "", source: int | None = None) -> None:
    """Replay every open rejected item of a filter, oldest first, each once."""
    rows = rejected_items(resource=resource, source=source).order_by("pk")
    last = rows.order_by("-pk").values_list("pk", flat=True).first()
    done, key = Replay(), 0
    while last:
        ids = list(rows.filter(pk__gt=key, pk__lte=last).values_list("pk", flat=True)[:CHUNK])
        if not ids:
            break
        done += replay(ids)
        key = ids[-1]
    log.info("Replayed %s items: %s taken, %s still bad", done.looked_at, done.taken, done.still_bad)


@shared_task
def import_upload(upload: str) -> None:
    """Take in a file that was left in the upload folder under this id."""
    take_in(upload)


@shared_task
def keep_implied_payments(source: int) -> None:
    """After the switch of an integration: every completed visit has its implied payment, or none has."""
    with transaction.atomic():
        keep_in_step(Integration.objects.select_for_update().get(pk=source))
