"""Newcomers: before the first visit and after it."""

import datetime
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from patients.models import AcquisitionChannel, Patient, Service, Visit, VisitItem
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.asking import explained, found, sentence, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.plain import Chance, asked
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers.models import TriggerRule
from triggers.services import looking


class TestWelcome(TypeContract):
    code = "welcome"
    steps = ((0, "day", None), (14, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        Patient.objects.filter(pk=patient.pk).update(registered_at=at(day))


class TestWithoutAVisitInTwoWeeks(TestWelcome):
    steps = ((14, "day", None), (21, "day", None))

    def window(self) -> Any:
        window = super().window()
        return type(window)(window.after, window.until + 14 * DAY)


class TestFirstVisit(TypeContract):
    code = "first_visit"
    steps = ((1, "day", None), (30, "day", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day))


def welcome(after: int = 14, **params: Any) -> TriggerRule:
    return make_rule("welcome", [make_step(after)], params, on=None)


REGISTERED = at(FIRST)


def newcomer(when: datetime.datetime = REGISTERED, **fields: Any) -> Patient:
    return make_patients(1, registered_at=when, **fields)[0]


@pytest.mark.parametrize(
    ("days", "status", "written"),
    [
        (0, "completed", False), (14, "completed", False), (15, "completed", True), (3, "cancelled", True),
        (3, "no_show", True), (20, "booked", True),
    ],
)  # fmt: skip
def test_whoever_has_been_here_by_then_is_no_newcomer_without_a_visit(
    db: None, days: int, status: str, written: bool
) -> None:
    patient = newcomer()
    make_visit(patient, at(FIRST + days * DAY, 9), status)
    assert len(found(welcome())) == written
    assert explained(welcome(), patient.pk, at(FIRST + 40 * DAY)) == [True, status != "completed"]


def test_a_visit_before_the_registration_counts_and_so_does_one_of_a_merged_card(db: None) -> None:
    patient, merged = newcomer(), newcomer(at(FIRST - 3 * DAY))
    assert len(found(welcome())) == 2
    Patient.objects.filter(pk=merged.pk).update(merged_into=patient)
    assert [row["patient_id"] for row in found(welcome())] == [patient.pk]
    make_visit(merged, at(FIRST - 9 * DAY))
    assert found(welcome()) == []


def test_the_day_is_that_of_the_branch(db: None) -> None:
    far = make_branch("Владивосток", "Asia/Vladivostok")
    newcomer(at(FIRST, 20), branch=far)
    newcomer(at(FIRST, 20))
    here, there = (row for row in sorted(found(welcome()), key=lambda row: row["zone"], reverse=True))
    assert here["anchor_at"].astimezone(ZoneInfo("Europe/Moscow")).date() == FIRST
    assert there["anchor_at"].astimezone(ZoneInfo("Asia/Vladivostok")).date() == FIRST + DAY


def test_only_those_of_a_channel(db: None) -> None:
    ads = AcquisitionChannel.objects.create(name="Реклама")
    one, _other = newcomer(channel=ads), newcomer()
    rule = welcome(channels=[ads.pk])
    assert [row["patient_id"] for row in found(rule)] == [one.pk]
    assert "Реклама" in sentence(rule)
    assert explained(rule, one.pk, at(FIRST)) == [True, True, True]
    assert explained(rule, _other.pk, at(FIRST)) == [True, False, True]


def test_a_corrected_date_of_registration_is_no_second_welcome(db: None) -> None:
    patient = newcomer()
    live = make_rule("welcome", [make_step(0)], on=at(FIRST - DAY))
    assert looking.look(live.pk, at(FIRST)) == 1
    Patient.objects.filter(pk=patient.pk).update(registered_at=at(FIRST + DAY))
    assert looking.look(live.pk, at(FIRST + 2 * DAY)) == 0


# ---- after the first visit


def first_visit(**params: Any) -> TriggerRule:
    return make_rule("first_visit", [make_step(1)], params, on=None)


def test_only_the_very_first_of_several_and_of_all_cards(db: None) -> None:
    patient, old = make_patients(2)
    second = make_visit(patient, at(FIRST + 5 * DAY))
    make_visit(patient, at(FIRST + 5 * DAY, 18))
    make_visit(patient, at(FIRST + 9 * DAY))
    make_visit(patient, at(FIRST - 9 * DAY), "cancelled")
    assert [row["visit_id"] for row in found(first_visit())] == [second.pk]
    first = make_visit(old, at(FIRST))
    Patient.objects.filter(pk=old.pk).update(merged_into=patient)
    assert [(row["patient_id"], row["visit_id"]) for row in found(first_visit())] == [(patient.pk, first.pk)]
    assert explained(first_visit(), patient.pk, at(FIRST + DAY)) == [True]


def test_the_first_visit_for_a_service_is_not_the_first_visit(db: None) -> None:
    patient, other = make_patients(2)
    plain, lenses = make_visit(patient, at(FIRST)), make_visit(patient, at(FIRST + DAY))
    service = Service.objects.create(name="Линзы", external_id="l", source=patient.source)
    VisitItem.objects.create(visit=lenses, service=service, price=1)
    fits = make_visit(other, at(FIRST))
    VisitItem.objects.create(visit=fits, service=service, price=1)
    rule = first_visit(services=[service.pk])
    assert [row["visit_id"] for row in found(rule)] == [fits.pk]
    assert explained(rule, patient.pk, at(FIRST + 9 * DAY)) == [True, False]
    assert plain.pk not in {row["visit_id"] for row in found(rule)}


def test_it_is_taken_back_with_the_visit_and_an_older_one_posted_later_makes_no_second_one(db: None) -> None:
    (patient,) = make_patients(1)
    visit = make_visit(patient, at(FIRST))
    live = make_rule("first_visit", [make_step(1)], on=at(FIRST - DAY))
    assert looking.look(live.pk, at(FIRST + 2 * DAY)) == 1
    make_visit(patient, at(FIRST - 5 * DAY))
    assert looking.look(live.pk, at(FIRST + 2 * DAY), deep=True) == 0
    assert not withdrawn(live, at(FIRST + 2 * DAY))
    Visit.objects.filter(pk=visit.pk).update(status="cancelled")
    assert withdrawn(live, at(FIRST + 2 * DAY))


@pytest.mark.parametrize("seed", [3, 4])
def test_a_clinic_made_by_chance_is_read_the_same_way_in_python(db: None, seed: int) -> None:
    clinic = Chance(seed)
    chance = random.Random(seed)
    kept = clinic.kept()
    for patient in clinic.patients:
        if chance.random() < 0.7:
            when = at(datetime.date(2024, 1, 1) + chance.randrange(700) * DAY, chance.randrange(24))
            Patient.objects.filter(pk=patient.pk).update(registered_at=when)
    visits = sorted(
        (kept[v.patient_id], v.starts_on, v.starts_at, v.pk)
        for v in Visit.objects.filter(status="completed", deleted_at__isnull=True)
    )
    earliest = {person: (day, pk) for person, day, _start, pk in reversed(visits)}
    first, last = datetime.date(2024, 1, 10), datetime.date(2024, 12, 31)

    rows = asked("first_visit", {}, first, last, 1)
    expected = {(person, pk) for person, (day, pk) in earliest.items() if first <= day <= last}
    assert {(person, row["visit_id"]) for (person, _o, _a), row in rows.items()} == expected and expected

    # Some come late enough to be newcomers: take away the visits of the first months.
    Visit.objects.filter(starts_on__lt=datetime.date(2024, 9, 1)).update(deleted_at=at(FIRST))
    been: dict[int, list[datetime.date]] = {}
    for visit in Visit.objects.filter(status="completed", deleted_at__isnull=True):
        been.setdefault(kept[visit.patient_id], []).append(visit.starts_on)
    expected_days = set()
    for patient in Patient.objects.filter(merged_into__isnull=True, registered_at__isnull=False):
        day = patient.registered_at.astimezone(ZoneInfo("Europe/Moscow")).date()
        if first <= day <= last and not any(on <= day + 14 * DAY for on in been.get(patient.pk, [])):
            expected_days.add((patient.pk, "registered", day))
    assert set(asked("welcome", {}, first, last, 14)) == expected_days and expected_days
