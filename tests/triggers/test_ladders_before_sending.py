"""Between planning and sending hours may lie: what has changed is found out by the last look, and may change back."""

import datetime

import pytest

from campaigns import reasons
from campaigns.models import Message
from campaigns.services.deciding import gate
from campaigns.services.deciding.gate import Verdict
from patients.models import Patient, Visit
from tests.campaigns.making import NOW, launch, make_branch, make_campaign, make_message, make_patients
from tests.triggers.ladder_making import (
    DAY,
    HOUR,
    booking,
    cancel,
    fired,
    make_service,
    messages_of,
    steps_of,
)
from tests.triggers.making import fire, make_rule, make_step
from triggers.models import Firing, FiringStep
from triggers.services import closer_look, ladders, merged

pytestmark = pytest.mark.django_db
State = Message.State


@pytest.fixture
def anna() -> Patient:
    return make_patients()[0]


def planned(patient: Patient, **fields: object) -> tuple[Firing, Message]:
    rule = make_rule("tiny_day", **{"goal": "service", **fields})  # type: ignore[arg-type]
    firing = fired(rule, patient, service=make_service())
    ladders.plan_due(NOW)
    return firing, Message.objects.get(trigger_step__firing=firing)


def taken(message: Message, now: datetime.datetime) -> dict[int, Verdict]:
    """What a dispatcher does: claims it, asks the gate, writes down what it said."""
    Message.objects.filter(pk=message.pk).update(state=State.SENDING, reason="", claimed_at=now)
    said = gate.recheck([message.pk], now)
    for pk, verdict in said.items():
        state = State.DEFERRED if verdict.due_at else State.CANCELLED
        Message.objects.filter(pk=pk).update(state=state, reason=verdict.reason, due_at=verdict.due_at or now)
    return said


