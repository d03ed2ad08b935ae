"""Ladders: what becomes of the steps of a firing when they fall due."""

import datetime
from decimal import Decimal
from unittest import mock

import pytest
from django.db import connection

from campaigns.models import Message
from patients.models import Patient, ServiceGroup, Slot
from tests.campaigns.making import (
    NOW,
    consent,
    launch,
    make_branch,
    make_campaign,
    make_message,
    make_offer,
    make_patients,
    policy,
)  # fmt: skip
from tests.triggers.ladder_making import (
    DAY,
    HOUR,
    MINUTE,
    booking,
    cancel,
    fired,
    fired_many,
    make_service,
    messages_of,
    states_of,
    steps_of,
)  # fmt: skip
from tests.triggers.making import make_rule, make_step, templates_for
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import ladders

pytestmark = pytest.mark.django_db


def a_ladder(**fields: object) -> TriggerRule:
    """Mail on the day, SMS three days later."""
    return make_rule("tiny_day", steps=[make_step(), make_step(3, channels=["sms"])], **fields)  # type: ignore[arg-type]


class TestAStepThatIsDue:
    def test_becomes_a_row_of_the_ledger_with_all_it_is_about(self):
        branch, service = make_branch(), make_service()
        offer = make_offer(valid_until=NOW.date())
        rule = make_rule("tiny_day", steps=[make_step(offer=offer)])
        (anna,) = make_patients(branch=branch)
        visit = booking(anna, service, at=NOW - 40 * DAY, status="completed")
        firing = fired(rule, anna, branch=branch, service=service, visit=visit)

        assert ladders.plan_due(NOW) == 1

        step = firing.steps.get()
        message = step.message
        assert (step.state, step.reason) == ("planned", "")
        assert message is not None
        assert message.dedupe_key == f"t{firing.pk}:s{step.step_id}"
        assert (message.state, message.reason, message.channel, message.purpose) == (
            "planned",
            "",
            "email",
            "marketing",
        )
        assert (message.campaign_id, message.variant_id, message.recipient_id) == (None, None, None)
        assert (message.patient_id, message.branch_id) == (anna.pk, branch.pk)
        assert (message.visit_id, message.service_id, message.offer_id) == (visit.pk, service.pk, offer.pk)
        assert message.text_id == step.step.templates.get().template.texts.get().pk
        assert (message.planned_at, message.due_at) == (NOW, NOW)
        # The offer ends before the message loses its use: the end of its last day in Moscow.
        assert message.useful_until == datetime.datetime(2026, 11, 23, 20, 59, 59, 999999, tzinfo=datetime.UTC)
        firing.refresh_from_db()
        assert (firing.state, firing.closed_at, firing.begun_at) == ("done", NOW, NOW)

    def test_is_planned_once_however_often_one_comes(self):
        rule = a_ladder()
        (anna,) = make_patients()
        fired(rule, anna, NOW, NOW + 3 * DAY)

        assert [ladders.plan_due(NOW), ladders.plan_due(NOW), ladders.plan_due(NOW + 2 * DAY)] == [1, 0, 0]
        assert ladders.plan_due(NOW + 3 * DAY) == 1
        assert states_of(rule) == ["planned", "planned"]
        assert Firing.objects.get().state == "done"

    def test_is_not_planned_before_its_time(self):
        rule = a_ladder()
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW + MINUTE, NOW + 3 * DAY)

        assert ladders.plan_due(NOW) == 0
        assert steps_of(firing) == [("waiting", ""), ("waiting", "")]

    def test_tries_the_next_channel_when_the_first_does_not_reach(self):
        rule = make_rule("tiny_day", steps=[make_step(channels=["email", "sms", "call"])])
        no_mail = make_patients(email="")[0]
        no_consent = make_patients(consented=("call",))[0]
        for patient in (no_mail, no_consent):
            fired(rule, patient)
        ladders.plan_due(NOW)

        assert dict(Message.objects.values_list("patient", "channel")) == {no_mail.pk: "sms", no_consent.pk: "call"}

    def test_says_why_somebody_gets_nothing_and_the_ladder_goes_on(self):
        rule = a_ladder()
        (anna,) = make_patients(consented=("sms",))
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)

        ladders.plan_due(NOW)
        assert messages_of(firing) == [("suppressed", "no_consent")]
        assert Firing.objects.get().state == "open"
        ladders.plan_due(NOW + 3 * DAY)
        assert messages_of(firing) == [("suppressed", "no_consent"), ("planned", "")]

    def test_uses_the_text_of_the_readers_language(self):
        rule = make_rule("tiny_day", steps=[make_step()])
        step = rule.steps.get()
        step.templates.all().delete()
        templates_for(step, ru="Ждём вас", en="Come again")
        (mary,) = make_patients(language="en")
        fired(rule, mary)
        ladders.plan_due(NOW)

        assert Message.objects.get().text.body == "Come again"

    def test_of_a_child_goes_to_the_guardian(self):
        rule = make_rule("tiny_day")
        (mother,) = make_patients()
        (child,) = make_patients(guardian=mother, birth_date=datetime.date(2018, 1, 1), email="", phone="")
        fired(rule, child)
        ladders.plan_due(NOW)

        message = Message.objects.get()
        assert (message.patient_id, message.recipient_id, message.state) == (child.pk, mother.pk, "planned")

    def test_that_came_too_late_is_skipped(self):
        rule = a_ladder()
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)

        assert ladders.plan_due(NOW + 48 * HOUR) == 1
        assert steps_of(firing) == [("skipped", "late"), ("waiting", "")]
        assert not Message.objects.exists()

    def test_is_of_use_until_the_last_second_and_not_at_the_end(self):
        rule = make_rule("tiny_day", steps=[make_step(useful_hours=5)])
        early, late = (fired(rule, patient) for patient in make_patients(2))
        FiringStep.objects.filter(firing=late).update(useful_until=NOW + 4 * HOUR)
        ladders.plan_due(NOW + 4 * HOUR)

        assert (steps_of(early), steps_of(late)) == ([("planned", "")], [("skipped", "late")])

    def test_of_a_rule_switched_off_ends_what_was_begun(self):
        rule = a_ladder()
        (anna,) = make_patients()
        fired(rule, anna, NOW, NOW + 3 * DAY)
        TriggerRule.objects.update(enabled=False)

        assert ladders.plan_due(NOW) == 1

    @pytest.mark.parametrize("state", ["stopped", "holdout", "cooldown", "late"])
    def test_of_a_ladder_that_does_not_go_on_is_never_planned(self, state):
        rule = a_ladder()
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, state=state)
        ladders.plan_due(NOW)

        assert steps_of(firing) == [("skipped", state), ("waiting", "")]
        assert not Message.objects.exists()
        assert Firing.objects.get().state == state

    def test_of_a_deleted_card_says_that_the_card_is_gone(self):
        rule = make_rule("tiny_day")
        (gone,) = make_patients()
        fired(rule, gone)
        Patient.objects.filter(pk=gone.pk).update(deleted_at=NOW)
        ladders.plan_due(NOW)

        assert Message.objects.get().reason == "gone"


