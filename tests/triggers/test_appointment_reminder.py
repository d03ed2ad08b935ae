"""Reminders of appointments: which appointments, as of when, and when one is no more."""

import datetime
from typing import Any

import pytest

from patients.models import Integration, Patient, Service, ServiceGroup, Visit, VisitChange, VisitItem
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.asking import anchors, found, note, sentence, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers.models import Firing, TriggerRule
from triggers.services import looking

HOUR = datetime.timedelta(hours=1)
START = at(FIRST, 15)


class TestAppointmentReminder(TypeContract):
    code = "appointment_reminder"
    steps = ((-48, "hour", None), (-24, "hour", None), (-2, "hour", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day), "booked", created_at=at(day - 9 * DAY))

    def lead(self) -> datetime.timedelta:
        return 2 * DAY

    def test_the_occasion_can_be_asked_for_again(self) -> None:
        """It is there until the appointment begins, and no longer."""
        rule, _patients = self.story(n=1, on=self.window().after)
        looking.look(rule.pk, self.window().until)
        assert not withdrawn(rule, at(FIRST, 11, 59))
        assert withdrawn(rule, at(FIRST, 12))


@pytest.fixture
def patient(db: None) -> Patient:
    return make_patients(1)[0]


@pytest.fixture
def rule(db: None) -> TriggerRule:
    return make_rule("appointment_reminder", [make_step(-48, "hour"), make_step(-2, "hour")], on=None)


def booked(patient: Patient, start: datetime.datetime = START, status: str = "booked", **fields: Any) -> Visit:
    return make_visit(patient, start, status, created_at=start - 20 * DAY, **fields)


@pytest.mark.parametrize("status", ["booked", "confirmed", "arrived", "completed", "no_show"])
def test_an_appointment_is_reminded_of_whatever_became_of_it(patient: Patient, rule: TriggerRule, status: str) -> None:
    booked(patient, status=status)
    assert anchors(rule) == [START]


def test_a_cancelled_one_is_not(patient: Patient, rule: TriggerRule) -> None:
    booked(patient, status="cancelled")
    assert anchors(rule) == []


def test_cancelled_after_the_first_reminder_it_had_been_one(patient: Patient, rule: TriggerRule) -> None:
    visit = booked(patient)
    note(visit, START - 30 * HOUR, status="cancelled")
    assert anchors(rule) == [START]


def test_cancelled_before_the_first_reminder_it_had_not(patient: Patient, rule: TriggerRule) -> None:
    visit = booked(patient)
    note(visit, START - 49 * HOUR, status="cancelled")
    assert anchors(rule) == []


def test_booked_again_in_time_or_late_it_is_one(patient: Patient, rule: TriggerRule) -> None:
    visit = booked(patient)
    note(visit, START - 60 * HOUR, status="cancelled")
    note(visit, START - 5 * HOUR, status="booked")
    assert anchors(rule) == [START]


def test_moved_after_the_first_reminder_both_times_are_occasions(patient: Patient, rule: TriggerRule) -> None:
    visit = booked(patient)
    note(visit, START - 30 * HOUR, starts_at=START + 5 * DAY)
    assert anchors(rule) == [START, START + 5 * DAY]


def test_moved_before_it_only_the_new_time_is(patient: Patient, rule: TriggerRule) -> None:
    visit = booked(patient)
    note(visit, START - 60 * HOUR, starts_at=START + 5 * DAY)
    assert anchors(rule) == [START + 5 * DAY]


def test_an_appointment_made_an_hour_before_is_found_for_what_is_still_of_use(
    patient: Patient, rule: TriggerRule
) -> None:
    make_visit(patient, START, "booked", created_at=START - HOUR)
    assert anchors(rule) == [START]


def test_who_came_without_an_appointment_had_none(patient: Patient, rule: TriggerRule) -> None:
    """The clinic was connected, and the visit was first heard of when it was over."""
    Integration.objects.filter(code="test").update(created_at=START - 400 * DAY)
    make_visit(patient, START, "completed", created_at=START + HOUR)
    assert anchors(rule) == []
    Visit.objects.update(status="booked")
    assert anchors(rule) == [START], "an appointment posted too late is told as such"