class TestTheGateAsks:
    def test_nothing_changed_nothing_said(self, anna):
        _firing, message = planned(anna)
        assert gate.recheck([message.pk], NOW) == {}

    def test_a_booking_made_since_cancels_the_message_and_holds_the_step(self, anna):
        firing, message = planned(anna)
        assert Firing.objects.get().state == "done"
        booking(anna, firing.service)

        assert taken(message, NOW) == {message.pk: Verdict(reasons.GOAL_MET)}
        assert steps_of(firing) == [("held", "")]
        firing.refresh_from_db()
        assert (firing.state, firing.closed_at) == ("open", None)

    def test_a_booking_of_another_service_changes_nothing(self, anna):
        _firing, message = planned(anna)
        booking(anna, make_service())
        assert gate.recheck([message.pk], NOW) == {}

    def test_the_message_goes_after_all_when_the_booking_is_cancelled(self, anna):
        firing, message = planned(anna)
        visit = booking(anna, firing.service)
        taken(message, NOW)
        assert ladders.plan_due(NOW + HOUR) == 0
        cancel(visit)

        assert ladders.plan_due(NOW + 2 * HOUR) == 1
        message.refresh_from_db()
        assert (message.state, message.reason, message.due_at) == ("planned", "", NOW + 2 * HOUR)
        assert (steps_of(firing), Firing.objects.get().state) == ([("planned", "")], "done")

    def test_while_a_dispatcher_has_it_in_hand_nothing_is_decided(self, anna):
        firing, message = planned(anna)
        visit = booking(anna, firing.service)
        Message.objects.update(state="sending")
        closer_look.verdicts([message.pk], NOW)
        cancel(visit)

        assert ladders.plan_due(NOW + HOUR) == 0
        assert steps_of(firing) == [("held", "")]

    def test_a_dispatcher_that_died_after_the_look_leaves_no_step_held(self, anna):
        """It had claimed the message, asked, and was killed: the row is planned again and sent by another."""
        firing, message = planned(anna)
        booking(anna, firing.service)
        Message.objects.update(state="sending")
        closer_look.verdicts([message.pk], NOW)
        Message.objects.update(state="sent", sent_at=NOW)
        ladders.plan_due(NOW + HOUR)

        assert (steps_of(firing), Firing.objects.get().state) == ([("planned", "")], "done")

    def test_a_goal_met_outweighs_a_night_to_be_waited_for(self, anna):
        firing, message = planned(anna)
        booking(anna, firing.service, at=NOW + 20 * DAY)
        night = NOW.replace(hour=20)  # eleven in the evening
        assert gate.recheck([message.pk], night) == {message.pk: Verdict(reasons.GOAL_MET)}

    def test_a_night_is_waited_for_when_nothing_else_speaks_against_it(self, anna):
        _firing, message = planned(anna)
        night = NOW.replace(hour=20)
        morning = datetime.datetime(2026, 11, 24, 6, 0, tzinfo=datetime.UTC)
        assert gate.recheck([message.pk], night) == {message.pk: Verdict(reasons.QUIET_HOURS, morning)}

    def test_an_occasion_that_is_no_more(self, anna):
        visit = booking(anna, at=NOW - DAY, status="completed")
        rule = make_rule("tiny_moment", goal="none")
        fired(rule, anna, visit=visit)
        ladders.plan_due(NOW)
        message = Message.objects.get()
        assert gate.recheck([message.pk], NOW) == {}
        cancel(visit)
        assert gate.recheck([message.pk], NOW) == {message.pk: Verdict(reasons.WITHDRAWN)}

    def test_a_ladder_that_was_stopped(self, anna):
        _firing, message = planned(anna)
        Firing.objects.update(state="stopped")
        assert gate.recheck([message.pk], NOW) == {message.pk: Verdict(reasons.STOPPED)}

    def test_what_the_gate_says_itself_stays(self, anna):
        firing, message = planned(anna)
        booking(anna, firing.service)
        late = NOW + 48 * HOUR
        assert gate.recheck([message.pk], late) == {message.pk: Verdict(reasons.LATE)}
        assert steps_of(firing) == [("planned", "")]

    def test_other_messages_are_none_of_its_business(self, anna):
        campaign = launch(make_campaign())
        of_campaign = Message.objects.get(campaign=campaign)
        alone = make_message(anna, state="planned")
        booking(anna)
        assert closer_look.verdicts([of_campaign.pk, alone.pk], NOW) == {}

    def test_a_batch_of_several_rules_takes_a_query_or_two_for_each(self, anna, django_assert_max_num_queries):
        rules = [make_rule("tiny_day", goal="service") for _ in range(3)]
        for patient in make_patients(20):
            for rule in rules[:2]:
                fired(rule, patient, service=make_service())
        ladders.plan_due(NOW)
        ids = list(Message.objects.values_list("pk", flat=True))
        assert len(ids) == 40
        with django_assert_max_num_queries(3):
            assert closer_look.verdicts(ids, NOW) == {}

    def test_nothing_is_said_of_a_rule_whose_type_is_no_more(self, anna):
        firing, message = planned(anna)
        firing.rule.rule_type = "no_more"
        firing.rule.save()
        assert closer_look.verdicts([message.pk], NOW) == {}


class TestAnotherPersonsVisit:
    """The source says later that the visit was posted for the wrong card."""

    def test_what_is_to_come_is_not_sent_and_the_right_one_is_written_to(self):
        rule = make_rule("appointment_reminder", [make_step(-48, "hour"), make_step(-24, "hour")])
        wrong, right = make_patients(2)
        visit = booking(wrong, at=NOW + 2 * DAY)
        fire(NOW)
        Visit.objects.filter(pk=visit.pk).update(patient=right)
        (message,) = Message.objects.all()
        assert closer_look.verdicts([message.pk], NOW) == {message.pk: Verdict(reasons.WITHDRAWN)}

        fire(NOW + DAY)
        assert dict(rule.firings.values_list("patient", "state")) == {wrong.pk: "withdrawn", right.pk: "done"}
        assert Message.objects.filter(patient=wrong).exclude(state="cancelled").count() == 0
        assert Message.objects.get(patient=right).state == "planned"

    def test_of_a_card_merged_into_ones_own_it_is_ones_own(self):
        make_rule("appointment_reminder", [make_step(-48, "hour")])
        twice, kept = make_patients(2)
        booking(twice, at=NOW + 2 * DAY)
        fire(NOW)
        (message,) = Message.objects.all()
        Patient.objects.filter(pk=twice.pk).update(merged_into=kept)
        assert closer_look.verdicts([message.pk], NOW) == {}
        fire(NOW + HOUR)
        assert closer_look.verdicts([message.pk], NOW) == {}


