"""Who would get the first message today, and what would become of it."""

import datetime

import pytest

from campaigns.models import Message
from patients.models import Branch
from tests.campaigns.making import NOW, make_branch, make_message, make_patients, make_visit, policy
from tests.triggers.making import fire, make_rule, make_step
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import who

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


def test_every_outcome_has_its_people_and_they_add_up() -> None:
    policy(cap_messages=1, cap_days=7)
    written, booked, capped, rested = make_patients(4)
    silent = make_patients(1, consented=())[0]
    nowhere = make_patients(1, email="", phone="")[0]
    everybody = (written, booked, capped, rested, silent, nowhere)
    for patient in everybody:
        make_visit(patient, NOW - DAY)
    make_visit(rested, NOW - 8 * DAY)
    make_visit(booked, NOW + 3 * DAY, status="booked")
    make_message(capped, at=NOW - DAY)
    rule = make_rule("tiny_day", [make_step(1)], on=NOW - 30 * DAY, cooldown_days=20)
    fire(NOW - 7 * DAY)
    assert Firing.objects.get().patient == rested

    found = who.today(rule, NOW)
    outcomes = {person.patient_id: person.outcome for person in found.people}
    assert outcomes == {
        written.pk: "", booked.pk: "goal_met", capped.pk: "cap_person", rested.pk: "cooldown", silent.pk: "no_consent",
        nowhere.pk: "no_address",
    }  # fmt: skip
    assert found.total == sum(found.by_outcome.values()) == len(everybody)
    assert found.people[0].patient_id == written.pk


def test_it_says_what_the_live_run_then_does() -> None:
    patients = make_patients(30)
    for number, patient in enumerate(patients):
        make_visit(patient, NOW - DAY + number * datetime.timedelta(minutes=1))
    rule = make_rule("tiny_day", [make_step(1), make_step(4)], holdout_percent=40)
    found = who.today(rule, NOW, limit=100)
    assert found.people[0].steps == (NOW - 2 * HOUR, NOW - 2 * HOUR + 3 * DAY)
    fire(NOW)
    assert {person.patient_id for person in found.people if not person.outcome} == set(
        Message.objects.filter(state="planned").values_list("patient", flat=True)
    )
    assert {person.patient_id for person in found.people if person.outcome == "holdout"} == set(
        Firing.objects.filter(state="holdout").values_list("patient", flat=True)
    )
    # Asked again the same evening, it says the same.
    assert who.today(rule, NOW, limit=100).people == found.people


def test_today_is_the_day_of_the_branch() -> None:
    late = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=datetime.UTC)  # the 24th at six in Vladivostok
    east: Branch = make_branch("Восток", "Asia/Vladivostok")
    here, there = make_patients(1)[0], make_patients(1, branch=east)[0]
    for patient in (here, there):
        make_visit(patient, late - 2 * HOUR)  # the 23rd in Moscow
    assert [person.patient_id for person in who.today(make_rule("tiny_day"), late).people] == [here.pk]
    tomorrow = make_rule("tiny_day", [make_step(1)])
    assert [person.patient_id for person in who.today(tomorrow, late).people] == [there.pk]


def test_only_the_first_are_named_and_nothing_is_written() -> None:
    for patient in make_patients(7):
        make_visit(patient, NOW - HOUR)
    found = who.today(make_rule("tiny_moment", on=None), NOW, limit=3)
    assert (found.total, len(found.people), found.by_outcome) == (7, 3, {"": 7})
    assert Firing.objects.count() == Message.objects.count() == 0


def test_of_nobody_and_of_a_rule_without_messages_it_says_nothing() -> None:
    assert who.today(make_rule("tiny_day"), NOW) == who.Who()
    assert who.today(TriggerRule(rule_type="tiny_day", params={}), NOW) == who.Who()


def test_what_was_due_before_the_rule_was_on_or_is_of_no_use_any_more_is_told_as_the_live_run_notes_it() -> None:
    for hours in (1, 3, 5):
        make_visit(make_patients(1)[0], NOW - hours * HOUR)
    steps = [make_step(0, "hour", useful_hours=4), make_step(48, "hour")]
    rule = make_rule("tiny_moment", steps, on=NOW - 4 * HOUR)
    found = who.today(rule, NOW)
    assert sorted(person.outcome for person in found.people) == ["", "", "before_on"]
    late = who.today(rule, NOW + 2 * HOUR)
    assert sorted(person.outcome for person in late.people) == ["", "before_on", "late"]
    fire(NOW + 2 * HOUR)
    noted = FiringStep.objects.filter(step=steps[0]).select_related("firing")
    assert {person.patient_id: person.outcome for person in late.people} == {
        step.firing.patient_id: step.reason for step in noted
    }
    # What has gone is not called late in the evening of the same day.
    assert who.today(rule, NOW + 7 * HOUR).by_outcome == late.by_outcome


def test_late_is_late_also_of_a_rule_that_is_off_and_what_is_past_when_it_goes_on_is_told() -> None:
    early, just = make_patients(2)
    make_visit(early, NOW - 5 * HOUR)
    make_visit(just, NOW - HOUR)
    rule = make_rule("tiny_moment", [make_step(0, "hour", useful_hours=2)], on=None)
    assert who.today(rule, NOW).by_outcome == {"": 1, "late": 1}
    assert who.today(rule, NOW, on=NOW).by_outcome == {"before_on": 2}