def test_history_from_before_the_clinic_was_connected_had_appointments(patient: Patient, rule: TriggerRule) -> None:
    Integration.objects.filter(code="test").update(created_at=START + 400 * DAY)
    make_visit(patient, START, "completed", created_at=START + 401 * DAY)
    assert anchors(rule) == [START]


def test_withdrawn_visits_are_none_unless_they_were_withdrawn_after_the_reminder(
    patient: Patient, rule: TriggerRule
) -> None:
    visit = booked(patient)
    Visit.objects.filter(pk=visit.pk).update(deleted_at=START - 50 * HOUR)
    assert anchors(rule) == []
    Visit.objects.filter(pk=visit.pk).update(deleted_at=START - 10 * HOUR)
    assert anchors(rule) == [START]


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"starts_at": START + HOUR}, True), ({"status": "cancelled"}, True), ({"status": "no_show"}, True),
        ({"status": "completed"}, True), ({"deleted_at": START - 40 * HOUR}, True), ({"status": "confirmed"}, False),
        ({"promo_code": "A"}, False),
    ],
)  # fmt: skip
def test_what_takes_an_appointment_back(patient: Patient, change: dict[str, Any], gone: bool) -> None:
    visit = booked(patient)
    rule = make_rule("appointment_reminder", [make_step(-48, "hour")], on=START - 60 * HOUR)
    looking.look(rule.pk, START - 47 * HOUR)
    Visit.objects.filter(pk=visit.pk).update(**change)
    assert withdrawn(rule, START - 30 * HOUR) is gone


def test_without_the_confirmed_who_confirms_is_left_alone(patient: Patient) -> None:
    rule = make_rule(
        "appointment_reminder", [make_step(-48, "hour"), make_step(-24, "hour")], {"confirmed": False},
        on=START - 60 * HOUR,
    )  # fmt: skip
    visit = booked(patient)
    looking.look(rule.pk, START - 47 * HOUR)
    assert Firing.objects.get().visit_id == visit.pk
    assert not withdrawn(rule, START - 30 * HOUR)
    note(visit, START - 29 * HOUR, status="confirmed")
    assert withdrawn(rule, START - 28 * HOUR)
    assert anchors(rule) == [START], "it was not confirmed when the first reminder fell due"
    VisitChange.objects.update(at=START - 50 * HOUR)
    assert anchors(rule) == []


def test_services_choose_the_visits_and_name_them(patient: Patient) -> None:
    visit, other = booked(patient), booked(patient, START + 3 * DAY)
    group = ServiceGroup.objects.create(name="Стоматология")
    cleaning, check = (
        Service.objects.create(name=name, external_id=name, source=visit.source, group=part)
        for name, part in (("Чистка", group), ("Осмотр", None))
    )
    VisitItem.objects.create(visit=visit, service=cleaning, price=100)
    VisitItem.objects.create(visit=visit, service=check, price=900)
    VisitItem.objects.create(visit=other, service=check, price=900)
    steps = [make_step(-48, "hour")]
    for params, service in (({"services": [cleaning.pk]}, cleaning), ({"groups": [group.pk]}, cleaning)):
        rule = make_rule("appointment_reminder", [make_step(-48, "hour")], params, on=None)
        rows = found(rule)
        assert [(row["visit_id"], row["service_id"]) for row in rows] == [(visit.pk, service.pk)]
        assert ("Чистка" if params.get("services") else "Стоматология") in sentence(rule)
    rule = make_rule("appointment_reminder", steps, on=None)
    assert {row["service_id"] for row in found(rule)} == {check.pk}


def test_the_reminder_follows_the_branch_of_the_appointment(patient: Patient, rule: TriggerRule) -> None:
    far = make_branch("Владивосток", "Asia/Vladivostok")
    booked(patient, branch=far)
    (row,) = found(rule)
    assert (row["branch_id"], row["zone"]) == (far.pk, "Asia/Vladivostok")
    assert row["first_due"] == START - 48 * HOUR, "so long before, whatever the clock says"
