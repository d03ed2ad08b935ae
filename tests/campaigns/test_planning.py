"""From an audience to the ledger: everybody once, as the check said, whatever happens in between."""

import datetime
import random
import threading
from collections import Counter
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection

from campaigns import reasons
from campaigns.models import Campaign, ChannelAccount, Message, Suppression
from campaigns.planning.holdout import held_out, variant
from campaigns.services.deciding import planning
from campaigns.services.running import counts, lifecycle, schedule
from patients.models import Patient
from tests.campaigns.making import (
    NOW,
    address_key,
    consent,
    launch,
    make_branch,
    make_campaign,
    make_message,
    make_offer,
    make_patients,
    make_visit,
    policy,
)
from tests.conftest import eventually

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


def ready(campaign: Campaign) -> Campaign:
    """Launched, and waiting for a worker."""
    lifecycle.freeze(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state="planning", launched_at=NOW)
    return campaign


def random_clinic(seed: int, n: int = 120) -> list[Patient]:
    """People of every kind the gate knows, mixed by chance."""
    chance = random.Random(seed)
    branches = [
        make_branch(),
        make_branch("Новосибирск", "Asia/Novosibirsk"),
        make_branch("Владивосток", "Asia/Vladivostok"),
    ]
    patients = make_patients(n, consented=())
    for patient in patients:
        if chance.random() < 0.2:
            patient.email = chance.choice(["", chance.choice(patients).email])
        if chance.random() < 0.2:
            patient.phone = chance.choice(["", chance.choice(patients).phone])
        if chance.random() < 0.2:
            patient.birth_date = chance.choice([None, datetime.date(2015, 1, 1), datetime.date(2008, 11, 23)])
        if chance.random() < 0.3 and (guardian := chance.choice(patients)) != patient:
            patient.guardian = guardian
        patient.language = chance.choice(["ru", "ru", "ru", "", "en", "de"])
        patient.branch = chance.choice([*branches, None])
        for channel in ("email", "sms"):
            if chance.random() < 0.8:
                consent(patient, channel, granted=chance.random() < 0.8)
        if chance.random() < 0.1:
            make_visit(patient, NOW + DAY * chance.randint(-5, 5), chance.choice(["booked", "completed", "cancelled"]))
        if chance.random() < 0.1 and patient.email:
            Suppression.objects.get_or_create(channel="email", address_key=address_key(patient.email), reason="bounce")
        for _ in range(chance.choice([0, 0, 0, 1, 2, 3])):
            at = NOW + HOUR * chance.randint(-200, 200)
            make_message(
                patient, at=at, state="sent" if at <= NOW else "planned", channel=chance.choice(["email", "sms"])
            )
    Patient.objects.bulk_update(patients, ["email", "phone", "birth_date", "guardian", "language", "branch"])
    return patients