class TestAfterDaysWithoutAWorker:
    def test_only_the_later_of_two_messages_of_a_ladder_is_sent(self):
        rule = make_rule("tiny_day", steps=[make_step(useful_hours=200), make_step(3, channels=["sms"])])
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)
        ladders.plan_due(NOW + 3 * DAY + HOUR)

        assert steps_of(firing) == [("skipped", "overtaken"), ("planned", "")]
        assert Message.objects.get().channel == "sms"
        assert Firing.objects.get().state == "done"

    def test_the_earlier_one_is_sent_to_whom_the_later_one_does_not_reach(self):
        rule = make_rule("tiny_day", steps=[make_step(useful_hours=200), make_step(3, channels=["sms"])])
        (anna,) = make_patients(phone="")
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)
        ladders.plan_due(NOW + 3 * DAY)

        assert messages_of(firing) == [("planned", ""), ("suppressed", "no_address")]

    def test_two_messages_of_one_moment_are_both_sent(self):
        rule = make_rule("tiny_moment", steps=[make_step(), make_step(channels=["sms"])], goal="none")
        (anna,) = make_patients()
        visit = booking(anna, at=NOW, status="completed")
        fired(rule, anna, NOW, NOW, visit=visit)
        ladders.plan_due(NOW)

        assert states_of(rule) == ["planned", "planned"]


