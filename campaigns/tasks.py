"""What workers do for campaigns. Arguments are ids and codes; everything else is in the rows.

Every task may come twice, late or never: the periodic ones find what was left lying.
"""

import logging
import time

from celery import current_app, shared_task
from django.core.cache import cache
from django.utils import timezone

from campaigns.models import Campaign, ChannelAccount
from campaigns.services.calling import needless
from campaigns.services.consents import consent_import
from campaigns.services.deciding import checking
from campaigns.services.hearing import appointments, inbound
from campaigns.services.running import counts, schedule
from campaigns.services.sending import claims, dispatch, recovery, workers

log = logging.getLogger(__name__)
# A worker takes up other work after so long; the next tick goes on. Shorter than the patience of `up` when it stops.
SECONDS = 20.0
# A message that lay in the queue for longer is of no use: a newer tick has sent its own.
_EXPIRES = 15
_SOON, _SHARE, _IDLE_SHARE = 4, 20, 500
SEND = "campaigns.tasks.send_due"


@shared_task(name="campaigns.tasks.dispatch_due", ignore_result=True)
def dispatch_due() -> None:
    """The tick: for each channel with something due, as many workers as the backlog is worth."""
    now = timezone.now()
    for account in ChannelAccount.objects.filter(active=True):
        if claims.anything_due(account.channel, now):
            for _number in range(workers.wanted(account, now) - workers.busy(account.channel)):
                current_app.send_task(SEND, [account.channel], ignore_result=True, expires=_EXPIRES)


@shared_task(name=SEND, ignore_result=True)
def send_due(channel: str) -> None:
    """Send what is due on the channel for a while, unless enough workers do so already."""
    with workers.a_place(channel) as free:
        if free:
            report = dispatch.run(channel, timezone.now, seconds=SECONDS)
            if report.claimed or report.note:
                log.info("%s: %s %s", channel, dict(report.states), report.note)


@shared_task(name="campaigns.tasks.plan_campaign", ignore_result=True)
def plan_campaign(campaign_id: int) -> None:
    """Write the ledger of a campaign that was launched."""
    schedule.plan(campaign_id, timezone.now())


@shared_task(name="campaigns.tasks.check_campaign", ignore_result=True)
def check_campaign(campaign_id: int) -> None:
    """Count a draft too large to be counted while its page waits."""
    checking.run(campaign_id, timezone.now())


@shared_task(name="campaigns.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Explain what dead processes left, plan what was left unplanned, note reports that came before their messages,
    close calls nobody need make."""
    now = timezone.now()
    recovery.sweep(now)
    schedule.pick_up(now)
    inbound.match_waiting(now)
    appointments.settle(now)
    needless.sweep(now)


@shared_task(name="campaigns.tasks.refresh_counts", ignore_result=True)
def refresh_counts() -> None:
    """The numbers on the pages of campaigns that run; those without anything left to do finish.

    A large campaign takes a while to count, so its numbers may be as old as some times that, and older while nothing
    of it is due.
    """
    for campaign in Campaign.objects.filter(state=Campaign.State.RUNNING):
        fresh = f"campaigns:counted:{campaign.pk}"
        if cache.get(fresh):
            continue
        now, began = timezone.now(), time.monotonic()
        counts.refresh(campaign.pk, now)
        moving = any(claims.anything_due(channel, now) for channel in campaign.channels)
        cache.set(fresh, 1, max(_SOON, (_SHARE if moving else _IDLE_SHARE) * (time.monotonic() - began)))


@shared_task(name="campaigns.tasks.import_consents", ignore_result=True)
def import_consents(upload: str) -> None:
    """Take in a file of consents that was left in the upload folder under this id."""
    consent_import.take_in(upload)