def random_campaign(seed: int) -> Campaign:
    chance = random.Random(seed)
    policy(cap_messages=chance.choice([1, 2]), cap_days=chance.choice([3, 7]))
    ChannelAccount.objects.update_or_create(
        channel="email",
        defaults={"per_day": chance.choice([None, 7]), "price": "0.10",
                  "warm_up_from": chance.choice([None, NOW.date()]), "warm_up_start": 3},
    )  # fmt: skip
    return make_campaign(
        channels=chance.choice([["email"], ["email", "sms"], ["sms", "email"]]), variants=chance.choice([1, 2, 3]),
        holdout_percent=chance.choice([0, 10, 40]), per_day=chance.choice([None, 5]),
        useful_until=chance.choice([None, NOW + 3 * DAY]), languages=chance.choice([("ru",), ("ru", "en")]),
        warm_up=chance.random() < 0.5, starts_at=chance.choice([None, NOW + 30 * HOUR]),
        purpose=chance.choice(["marketing", "marketing", "service"]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_what_the_check_says_is_what_is_planned(seed: int) -> None:
    patients = random_clinic(seed)
    campaign = random_campaign(seed)
    check = planning.check(campaign, NOW)
    assert not campaign.messages.exists()
    assert planning.plan(ready(campaign).pk, NOW) == len(patients) == check.audience
    rows = list(campaign.messages.select_related("variant"))
    by_state = Counter(row.state for row in rows)
    assert (by_state["planned"], by_state["holdout"]) == (check.planned, check.holdout)
    assert Counter(row.reason for row in rows if row.state == "suppressed") == check.by_reason
    planned = [row for row in rows if row.state == "planned"]
    assert Counter(row.channel for row in planned) == check.by_channel
    assert Counter(row.variant.letter for row in planned if row.variant) == check.by_variant
    assert Counter(row.branch_id for row in planned) == check.by_branch
    moscow = datetime.timezone(3 * HOUR)
    days = Counter((row.due_at.astimezone(moscow).date(), row.branch_id) for row in planned)
    assert days == check.load
    assert check.audience == check.planned + check.holdout + sum(check.by_reason.values())


@pytest.mark.parametrize("seed", [1, 4])
def test_every_row_keeps_what_is_promised(seed: int) -> None:
    random_clinic(seed)
    campaign = random_campaign(seed)
    planning.plan(ready(campaign).pk, NOW)
    weights = list(campaign.variants.order_by("letter").values_list("weight", flat=True))
    letters = list(campaign.variants.order_by("letter").values_list("pk", flat=True))
    rows = list(campaign.messages.select_related("branch", "text", "patient"))
    assert {row.state for row in rows} <= {"planned", "holdout", "suppressed"}
    for row in rows:
        reached = row.state in ("planned", "holdout")
        assert bool(row.reason) is not reached
        assert row.dedupe_key == f"c{campaign.pk}:p{row.patient_id}"
        assert not reached or (row.channel and row.address_key is not None)
        if reached:
            assert (row.state == "holdout") is held_out(campaign.salt, row.patient_id, campaign.holdout_percent)
            assert campaign.useful_until is None or row.due_at < campaign.useful_until
            zone = row.branch.timezone if row.branch else "Europe/Moscow"
            wall = row.due_at.astimezone(ZoneInfo(zone)).time()
            assert datetime.time(9) <= wall < datetime.time(21)
            assert row.due_at >= max(NOW, campaign.starts_at or NOW)
        if row.state == "planned":
            assert row.variant_id == letters[variant(campaign.salt, row.patient_id, weights)]
            assert row.text and row.text.language in ("ru", "en")
        else:
            assert (row.variant_id, row.text_id, row.offer_id) == (None, None, None)
    addresses = Counter(row.address_key for row in rows if row.state in ("planned", "holdout"))
    assert max(addresses.values(), default=0) <= 1


def test_planned_twice_is_planned_once() -> None:
    make_patients(3)
    campaign = ready(make_campaign())
    assert planning.plan(campaign.pk, NOW) == 3
    assert planning.plan(campaign.pk, NOW) == 0
    Campaign.objects.update(state="planning")  # as if its change of state had been lost
    assert planning.plan(campaign.pk, NOW) == 0
    assert campaign.messages.count() == 3


def test_an_audience_that_changed_after_an_interrupted_planning_is_the_new_one() -> None:
    patients = make_patients(3)
    campaign = ready(make_campaign())
    with mock.patch.object(planning.counts, "refresh", side_effect=RuntimeError), pytest.raises(RuntimeError):
        planning.plan(campaign.pk, NOW)
    assert campaign.messages.count() == 3  # committed before the counting failed
    other = ready(make_campaign())
    with (
        mock.patch.object(planning, "_INSERT", planning._INSERT + " RETURNING 1 / 0"),
        pytest.raises(Exception, match="zero"),
    ):
        planning.plan(other.pk, NOW)
    assert not other.messages.exists()
    Patient.objects.filter(pk=patients[0].pk).update(deleted_at=NOW)
    make_patients(2)
    assert planning.plan(other.pk, NOW) == 4


def test_a_failed_planning_says_so_and_is_taken_up_again() -> None:
    make_patients(2)
    campaign = ready(make_campaign())
    with mock.patch.object(planning, "_INSERT", "SELECT 1 / 0 FROM ({planned}) p"):
        assert schedule.pick_up(NOW) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.error) == ("planning", "DataError")
    assert schedule.pick_up(NOW) == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.error) == ("running", "")


