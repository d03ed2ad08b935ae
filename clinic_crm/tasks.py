"""What workers do: the night."""

import logging

from celery import shared_task
from django.utils import timezone

from clinic_crm import nightly
from segmentation.models import NightlyRun

log = logging.getLogger(__name__)


@shared_task(name="clinic_crm.tasks.run_night", ignore_result=True)
def run_night(run_id: int) -> None:
    """Live through the night of this row and the dates missed before it.

    Handed over twice, or to two workers: one does it, the other finds the lock held or the night done, and returns.
    """
    run = NightlyRun.objects.filter(pk=run_id).first()
    if run is None or run.state == NightlyRun.State.DONE:
        return
    try:
        nightly.catch_up(run.as_of, full=run.full)
    except nightly.NightIsRunning:
        log.info("the night is being lived through by another worker")
    except nightly.NightIsInThePast:
        # A later night has been finished meanwhile, and it has counted everything up to its own date.
        NightlyRun.objects.filter(pk=run_id).exclude(state=NightlyRun.State.DONE).delete()
    except nightly.NightFailed as failure:
        log.error("the night of %s failed: %s", run.as_of, failure)


@shared_task(name="clinic_crm.tasks.begin_night", ignore_result=True)
def begin_night() -> None:
    """The schedule: the night of today."""
    if not nightly.is_past(timezone.localdate()):
        nightly.request_night()


@shared_task(name="clinic_crm.tasks.check_nights", ignore_result=True)
def check_nights() -> None:
    """Take up what was left lying: a night that waits for a lost message, was killed, or was missed altogether."""
    if nightly.lock_is_held():
        return
    left = NightlyRun.objects.filter(state__in=[NightlyRun.State.WAITING, NightlyRun.State.RUNNING])
    run = left.order_by("-as_of").first()
    if run is not None:
        run_night(run.pk)
        return
    last = nightly.last_finished()
    today = timezone.localdate()
    if last is not None and (today - last).days > 1 and not nightly.is_past(today):
        nightly.request_night()
