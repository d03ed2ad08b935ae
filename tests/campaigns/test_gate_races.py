"""Messages to one person or one address that are in hand at the same moment: one goes, and none is lost."""

import datetime

import pytest

from campaigns import reasons
from campaigns.models import Campaign, Message
from campaigns.services.deciding import gate
from patients.models import Patient
from tests.campaigns.making import NOW, address_key, make_campaign, make_message, make_patients, policy

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)


def held(patient: Patient, campaign: Campaign) -> Message:
    """Claimed by a dispatcher, not sent yet."""
    return make_message(patient, campaign=campaign, state="sending", sent_at=None, claimed_at=NOW)


def running() -> Campaign:
    return make_campaign(state=Campaign.State.RUNNING)


def test_of_two_campaigns_in_one_batch_the_older_message_goes_and_the_other_waits() -> None:
    """Both were planned at the same moment and did not see each other; both waiting would go on for ever."""
    policy(cap_messages=1, cap_days=7)
    (anna,) = make_patients(1)
    first, second = held(anna, running()), held(anna, running())
    assert gate.recheck([first.pk, second.pk], NOW) == {
        second.pk: gate.Verdict(reasons.CAP_PERSON, NOW + MINUTE)
    }  # fmt: skip


def test_two_who_swapped_their_addresses_are_both_written_to() -> None:
    anna, vera = make_patients(2)
    campaign = running()
    rows = [held(anna, campaign), held(vera, campaign)]
    Patient.objects.filter(pk=anna.pk).update(email="between@example.org")
    Patient.objects.filter(pk=vera.pk).update(email=anna.email)
    Patient.objects.filter(pk=anna.pk).update(email=vera.email)
    assert gate.recheck([row.pk for row in rows], NOW) == {}
    rows[0].refresh_from_db()
    rows[1].refresh_from_db()
    assert [row.address_key for row in rows] == [address_key(vera.email), address_key(anna.email)]


def test_two_who_share_an_address_now_get_one_message_although_two_dispatchers_hold_them() -> None:
    anna, vera = make_patients(2)
    campaign = running()
    mine, theirs = held(anna, campaign), held(vera, campaign)
    Patient.objects.filter(pk=vera.pk).update(email=anna.email)
    assert gate.recheck([theirs.pk], NOW) == {theirs.pk: gate.Verdict(reasons.HOUSEHOLD, NOW + MINUTE)}
    Message.objects.filter(pk=theirs.pk).update(state="deferred", reason="household", due_at=NOW + MINUTE)
    assert gate.recheck([mine.pk], NOW) == {}
    Message.objects.filter(pk=mine.pk).update(state="sent", sent_at=NOW)
    Message.objects.filter(pk=theirs.pk).update(state="sending", reason="")
    assert gate.recheck([theirs.pk], NOW + MINUTE) == {theirs.pk: gate.Verdict(reasons.HOUSEHOLD)}