class TestGoal:
    """F15: booking one service stops its ladder and no other's; a cancelled booking lets it go on."""

    @pytest.fixture
    def lenses(self):
        return make_service("Линзы")

    @pytest.fixture
    def hygiene(self):
        return make_service("Гигиена")

    def test_a_booking_stops_the_ladder_of_its_service_and_leaves_the_other(self, lenses, hygiene):
        rule = a_ladder(goal="service")
        (anna,) = make_patients()
        of_lenses = fired(rule, anna, NOW, NOW + 3 * DAY, service=lenses)
        of_hygiene = fired(rule, anna, NOW, NOW + 3 * DAY, service=hygiene)
        booking(anna, lenses, at=NOW + 9 * DAY)
        ladders.plan_due(NOW)

        assert (steps_of(of_lenses)[0], messages_of(of_lenses)) == (("held", ""), [("suppressed", "goal_met")])
        assert (steps_of(of_hygiene)[0], messages_of(of_hygiene)) == (("planned", ""), [("planned", "")])
        ladders.plan_due(NOW + 3 * DAY)
        assert messages_of(of_lenses) == [("suppressed", "goal_met")] * 2
        assert messages_of(of_hygiene) == [("planned", "")] * 2

    def test_a_cancelled_booking_lets_the_held_message_go_in_the_same_row(self, lenses):
        rule = a_ladder(goal="service")
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, service=lenses)
        visit = booking(anna, lenses, at=NOW + 9 * DAY)
        ladders.plan_due(NOW)
        row = Message.objects.get()
        assert ladders.plan_due(NOW + HOUR) == 0  # still booked

        cancel(visit)
        assert ladders.plan_due(NOW + 2 * HOUR) == 1
        message = Message.objects.get()
        assert (message.pk, message.state, message.reason, message.channel) == (row.pk, "planned", "", "email")
        assert (message.due_at, message.planned_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
        assert message.address_key is not None
        assert message.text_id is not None
        assert steps_of(firing)[0] == ("planned", "")
        assert ladders.plan_due(NOW + 3 * HOUR) == 0

    def test_what_is_no_longer_of_use_stays_held_back_and_the_next_message_goes(self, lenses):
        rule = a_ladder(goal="service")
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, service=lenses)
        visit = booking(anna, lenses, at=NOW + 9 * DAY)
        ladders.plan_due(NOW)
        cancel(visit)
        ladders.plan_due(NOW + 3 * DAY)

        assert steps_of(firing) == [("skipped", "goal_met"), ("planned", "")]
        assert messages_of(firing) == [("suppressed", "goal_met"), ("planned", "")]
        assert Firing.objects.get().state == "done"

    def test_of_two_held_messages_the_later_goes_when_the_booking_is_cancelled(self, lenses):
        rule = make_rule(
            "tiny_day", steps=[make_step(useful_hours=200), make_step(3, channels=["sms"])], goal="service"
        )
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, service=lenses)
        visit = booking(anna, lenses, at=NOW + 9 * DAY)
        ladders.plan_due(NOW)
        ladders.plan_due(NOW + 3 * DAY)
        assert [state for state, _reason in steps_of(firing)] == ["held", "held"]
        cancel(visit)
        ladders.plan_due(NOW + 3 * DAY + HOUR)

        assert steps_of(firing) == [("skipped", "overtaken"), ("planned", "")]
        assert messages_of(firing) == [("suppressed", "goal_met"), ("planned", "")]

    def test_a_message_let_go_passes_the_gate_anew(self, lenses):
        rule = make_rule("tiny_day", goal="service")
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, service=lenses)
        visit = booking(anna, lenses)
        ladders.plan_due(NOW)
        consent(anna, granted=False, at=NOW)
        cancel(visit)
        ladders.plan_due(NOW + HOUR)

        assert messages_of(firing) == [("suppressed", "no_consent")]
        assert steps_of(firing) == [("planned", "")]

    @pytest.mark.parametrize(
        ("goal", "of_group", "services", "met"),
        [
            ("none", False, ["lenses"], False),
            ("visit", False, [], True),
            ("visit", False, ["hygiene"], True),
            ("service", False, ["lenses"], True),
            ("service", False, ["hygiene"], False),
            ("service", False, ["hygiene", "lenses"], True),
            ("service", False, [], False),
            ("group", True, ["whitening"], True),
            ("group", True, ["lenses"], False),
        ],
    )
    def test_what_meets_it(self, lenses, goal, of_group, services, met):
        group = ServiceGroup.objects.create(name="Стоматология")
        known = {
            "lenses": lenses,
            "hygiene": make_service("Гигиена", group),
            "whitening": make_service("Отбеливание", group),
        }  # fmt: skip
        rule = make_rule("tiny_day", goal=goal, goal_group=group if of_group else None)
        (anna,) = make_patients()
        firing = fired(rule, anna, service=lenses)
        booking(anna, *(known[name] for name in services))
        ladders.plan_due(NOW)

        assert (steps_of(firing) == [("held", "")]) is met

    @pytest.mark.parametrize(
        ("status", "at", "met"),
        [
            ("booked", NOW + DAY, True),
            ("confirmed", NOW + DAY, True),
            ("arrived", NOW, True),
            ("completed", NOW - 5 * DAY, True),  # came meanwhile
            ("completed", NOW - 30 * DAY, False),  # the visit it is counted from
            ("completed", NOW - 30 * DAY + MINUTE, True),
            ("cancelled", NOW + DAY, False),
            ("no_show", NOW - DAY, False),
        ],
    )
    def test_which_appointment_meets_it(self, status, at, met):
        rule = make_rule("tiny_day", goal="visit")
        (anna,) = make_patients()
        firing = fired(rule, anna, since=NOW - 30 * DAY)
        booking(anna, at=at, status=status)
        ladders.plan_due(NOW)

        assert (steps_of(firing) == [("held", "")]) is met

    def test_an_appointment_the_source_has_withdrawn_meets_nothing(self):
        rule = make_rule("tiny_day", goal="visit")
        (anna,) = make_patients()
        firing = fired(rule, anna)
        visit = booking(anna)
        visit.deleted_at = NOW
        visit.save()
        ladders.plan_due(NOW)

        assert steps_of(firing) == [("planned", "")]

    def test_a_booking_of_a_merged_card_counts_for_the_one_that_is_kept(self, lenses):
        rule = make_rule("tiny_day", goal="service")
        anna, twice = make_patients(2)
        firing = fired(rule, anna, service=lenses)
        booking(twice, lenses)
        Patient.objects.filter(pk=twice.pk).update(merged_into=anna)
        ladders.plan_due(NOW)

        assert steps_of(firing) == [("held", "")]


