"""What workers do for the segments. Arguments are ids; everything else is in the rows.

Every task may come twice, late or never: the periodic one finds what was left lying.
"""

from celery import shared_task
from django.utils import timezone

from segmentation.services.clusters import requesting, searching


@shared_task(name=requesting.TASK, ignore_result=True)
def search_clusters(fit_id: int) -> None:
    """Look for clusters; whoever asked watches the progress."""
    searching.run(fit_id, timezone.now())


@shared_task(name="segmentation.tasks.sweep_searches", ignore_result=True)
def sweep_searches() -> None:
    """Take up searches left by dead workers or lost messages."""
    requesting.pick_up(timezone.now())
