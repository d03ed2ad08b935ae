"""What workers do for the rules. Arguments are ids; everything else is in the rows.

Every task may come twice, late or never: the periodic one finds what was left lying.
"""

import logging

from celery import shared_task
from django.utils import timezone

from triggers.services import counting, ladders, looking
from triggers.services.backtest import asking

log = logging.getLogger(__name__)


@shared_task(name="triggers.tasks.fire", ignore_result=True)
def fire() -> None:
    """The tick: every rule that is on looks, and what is due is planned. Two at once share the rules among them."""
    now = timezone.now()
    found = looking.look_all(now)
    decided = ladders.plan_due(now)
    if found or decided:
        log.info("rules: %s occasions, %s messages decided", found, decided)


@shared_task(name="triggers.tasks.refresh_counts", ignore_result=True)
def refresh_counts() -> None:
    """The numbers of the communication map and of the pages of rules."""
    counting.refresh(timezone.now())


@shared_task(name=asking.TASK, ignore_result=True)
def run_backtest(backtest_id: int) -> None:
    """Count what a rule would have done; whoever asked watches the progress."""
    asking.count(backtest_id, timezone.now())