class TestWithdrawn:
    def test_the_ladder_ends_and_what_waits_in_the_ledger_is_cancelled(self):
        rule = make_rule("tiny_moment", steps=[make_step(), make_step(3), make_step(5)], goal="none")
        (anna,) = make_patients()
        visit = booking(anna, at=NOW, status="completed")
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, NOW + 5 * DAY, visit=visit)
        ladders.plan_due(NOW)
        cancel(visit)
        ladders.plan_due(NOW + 3 * DAY)

        assert steps_of(firing) == [("planned", ""), ("skipped", "withdrawn"), ("skipped", "withdrawn")]
        assert messages_of(firing) == [("cancelled", "withdrawn")]
        firing.refresh_from_db()
        assert (firing.state, firing.closed_at) == ("withdrawn", NOW + 3 * DAY)

    def test_what_was_sent_stays_sent(self):
        rule = make_rule("tiny_moment", steps=[make_step(), make_step(3)], goal="none")
        (anna,) = make_patients()
        visit = booking(anna, at=NOW, status="completed")
        firing = fired(rule, anna, NOW, NOW + 3 * DAY, visit=visit)
        ladders.plan_due(NOW)
        Message.objects.update(state="sent", sent_at=NOW)
        cancel(visit)
        ladders.plan_due(NOW + 3 * DAY)

        assert messages_of(firing) == [("sent", "")]


