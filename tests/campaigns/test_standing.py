"""Standing campaigns take whoever enters, night by night, once."""

import datetime
from unittest import mock

import pytest

from campaigns import reasons
from campaigns.models import Campaign
from campaigns.selectors import progress
from campaigns.services.deciding import planning
from campaigns.services.running import standing
from clinic_crm import nightly
from patients.models import Patient
from tests.campaigns.making import NOW, consent, launch, make_campaign, make_patients

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
GROWN = {"where": {"attribute": "age", "is": "at_least", "value": 40}, "except": None}


def test_newcomers_are_taken_once_and_nobody_twice() -> None:
    first, second = make_patients(2)
    Patient.objects.filter(pk=first.pk).update(birth_date=datetime.date(1970, 1, 1))
    Patient.objects.filter(pk=second.pk).update(birth_date=datetime.date(2000, 1, 1))
    campaign = launch(make_campaign(standing=True, audience=GROWN))
    assert set(campaign.messages.values_list("patient", flat=True)) == {first.pk}
    assert standing.take(NOW + DAY) == 0
    Patient.objects.filter(pk=second.pk).update(birth_date=datetime.date(1980, 1, 1))
    assert standing.take(NOW + 2 * DAY) == 1
    # Out and in again: once is enough.
    Patient.objects.filter(pk=second.pk).update(birth_date=datetime.date(2000, 1, 1))
    assert standing.take(NOW + 3 * DAY) == 0
    Patient.objects.filter(pk=second.pk).update(birth_date=datetime.date(1980, 1, 1))
    assert standing.take(NOW + 4 * DAY) == 0
    row = campaign.messages.get(patient=second)
    assert (row.state, row.planned_at) == ("planned", NOW + 2 * DAY)
    assert progress.of_campaign(campaign.pk).audience == 2


def test_whoever_could_not_be_written_to_when_entering_is_not_asked_again() -> None:
    (patient,) = make_patients(1, consented=())
    campaign = launch(make_campaign(standing=True))
    consent(patient, "email")
    assert standing.take(NOW + DAY) == 0
    assert campaign.messages.get().reason == reasons.NO_CONSENT


def test_a_family_gets_one_message_over_all_nights() -> None:
    make_patients(1, email="family@example.org")
    campaign = launch(make_campaign(standing=True))
    make_patients(1, email="family@example.org")
    assert standing.take(NOW + DAY) == 1
    assert sorted(campaign.messages.values_list("reason", flat=True)) == ["", reasons.HOUSEHOLD]


@pytest.mark.parametrize(
    "changes", [{"state": "paused"}, {"state": "stopped"}, {"standing": False}, {"useful_until": NOW}]
)
def test_who_takes_nobody(changes: dict[str, object]) -> None:
    campaign = launch(make_campaign(standing=True))
    Campaign.objects.filter(pk=campaign.pk).update(**changes)
    make_patients(1)
    assert standing.take(NOW + DAY) == 0


def test_a_night_before_the_launch_takes_nobody() -> None:
    launch(make_campaign(standing=True))
    make_patients(1)
    assert standing.take(NOW - DAY) == 0


def test_a_standing_campaign_is_never_finished_by_itself() -> None:
    assert launch(make_campaign(standing=True)).state == "running"


def test_a_pause_is_made_up_for() -> None:
    campaign = launch(make_campaign(standing=True))
    Campaign.objects.update(state="paused")
    make_patients(2)
    assert standing.take(NOW + DAY) == 0
    Campaign.objects.update(state="running")
    assert standing.take(NOW + 2 * DAY) == 2
    assert campaign.messages.count() == 2


def test_one_broken_campaign_stops_neither_the_others_nor_the_night() -> None:
    broken = launch(make_campaign(standing=True))
    whole = launch(make_campaign(standing=True))
    Campaign.objects.filter(pk=broken.pk).update(audience={"where": {"attribute": "nonsense"}})
    make_patients(1)
    assert standing.take(NOW + DAY) == 1
    broken.refresh_from_db()
    assert broken.error and whole.messages.count() == 1


def test_the_pace_of_a_day_holds_over_nights() -> None:
    make_patients(3)
    campaign = launch(make_campaign(standing=True, per_day=2))
    make_patients(2)
    standing.take(NOW + datetime.timedelta(hours=1))
    due = [row.due_at.date() - NOW.date() for row in campaign.messages.order_by("due_at", "pk")]
    assert [day.days for day in due] == [0, 0, 1, 1, 2]


def test_a_night_takes_newcomers_and_missed_nights_cost_nobody() -> None:
    campaign = launch(make_campaign(standing=True))
    first = NOW.date() + DAY
    make_patients(1)
    nightly.run_night(first)
    row = campaign.messages.get()
    assert row.planned_at == nightly.moment_of(first)
    make_patients(1)
    nightly.catch_up(first + 3 * DAY)
    assert campaign.messages.count() == 2


def test_stopped_meanwhile_it_takes_nobody() -> None:
    campaign = launch(make_campaign(standing=True))
    make_patients(1)
    original = planning.write

    def write(one: Campaign, now: datetime.datetime) -> int:
        written = original(one, now)
        Campaign.objects.filter(pk=one.pk).update(state="stopped")
        return written

    with mock.patch.object(planning, "write", write):
        assert standing.take(NOW + DAY) == 0
    assert not campaign.messages.exists()


def test_progress_is_read_from_stored_counts() -> None:
    patients = make_patients(4)
    consent(patients[0], "email", granted=False)
    campaign = launch(make_campaign(channels=["email", "sms"]))
    found = progress.of_campaign(campaign.pk)
    assert (found.audience, found.waiting, found.done, found.to_write, found.share_done) == (4, 4, 0, 4, 0.0)
    assert found.by_channel == {"email": {"planned": 3}, "sms": {"planned": 1}}
    assert progress.of_campaigns([]) == {}
    assert [(day.messages, day.sent) for day in progress.load(campaign.pk)] == [(4, 0)]