class TestMergedCards:
    def test_a_ladder_goes_on_with_the_card_that_is_kept(self):
        rule = make_rule("tiny_day", steps=[make_step(), make_step(3)], goal="none")
        twice, kept = make_patients(2)
        firing = fired(rule, twice, NOW, NOW + 3 * DAY)
        ladders.plan_due(NOW)
        Patient.objects.filter(pk=twice.pk).update(merged_into=kept)

        assert merged.follow(rule.pk, NOW, [twice.pk, kept.pk]) == 1
        ladders.plan_due(NOW + 3 * DAY)
        assert set(Message.objects.values_list("patient", flat=True)) == {kept.pk}
        assert messages_of(firing) == [("planned", ""), ("planned", "")]

    def test_the_live_run_writes_once_about_a_visit_of_a_card_that_is_merged_then(self):
        rule = make_rule("tiny_day", steps=[make_step(1, useful_hours=200)], goal="none")
        twice, kept = make_patients(2)
        booking(twice, at=NOW - DAY, status="completed")
        assert (fire(NOW), Message.objects.count()) == (1, 1)
        Patient.objects.filter(pk=twice.pk).update(merged_into=kept)

        assert fire(NOW + HOUR) == 0
        assert list(Firing.objects.filter(rule=rule).values_list("patient", "state")) == [(kept.pk, "done")]

    def test_what_waits_to_be_sent_goes_to_the_card_that_is_kept(self):
        make_rule("tiny_day", goal="none")
        twice, kept = make_patients(2)
        booking(twice, at=NOW - HOUR, status="completed")
        fire(NOW)
        Patient.objects.filter(pk=twice.pk).update(merged_into=kept)
        fire(NOW + HOUR)
        Message.objects.update(state="sending")
        (message,) = Message.objects.all()
        assert gate.recheck([message.pk], NOW + HOUR) == {}
        message.refresh_from_db()
        assert (message.patient_id, message.recipient_id) == (kept.pk, None)

    def test_of_two_ladders_of_one_occasion_one_is_left(self):
        rule = make_rule("tiny_day")
        first, second, kept = make_patients(3)
        for patient in (first, second):
            fired(rule, patient)
        Firing.objects.update(occasion="same")
        Patient.objects.filter(pk__in=[first.pk, second.pk]).update(merged_into=kept)

        assert merged.follow(rule.pk, NOW) == 1
        assert merged.follow(rule.pk, NOW) == 0
        ladders.plan_due(NOW)
        assert sorted(Firing.objects.values_list("patient", "state")) == sorted(
            [(kept.pk, "done"), (second.pk, "withdrawn")]
        )
        assert Message.objects.count() == 1

    def test_ladders_of_others_stay_where_they_are(self):
        rule, other = make_rule("tiny_day"), make_rule("tiny_day")
        twice, kept = make_patients(2)
        for each in (rule, other):
            fired(each, twice)
        Patient.objects.filter(pk=twice.pk).update(merged_into=kept)

        assert merged.follow(rule.pk, NOW, [kept.pk]) == 0
        assert merged.follow(rule.pk, NOW) == 1
        assert set(Firing.objects.values_list("rule", "patient")) == {(rule.pk, kept.pk), (other.pk, twice.pk)}


def test_a_quota_counts_by_the_branch_of_the_occasion(db):
    """The patient's home is elsewhere: the place is taken where the occasion was."""
    home, there = make_branch("Дом"), make_branch("Там")
    rule = make_rule("tiny_day", per_day=1)
    people = make_patients(3, branch=home)
    for patient in people[:2]:
        fired(rule, patient, branch=there)
    fired(rule, people[2], branch=home)
    ladders.plan_due(NOW)

    assert sorted(Message.objects.values_list("branch", flat=True)) == sorted([home.pk, there.pk])
    assert FiringStep.objects.filter(state="waiting").count() == 1