class TestCaps:
    """One shared cap: two advertising messages in seven days, whoever sends them."""

    def test_messages_of_a_campaign_count(self):
        (anna,) = make_patients()
        for _ in range(2):
            launch(make_campaign())
        rule = make_rule("tiny_day")
        firing = fired(rule, anna)
        ladders.plan_due(NOW)

        assert messages_of(firing) == [("suppressed", "cap_person")]

    def test_messages_of_rules_count_for_a_campaign(self):
        (anna,) = make_patients()
        for _ in range(2):
            fired(make_rule("tiny_day"), anna)
        ladders.plan_due(NOW)
        campaign = launch(make_campaign())

        assert Message.objects.get(campaign=campaign).reason == "cap_person"

    def test_the_rule_of_higher_priority_goes_first(self):
        (anna,) = make_patients()
        low, high, middle = (make_rule("tiny_day", priority=priority) for priority in (0, 9, 5))
        for rule in (low, high, middle):
            fired(rule, anna)
        ladders.plan_due(NOW)

        assert (states_of(high), states_of(middle), states_of(low)) == (["planned"], ["planned"], ["suppressed"])

    def test_several_messages_of_one_rule_in_one_moment_are_counted_too(self):
        (anna,) = make_patients()
        rule = make_rule("tiny_day")
        for _ in range(4):
            fired(rule, anna, service=make_service())
        ladders.plan_due(NOW)

        assert states_of(rule) == ["planned", "planned", "suppressed", "suppressed"]

    def test_a_family_of_one_address_is_capped_by_the_address(self):
        rule = make_rule("tiny_day")
        family = make_patients(4, email="family@example.org")
        fired_many(rule, family, service=make_service())
        ladders.plan_due(NOW)

        reasons = list(Message.objects.order_by("pk").values_list("reason", flat=True))
        assert reasons == ["", "", "cap_address", "cap_address"]

    def test_a_hundred_patients_of_one_address_are_capped_as_well(self):
        rule = make_rule("tiny_day")
        fired_many(rule, make_patients(100, email="reception@example.org"), service=make_service())
        assert ladders.plan_due(NOW) == 100

        assert Message.objects.filter(state="planned").count() == 2

    def test_a_service_message_is_neither_counted_nor_refused(self):
        (anna,) = make_patients()
        for _ in range(2):
            make_message(anna)
        service = make_rule("tiny_moment", goal="none")
        visit = booking(anna, at=NOW, status="completed")
        for _ in range(3):
            fired(service, anna, visit=visit)
        ladders.plan_due(NOW)

        assert states_of(service) == ["planned"] * 3

    def test_service_messages_leave_room_for_advertising(self):
        (anna,) = make_patients()
        service, recall = make_rule("tiny_moment", goal="none", priority=1), make_rule("tiny_day", goal="none")
        visit = booking(anna, at=NOW, status="completed")
        for _ in range(3):
            fired(service, anna, visit=visit)
        fired(recall, anna)
        ladders.plan_due(NOW)

        assert states_of(recall) == ["planned"]

    def test_a_service_message_needs_no_consent_to_advertising(self):
        (anna,) = make_patients(consented=())
        rule = make_rule("tiny_moment", goal="none")
        fired(rule, anna, visit=booking(anna, at=NOW, status="completed"))
        ladders.plan_due(NOW)

        assert states_of(rule) == ["planned"]


