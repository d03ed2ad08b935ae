"""Two act on one campaign: at the same moment, each on a connection of its own, or with days between them."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from campaigns.models import Campaign, Message
from campaigns.services.running import counts, lifecycle
from tests.campaigns.making import NOW, make_campaign, make_message, make_offer, make_patients, make_user, policy

pytestmark = pytest.mark.django_db(transaction=True)


def meanwhile(act: Callable[[], object]) -> threading.Thread:
    """Begin it in another connection; returns when it waits for a lock of ours, or has ended."""

    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    until = time.monotonic() + 10
    while thread.is_alive() and time.monotonic() < until and not _somebody_waits():
        time.sleep(0.02)
    return thread


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # pg_stat_activity stands still within a transaction.
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_a_campaign_that_is_being_retried_does_not_finish_with_messages_nobody_sends() -> None:
    campaign = make_campaign(state=Campaign.State.RUNNING)
    for patient in make_patients(2):
        make_message(patient, campaign=campaign, state="failed")
    with transaction.atomic():
        lifecycle.retry_failed(campaign.pk, None, NOW)
        other = meanwhile(lambda: counts.finish(campaign.pk, NOW))
    other.join()
    campaign.refresh_from_db()
    assert Message.objects.filter(campaign=campaign, state="planned").count() == 2
    assert campaign.state == "running"


def test_a_retry_that_waited_for_the_end_of_the_campaign_opens_it_again() -> None:
    campaign = make_campaign(state=Campaign.State.RUNNING)
    (patient,) = make_patients(1)
    message = make_message(patient, campaign=campaign, state="sending", sent_at=None)
    with transaction.atomic():
        Message.objects.filter(pk=message.pk).update(state="failed", reason="channel_failed")
        counts.finish(campaign.pk, NOW)
        other = meanwhile(lambda: lifecycle.retry_failed(campaign.pk, None, NOW))
    other.join()
    campaign.refresh_from_db()
    assert Message.objects.get(pk=message.pk).state == "planned"
    assert campaign.state == "running"


def test_pressed_by_two_at_once_a_failed_message_is_planned_once() -> None:
    campaign = make_campaign(state=Campaign.State.FINISHED)
    (patient,) = make_patients(1)
    message = make_message(patient, campaign=campaign, state="unknown")
    with transaction.atomic():
        lifecycle.release_unknown(campaign.pk, None, NOW)
        other = meanwhile(lambda: lifecycle.release_unknown(campaign.pk, None, NOW))
        Message.objects.filter(pk=message.pk).update(state="sent", sent_at=NOW)
    other.join()
    assert Message.objects.get(pk=message.pk).state == "sent"


def test_an_offer_that_expired_while_the_campaign_waited_for_approval_is_not_launched() -> None:
    policy(approval=True)
    offer = make_offer(valid_until=NOW.date())
    campaign = make_campaign(state=Campaign.State.WAITING, offer=offer, submitted_by=make_user("author"))
    with pytest.raises(lifecycle.NotAllowed, match=offer.name):
        lifecycle.approve(campaign.pk, make_user("second"), NOW + timedelta(days=1))
    assert Campaign.objects.get(pk=campaign.pk).state == "waiting"
    assert lifecycle.approve(campaign.pk, make_user("second"), NOW).state == "planning"
