"""Calls of rules: closed when nobody need make them, brought back when the booking is cancelled, told where they come
from."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from campaigns import tasks as campaign_tasks
from campaigns.channels.base import Envelope
from campaigns.models import CallTask, Message
from campaigns.selectors import call_origins
from campaigns.services.calling import calls, needless
from campaigns.services.consents import erasure
from patients.models import Patient
from tests.campaigns.making import NOW, make_branch, make_patients, make_user
from tests.campaigns.test_calls import client_of
from tests.triggers.ladder_making import DAY, HOUR, booking, cancel, fired, make_service, steps_of
from tests.triggers.making import make_rule, make_step
from triggers.models import Firing
from triggers.services import ladders, switching

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Patient:
    return make_patients()[0]


@pytest.fixture
def manager() -> Any:
    return make_user("manager")


def put(message: Message) -> CallTask:
    """What the dispatcher does with a message of the channel "call"."""
    calls.put_tasks([Envelope(message_id=message.pk, key=message.dedupe_key, to="+79160000000", subject="", text="Да")])
    Message.objects.filter(pk=message.pk).update(state="sent", sent_at=message.due_at)
    return CallTask.objects.get(message=message)


def called(patient: Patient, now: datetime.datetime = NOW, **fields: Any) -> tuple[Firing, CallTask]:
    """A rule whose only message is a call about a service, and its task in the list."""
    rule = make_rule("tiny_day", steps=[make_step(channels=["call"])], **{"goal": "service", **fields})
    firing = fired(rule, patient, now, service=make_service("Линзы"))
    ladders.plan_due(now)
    return firing, put(Message.objects.get(trigger_step__firing=firing))


def fresh(task: CallTask) -> CallTask:
    return CallTask.objects.get(pk=task.pk)


class TestNeedless:
    def test_nothing_has_happened_nothing_changes(self, anna, django_assert_max_num_queries):
        _firing, task = called(anna)
        with django_assert_max_num_queries(10):
            assert needless.sweep(NOW) == 0
        assert fresh(task).done_at is None

    def test_a_booking_closes_the_call_and_its_cancellation_brings_it_back(self, anna, manager):
        firing, task = called(anna)
        visit = booking(anna, firing.service)
        assert needless.sweep(NOW) == 1
        assert (fresh(task).done_at, fresh(task).closed_why, fresh(task).outcome) == (NOW, "goal_met", "")
        assert calls.claim_next(manager, NOW) is None
        assert needless.sweep(NOW) == 0
        # The ladder is as it was: the list brings the call back itself.
        assert steps_of(firing) == [("planned", "")]

        cancel(visit)
        assert needless.sweep(NOW + HOUR) == 1
        assert (fresh(task).done_at, fresh(task).closed_why) == (None, "")
        assert calls.claim_next(manager, NOW + HOUR) == task

    def test_cancelled_too_late_the_call_stays_closed(self, anna):
        firing, task = called(anna)
        visit = booking(anna, firing.service)
        needless.sweep(NOW)
        cancel(visit)
        assert needless.sweep(task.useful_until) == 0
        assert fresh(task).closed_why == "goal_met"

    def test_a_booking_of_another_service_closes_nothing(self, anna):
        _firing, task = called(anna)
        booking(anna, make_service())
        assert needless.sweep(NOW) == 0
        assert fresh(task).done_at is None

    def test_a_booking_closes_only_the_call_of_its_patient_and_rule(self, anna):
        boris = make_patients()[0]
        (firing, hers), (_of_boris, his), (_other, other) = called(anna), called(boris), called(anna, goal="none")
        booking(anna, firing.service)
        assert needless.sweep(NOW) == 1
        assert [fresh(task).closed_why for task in (hers, his, other)] == ["goal_met", "", ""]

    def test_an_occasion_that_is_no_more_closes_it_for_good(self, anna):
        visit = booking(anna, at=NOW - DAY, status="completed")
        rule = make_rule("tiny_moment", steps=[make_step(channels=["call"])], goal="none")
        fired(rule, anna, visit=visit)
        ladders.plan_due(NOW)
        task = put(Message.objects.get())
        assert needless.sweep(NOW) == 0
        cancel(visit)
        assert needless.sweep(NOW) == 1
        assert fresh(task).closed_why == "withdrawn"
        assert needless.sweep(NOW + HOUR) == 0

    def test_stopped_ladders_take_their_calls_with_them_also_those_that_had_ended(self, anna):
        firing, task = called(anna)
        firing.refresh_from_db()
        assert firing.state == "done"
        switching.switch_off(firing.rule_id, None, NOW, ladders="stop")
        assert fresh(task).closed_why == "stopped"
        assert needless.sweep(NOW) == 0

    def test_a_task_that_was_put_off_closes_too(self, anna, manager):
        firing, task = called(anna)
        calls.record_outcome(task.pk, manager, "no_answer", "", NOW, NOW + 2 * HOUR)
        booking(anna, firing.service)
        assert needless.sweep(NOW + HOUR) == 1
        assert (fresh(task).outcome, fresh(task).closed_why) == ("no_answer", "goal_met")

    def test_the_minute_sweep_of_the_workers_does_it(self, anna):
        firing, task = called(anna, timezone.now())
        booking(anna, firing.service, at=timezone.now() + DAY)
        campaign_tasks.sweep()
        assert fresh(task).closed_why == "goal_met"

    def test_a_forgotten_patients_call_never_comes_back(self, anna):
        firing, task = called(anna)
        visit = booking(anna, firing.service)
        needless.sweep(NOW)
        erasure.forget([anna.pk], NOW)
        cancel(visit)
        assert needless.sweep(NOW + HOUR) == 0
        assert fresh(task).done_at


class TestTheManager:
    def test_who_asks_for_the_next_call_gets_none_that_is_needless(self, anna, manager):
        firing, task = called(anna)
        _other_firing, second = called(make_patients()[0])
        booking(anna, firing.service)
        assert calls.claim_next(manager, NOW) == second
        assert (fresh(task).closed_why, fresh(task).claimed_by) == ("goal_met", None)

    def test_who_takes_it_from_the_list_is_told(self, anna, manager):
        firing, task = called(anna)
        booking(anna, firing.service)
        assert not calls.claim(task.pk, manager, NOW)
        assert fresh(task).closed_why == "goal_met"

    def test_a_call_in_hand_is_not_taken_away_and_the_card_says_it(self, anna, manager):
        now = timezone.now()
        firing, task = called(anna, now)
        client = client_of(manager, "patients.view_patient")
        assert calls.claim(task.pk, manager, now)
        assert "has booked meanwhile" not in client.get(f"/calls/{task.pk}/").content.decode()
        booking(anna, firing.service, at=now + 3 * DAY)

        assert needless.sweep(now) == 0
        assert calls.claim(task.pk, manager, now) and calls.claim_next(manager, now) == task
        assert "has booked meanwhile" in client.get(f"/calls/{task.pk}/").content.decode()
        calls.release(task.pk, manager)
        assert needless.sweep(now) == 1
        assert "This call closed itself: has booked meanwhile." in client.get(f"/calls/{task.pk}/").content.decode()
        assert "closed by itself: has booked meanwhile" in client.get("/calls/?view=done").content.decode()

    def test_an_outcome_said_while_it_closed_itself_is_written_down(self, anna, manager):
        """The phone was locked, the lease ran out, and the appointment made in this very call arrived."""
        firing, task = called(anna)
        calls.claim(task.pk, manager, NOW)
        booking(anna, firing.service)
        later = NOW + calls.LEASE + HOUR
        assert needless.sweep(later) == 1
        other = make_user("other")
        with pytest.raises(calls.CallRefused):
            calls.record_outcome(task.pk, other, "booked", "", later)
        calls.record_outcome(task.pk, manager, "booked", "", later, attempt=0)
        assert (fresh(task).outcome, fresh(task).closed_why, fresh(task).done_by) == ("booked", "", manager)
        assert needless.sweep(later) == 0


class TestWhereItComesFrom:
    def test_the_title_names_the_rule_and_the_service(self, anna):
        firing, task = called(anna, name="Пора снова", name_en="Due again")
        assert task.title == "Пора снова: Линзы"
        with translation.override("en"):
            origin = call_origins.origins([task])[task.pk]
        assert (origin.kind, origin.name, origin.url) == ("Rule", "Due again", f"/triggers/{firing.rule_id}/")
        assert ("Service", "Линзы") in origin.facts

    def test_card_and_list_tell_it_and_link_only_for_who_may_see_the_rule(self, anna, manager):
        firing, task = called(anna, timezone.now(), name="Пора снова", name_en="Due again")
        client = client_of(manager, "patients.view_patient")
        card = client.get(f"/calls/{task.pk}/").content.decode()
        assert "Due again" in card and f"/triggers/{firing.rule_id}/" not in card
        CallTask.objects.update(due_at=timezone.now())  # at night it waits for the morning
        assert "Rule: Due again" in client.get("/calls/").content.decode()
        seeing = client_of(manager, "triggers.view_triggerrule")
        assert f"/triggers/{firing.rule_id}/" in seeing.get(f"/calls/{task.pk}/").content.decode()

    def test_the_appointment_is_told_in_the_time_of_its_branch(self, anna):
        far = make_branch("Владивосток", "Asia/Vladivostok")
        visit = booking(anna, at=NOW + DAY)
        type(visit).objects.filter(pk=visit.pk).update(branch=far)
        rule = make_rule("tiny_day", steps=[make_step(channels=["call"])], goal="none")
        fired(rule, anna, visit=visit)
        ladders.plan_due(NOW)
        task = put(Message.objects.get())
        with translation.override("en"):
            facts = dict(call_origins.origins([task])[task.pk].facts)
        assert facts["Appointment"] == "2026-11-24, 19:00, Владивосток"

    def test_a_list_of_many_takes_few_queries(self, django_assert_max_num_queries):
        tasks = [called(patient)[1] for patient in make_patients(8)]
        with django_assert_max_num_queries(4):
            assert len(call_origins.origins(tasks)) == 8


def test_the_list_is_no_place_for_strangers(anna):
    _firing, task = called(anna)
    assert Client().get(f"/calls/{task.pk}/").status_code == 302