class TestHousehold:
    def test_two_children_with_two_appointments_are_both_reminded_of(self):
        (mother,) = make_patients()
        children = make_patients(2, guardian=mother, birth_date=datetime.date(2018, 1, 1), email="", phone="")
        rule = make_rule("tiny_moment", goal="none")
        for child in children:
            fired(rule, child, visit=booking(child, at=NOW, status="completed"))
        ladders.plan_due(NOW)

        assert states_of(rule) == ["planned", "planned"]

    def test_advertising_about_nothing_of_ones_own_goes_once_to_an_address(self):
        rule = make_rule("tiny_day")
        fired_many(rule, make_patients(2, email="family@example.org"))
        ladders.plan_due(NOW)

        assert sorted(messages_of(firing)[0] for firing in Firing.objects.all()) == [
            ("planned", ""), ("suppressed", "household"),
        ]  # fmt: skip

    def test_advertising_about_ones_own_service_goes_to_each(self):
        rule = make_rule("tiny_day")
        fired_many(rule, make_patients(2, email="family@example.org"), service=make_service())
        ladders.plan_due(NOW)

        assert states_of(rule) == ["planned", "planned"]


class TestQuietHours:
    def test_branches_seven_hours_apart_are_written_to_in_their_own_morning(self):
        west, east = make_branch("Калининград", "Europe/Kaliningrad"), make_branch("Владивосток", "Asia/Vladivostok")
        rule = make_rule("tiny_day")
        of_west, of_east = make_patients(branch=west)[0], make_patients(branch=east)[0]
        at = datetime.datetime(2026, 11, 23, 18, 30, tzinfo=datetime.UTC)  # 20:30 in the west, 4:30 in the east
        for patient, branch in ((of_west, west), (of_east, east)):
            fired(rule, patient, at, branch=branch)
        ladders.plan_due(at)

        due = dict(Message.objects.values_list("patient", "due_at"))
        assert due == {of_west.pk: at, of_east.pk: datetime.datetime(2026, 11, 23, 23, 0, tzinfo=datetime.UTC)}

    def test_what_the_morning_makes_useless_is_told_at_once(self):
        rule = make_rule("tiny_day", steps=[make_step(useful_hours=4)])
        (anna,) = make_patients()
        at = datetime.datetime(2026, 11, 23, 19, 0, tzinfo=datetime.UTC)  # 22:00 in Moscow; 9:00 is in eleven hours
        firing = fired(rule, anna, at)
        ladders.plan_due(at)

        assert messages_of(firing) == [("suppressed", "late")]

    @pytest.mark.parametrize(
        ("zone", "at", "due"),
        [
            # The night on which the clock is set: the end of the quiet hours is nine by the clock on the wall.
            ("Europe/Berlin", "2026-03-28T22:00", "2026-03-29T07:00"),
            ("Europe/Berlin", "2026-10-24T21:00", "2026-10-25T08:00"),
            ("America/New_York", "2026-03-08T03:00", "2026-03-08T13:00"),
            ("America/New_York", "2026-11-01T03:00", "2026-11-01T14:00"),
            ("Asia/Kathmandu", "2026-11-23T20:00", "2026-11-24T03:15"),
        ],
    )
    def test_clocks_that_are_set(self, zone, at, due):
        branch = make_branch("Где-то", zone)
        (anna,) = make_patients(branch=branch)
        begin, end = (datetime.datetime.fromisoformat(f"{moment}+00:00") for moment in (at, due))
        rule = make_rule("tiny_day", on=begin - DAY)
        fired(rule, anna, begin, branch=branch)
        ladders.plan_due(begin)

        assert Message.objects.get().due_at == end