def test_stopped_while_it_was_planned_it_never_began() -> None:
    make_patients(2)
    campaign = ready(make_campaign())
    original = planning.write

    def write(*args: Any) -> int:
        written = original(*args)
        Campaign.objects.filter(pk=campaign.pk).update(state="stopped")
        return written

    with mock.patch.object(planning, "write", write):
        assert planning.plan(campaign.pk, NOW) == 0
    assert not campaign.messages.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_planners_one_plans() -> None:
    make_patients(40)
    campaign = ready(make_campaign(holdout_percent=20))
    together, written = threading.Barrier(2), []

    def work() -> None:
        together.wait()
        try:
            written.append(planning.plan(campaign.pk, NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [0, 40]
    assert campaign.messages.count() == 40


@pytest.mark.django_db(transaction=True)
def test_killed_while_writing_it_has_written_nothing_and_starts_again() -> None:
    make_patients(5)
    campaign = ready(make_campaign())
    # The rows are written, and the connection dies before the commit.
    slow = f"WITH written AS ({planning._INSERT} RETURNING 1) SELECT pg_sleep(60) FROM written LIMIT 1"
    errors = []

    def work() -> None:
        try:
            planning.plan(campaign.pk, NOW)
        except OperationalError as error:
            errors.append(error)
        finally:
            connection.close()

    with mock.patch.object(planning, "_INSERT", slow):
        planner = threading.Thread(target=work)
        planner.start()
        with connection.cursor() as cursor:
            eventually(lambda: _terminated(cursor))
        planner.join()
    assert len(errors) == 1 and not campaign.messages.exists()
    assert Campaign.objects.get(pk=campaign.pk).state == "planning"
    assert planning.plan(campaign.pk, NOW) == 5


def _terminated(cursor: Any) -> bool:
    cursor.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'WITH written AS%' "
        "AND wait_event = 'PgSleep' AND datname = current_database()"
    )
    return cursor.fetchone() is not None


def test_nobody_in_the_audience_is_a_finished_campaign() -> None:
    campaign = launch(make_campaign())
    assert (campaign.state, campaign.messages.count()) == ("finished", 0)


# --- Days -----------------------------------------------------------------------------------------------------


def test_messages_are_spread_over_days_the_most_active_first() -> None:
    from segmentation.models import Metrics

    patients = make_patients(5)
    for number, patient in enumerate(patients):
        day = NOW.date() - datetime.timedelta(days=100 - number) if number else None
        Metrics.objects.create(patient=patient, as_of=NOW.date(), last_visit_on=day)
    campaign = launch(make_campaign(per_day=2, warm_up=True))
    due = {row.patient_id: row.due_at for row in campaign.messages.all()}
    order = sorted(patients, key=lambda patient: (due[patient.pk], -patients.index(patient)))
    assert [patients.index(patient) for patient in order] == [4, 3, 2, 1, 0]
    # The first at the launch, the others when the quiet hours end (09:00 in Moscow).
    morning = datetime.datetime(2026, 11, 24, 6, 0, tzinfo=datetime.UTC)
    assert [due[patients[number].pk] for number in (4, 2, 0)] == [NOW, morning, morning + DAY]


def test_a_set_time_holds_on_every_day() -> None:
    make_patients(2)
    campaign = launch(make_campaign(per_day=1, starts_at=NOW + 2 * HOUR))
    assert sorted(campaign.messages.values_list("due_at", flat=True)) == [NOW + 2 * HOUR, NOW + 2 * HOUR + DAY]


def test_launched_at_night_the_first_day_is_the_next_one() -> None:
    make_patients(2)
    night = NOW + 12 * HOUR  # 00:00 in Moscow, 24 November
    campaign = launch(make_campaign(per_day=1), now=night)
    first = datetime.datetime(2026, 11, 24, 6, 0, tzinfo=datetime.UTC)
    assert sorted(campaign.messages.values_list("due_at", flat=True)) == [first, first + DAY]


def test_the_room_of_a_young_sender_is_shared_with_other_campaigns() -> None:
    ChannelAccount.objects.update_or_create(
        channel="email", defaults={"warm_up_from": NOW.date(), "warm_up_start": 4, "warm_up_growth": 2}
    )
    make_patients(9)
    policy(cap_messages=9)
    first = launch(make_campaign())
    by_day = Counter(row.due_at.date() for row in first.messages.all())
    assert [count for _day, count in sorted(by_day.items())] == [4, 5]
    second = planning.check(make_campaign(), NOW)
    assert list(second.by_day.values()) == [3, 6]
    assert list(second.room["email"].values()) == [4, 8, 16]
    assert second.first_day == NOW.date() + DAY


def test_what_would_come_too_late_is_not_written() -> None:
    make_patients(5)
    campaign = launch(make_campaign(per_day=2, useful_until=NOW + DAY))
    rows = Counter(campaign.messages.values_list("state", "reason"))
    assert rows == {("planned", ""): 4, ("suppressed", reasons.LATE): 1}


def test_the_hold_out_takes_no_place_and_is_spread_like_the_others() -> None:
    make_patients(60)
    campaign = launch(make_campaign(per_day=5, holdout_percent=50))
    days = Counter((row.state, row.due_at.date()) for row in campaign.messages.all())
    treated = [
        count for (state, _day), count in sorted(days.items(), key=lambda item: item[0][1]) if state == "planned"
    ]
    assert set(treated[:-1]) == {5}
    held = [day for (state, day) in days if state == "holdout"]
    assert len(held) >= len(treated) - 2


# --- Counts ---------------------------------------------------------------------------------------------------


def test_counts_follow_the_ledger_and_end_the_campaign() -> None:
    make_patients(3)
    campaign = launch(make_campaign())
    rows = campaign.messages.order_by("pk")
    first = rows[0]
    Message.objects.filter(pk=first.pk).update(state="sent", sent_at=NOW, cost=2)
    counts.refresh(campaign.pk, NOW + HOUR)
    assert dict(campaign.counts.values_list("state", "messages")) == {"sent": 1, "planned": 2}
    campaign.messages.filter(state="planned").update(state="expired", reason=reasons.LATE)
    counts.refresh(campaign.pk, NOW + 2 * HOUR)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.ended_at) == ("finished", NOW + 2 * HOUR)
    assert dict(campaign.counts.values_list("state", "messages")) == {"sent": 1, "expired": 2}


@pytest.mark.parametrize(("until", "late"), [(NOW.date(), 0), (NOW.date() - DAY, 2)])
def test_an_offer_is_not_sent_after_its_last_day(until: datetime.date, late: int) -> None:
    make_patients(2)
    campaign = make_campaign(holdout_percent=0)
    campaign.variants.update(offer=make_offer(valid_until=until))
    check = planning.check(campaign, NOW)
    planning.plan(ready(campaign).pk, NOW)
    assert check.by_reason.get(reasons.LATE, 0) == late
    assert Message.objects.filter(reason=reasons.LATE).count() == late
    assert {row.useful_until.date() for row in Message.objects.all() if row.useful_until} == {until}