class TestQuota:
    def test_so_many_new_ladders_a_day_at_a_branch_and_the_others_wait(self):
        rule = make_rule("tiny_day", per_day=2)
        one, other = make_branch("Первый"), make_branch("Второй")
        for branch, people in ((one, 5), (other, 1)):
            fired_many(rule, make_patients(people, branch=branch), branch=branch)

        def planned() -> dict[int, int]:
            rows = Message.objects.filter(state="planned").values_list("branch", flat=True)
            return {branch.pk: list(rows).count(branch.pk) for branch in (one, other)}

        assert ladders.plan_due(NOW) == 3
        assert planned() == {one.pk: 2, other.pk: 1}
        assert ladders.plan_due(NOW + HOUR) == 0
        # The next day by the clock of the branch, not a day later: midnight in Moscow is nine in the evening.
        assert ladders.plan_due(datetime.datetime(2026, 11, 23, 20, 59, tzinfo=datetime.UTC)) == 0
        assert ladders.plan_due(datetime.datetime(2026, 11, 23, 21, 0, tzinfo=datetime.UTC)) == 2
        assert planned() == {one.pk: 4, other.pk: 1}

    def test_who_has_waited_longest_goes_first_and_who_waited_too_long_is_late(self):
        rule = make_rule("tiny_day", per_day=1)
        first, second, third = make_patients(3)
        late = fired(rule, third, NOW + 2 * MINUTE)
        fired(rule, first, NOW)
        fired(rule, second, NOW + MINUTE)
        for day in range(3):
            ladders.plan_due(NOW + 2 * MINUTE + day * DAY)

        assert list(Message.objects.order_by("planned_at").values_list("patient", flat=True)) == [first.pk, second.pk]
        assert steps_of(late) == [("skipped", "late")]

    def test_who_cannot_be_written_to_takes_no_place(self):
        rule = make_rule("tiny_day", per_day=1)
        fired_many(rule, [*make_patients(3, consented=()), *make_patients(1)])
        ladders.plan_due(NOW)

        assert states_of(rule) == ["suppressed"] * 3 + ["planned"]

    def test_only_the_first_message_of_a_ladder_needs_a_place(self):
        rule = a_ladder(per_day=1)
        anna, boris = make_patients(2)
        fired(rule, anna, NOW, NOW + 3 * DAY)
        ladders.plan_due(NOW)
        fired(rule, boris, NOW + 3 * DAY, NOW + 6 * DAY)
        ladders.plan_due(NOW + 3 * DAY)

        assert states_of(rule) == ["planned", "planned", "planned", ""]

    def test_a_ladder_whose_first_message_was_held_back_begins_with_the_next(self):
        rule = a_ladder(per_day=1, goal="visit")
        anna, boris = make_patients(2)
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)
        visit = booking(anna, at=NOW + 9 * DAY)
        fired(rule, boris, NOW, NOW + 3 * DAY)
        ladders.plan_due(NOW)
        assert states_of(rule) == ["suppressed", "", "planned", ""]
        cancel(visit)
        assert ladders.plan_due(NOW + HOUR) == 0  # no place left today
        assert steps_of(firing)[0] == ("held", "")
        assert ladders.plan_due(NOW + DAY) == 1
        assert steps_of(firing)[0] == ("planned", "")

    def test_no_place_at_all_plans_nobody(self):
        rule = make_rule("tiny_day", per_day=0)
        fired_many(rule, make_patients(2))
        assert ladders.plan_due(NOW) == 0

    def test_new_ladders_follow_the_free_slots_of_the_coming_week(self):
        """15 slots in seven days: ⌈15 ÷ 7⌉ = 3 new ladders a day there; a branch without any gets none."""
        free, full = make_branch("Свободный"), make_branch("Полный")
        for day, slots in ((1, 10), (7, 5), (8, 100), (0, 100)):
            Slot.objects.create(
                source=free.source, external_id=f"slot{day}", branch=free, day=NOW.date() + day * DAY, free=slots
            )
        rule = make_rule("tiny_day", by_capacity=True)
        for branch in (free, full):
            fired_many(rule, make_patients(5, branch=branch), branch=branch)
        ladders.plan_due(NOW)

        assert list(Message.objects.values_list("branch", flat=True)) == [free.pk] * 3
        assert ladders.plan_due(NOW + HOUR) == 0

    def test_two_rules_share_the_free_slots(self):
        branch = make_branch()
        Slot.objects.create(
            source=branch.source, external_id="slot", branch=branch, day=NOW.date() + DAY, free=21
        )  # fmt: skip
        first, second = (make_rule("tiny_day", by_capacity=True, priority=priority) for priority in (2, 1))
        fired_many(first, make_patients(2, branch=branch), branch=branch)
        fired_many(second, make_patients(5, branch=branch), branch=branch)
        ladders.plan_due(NOW)

        assert (states_of(first).count("planned"), states_of(second).count("planned")) == (2, 1)


class TestSentAgain:
    @pytest.fixture
    def unknown(self):
        rule = make_rule("tiny_moment", goal="none", resend_unknown=True)
        (anna,) = make_patients()
        fired(rule, anna, visit=booking(anna, at=NOW, status="completed"))
        ladders.plan_due(NOW)
        return rule, self.crash(NOW)

    @staticmethod
    def crash(at: datetime.datetime) -> Message:
        Message.objects.update(state="unknown", reason="interrupted", claimed_at=at, sent_at=at, attempts=1)
        return Message.objects.get()

    def test_a_service_message_that_may_not_have_been_sent_goes_again_once(self, unknown):
        assert ladders.plan_due(NOW + MINUTE) == 1
        message = Message.objects.get()
        assert (message.state, message.reason, message.due_at) == ("planned", "", NOW + MINUTE)
        assert (message.sent_at, message.dispatcher_id, message.attempts) == (None, None, 0)
        self.crash(NOW + MINUTE)
        assert ladders.plan_due(NOW + 2 * MINUTE) == 0
        assert Message.objects.get().state == "unknown"

    def test_not_when_it_is_no_longer_of_use(self, unknown):
        assert ladders.plan_due(NOW + 48 * HOUR) == 0

    def test_not_unless_the_rule_says_so(self, unknown):
        TriggerRule.objects.update(resend_unknown=False)
        assert ladders.plan_due(NOW + MINUTE) == 0

    def test_never_advertising(self, unknown):
        Message.objects.update(purpose="marketing")
        assert ladders.plan_due(NOW + MINUTE) == 0


class TestFaults:
    def test_a_rule_that_fails_keeps_no_other_from_going_on_and_says_so(self):
        broken, sound = make_rule("tiny_day", priority=5), make_rule("tiny_day")
        (anna,) = make_patients()
        for rule in (broken, sound):
            fired(rule, anna)
        TriggerRule.objects.filter(pk=broken.pk).update(rule_type="no_more")
        ladders.plan_due(NOW)

        assert (states_of(broken), states_of(sound)) == ([""], ["planned"])
        assert TriggerRule.objects.get(pk=broken.pk).error == "KeyError"

    def test_one_rule_alone_may_be_asked_for(self):
        one, other = make_rule("tiny_day"), make_rule("tiny_day")
        (anna,) = make_patients()
        for rule in (one, other):
            fired(rule, anna)

        assert ladders.plan_due(NOW, one.pk) == 1
        assert (states_of(one), states_of(other)) == (["planned"], [""])

    def test_killed_before_the_end_of_a_rule_nothing_has_happened(self):
        rule = a_ladder()
        (anna,) = make_patients()
        firing = fired(rule, anna, NOW, NOW + 3 * DAY)
        with mock.patch("triggers.services.due_steps.close", side_effect=SystemExit), pytest.raises(SystemExit):
            ladders.plan_due(NOW)

        assert (steps_of(firing), Message.objects.count()) == ([("waiting", ""), ("waiting", "")], 0)
        assert ladders.plan_due(NOW) == 1

    def test_nothing_to_do_costs_a_few_queries_and_no_table(self, django_assert_max_num_queries):
        fired(a_ladder(), *make_patients(), NOW + DAY, NOW + 4 * DAY)
        with django_assert_max_num_queries(2):
            assert ladders.plan_due(NOW) == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'ladder%%' AND relpersistence = 't'")
            assert cursor.fetchone()[0] == 0


def test_the_caps_of_the_clinic_hold(db):
    policy(cap_messages=1, cap_days=30)
    (anna,) = make_patients()
    make_message(anna, at=NOW - 29 * DAY, cost=Decimal(1))
    firing = fired(make_rule("tiny_day"), anna)
    ladders.plan_due(NOW)

    assert messages_of(firing) == [("suppressed", "cap_person")]
