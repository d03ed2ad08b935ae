"""Metrics of patients whose numbers can be worked out by hand."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from patients.models import ChangedPatient, Patient, Service
from segmentation.models import Metrics, ServiceRhythm
from segmentation.services import metrics
from tests.segmentation.clinic import Clinic, noon

D = datetime.date
AS_OF = D(2026, 6, 30)

pytestmark = pytest.mark.django_db


def refresh(as_of: datetime.date = AS_OF, *, full: bool = True, previous: datetime.date | None = None) -> int:
    return metrics.refresh(as_of, full=full, previous=previous)


def of(patient: Patient) -> Metrics:
    return Metrics.objects.get(patient=patient)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_lead_has_zeros_and_unknowns(clinic: Clinic) -> None:
    lead = clinic.patient()
    assert refresh() == 1
    row = of(lead)
    assert (row.visits, row.visit_days, row.visits_365, row.cancelled, row.answers, row.complaints) == (0,) * 6
    assert (row.money, row.margin, row.discount, row.refunds, row.cost) == (0,) * 5
    for name in (
        "first_visit_on", "last_visit_on", "next_visit_on", "discount_share", "average_bill", "lifetime_days",
        "own_interval_days", "cycle_days", "due_on", "last_nps", "last_answer_on", "first_service_id", "last_branch_id",
    ):  # fmt: skip
        assert getattr(row, name) is None, name


def test_every_metric_of_a_patient_worked_out_by_hand(clinic: Clinic) -> None:
    hygiene, filling, control = clinic.service("Гигиена", 180), clinic.service("Пломба"), clinic.service("Осмотр", 365)
    first_doctor, last_doctor = clinic.doctor("Первый"), clinic.doctor("Последний")
    old, new = clinic.branch("Старый"), clinic.branch("Новый")
    anna = clinic.patient()
    clinic.visit(anna, D(2025, 1, 10), [(hygiene, 5000, 500, 1000)], doctor=first_doctor, branch=old)
    clinic.visit(anna, D(2025, 7, 10), [(hygiene, 5000, 0, 1000), (filling, 4000, 0, 1500)], doctor=last_doctor)
    clinic.visit(anna, D(2026, 1, 20), [(hygiene, 6000, 0, 1200)], doctor=first_doctor, branch=old)
    clinic.visit(anna, D(2026, 3, 1), [(control, 2000, 2000, 300)], hour=9, doctor=first_doctor, branch=old)
    clinic.visit(anna, D(2026, 3, 1), [(filling, 3000, 0, 1000)], hour=15, doctor=last_doctor, branch=new)
    clinic.visit(anna, D(2025, 6, 30), [(filling, 1)], status="cancelled")  # a day too old for the year
    clinic.visit(anna, D(2025, 7, 1), [(filling, 1)], status="cancelled")
    clinic.visit(anna, D(2026, 2, 1), [(filling, 1)], status="no_show")
    clinic.visit(anna, D(2026, 7, 5), [(filling, 1)], status="confirmed")
    clinic.visit(anna, D(2026, 6, 30), [(filling, 1)], status="booked")
    clinic.visit(anna, D(2026, 7, 1), [(filling, 1)], status="cancelled")  # of tomorrow: not yet counted
    clinic.visit(anna, D(2026, 6, 1), [(filling, 9999)], deleted_at=timezone.now())
    clinic.payment(anna, D(2025, 1, 10), 4500)
    clinic.payment(anna, D(2025, 6, 30), 9000, "package")
    clinic.payment(anna, D(2026, 1, 20), 6000)
    clinic.payment(anna, D(2026, 3, 2), 3000)
    clinic.payment(anna, D(2026, 3, 5), 1000, "refund")
    clinic.payment(anna, D(2026, 7, 1), 777)  # of tomorrow
    clinic.feedback(anna, D(2025, 1, 11), 3, complaint=True)
    clinic.feedback(anna, D(2026, 3, 2), 9)
    clinic.feedback(anna, D(2026, 3, 4), None, complaint=True)
    clinic.feedback(anna, D(2026, 7, 1), 0)
    refresh()
    row = of(anna)

    assert (row.first_visit_on, row.last_visit_on, row.next_visit_on) == (D(2025, 1, 10), D(2026, 3, 1), AS_OF)
    assert (row.visits, row.visit_days, row.visits_365) == (5, 4, 4)
    assert (row.cancelled, row.no_shows, row.cancelled_365) == (2, 1, 2)
    assert (row.money, row.money_365, row.refunds) == (21500, 8000, 1000)
    assert (row.cost, row.margin, row.margin_365) == (6000, 15500, 8000 - 5000)
    assert row.discount == 2500
    assert row.discount_share == pytest.approx(2500 / 25000)
    assert row.average_bill == Decimal("4300.00")
    assert row.lifetime_days == 415
    assert row.own_interval_days == 181  # gaps 181, 194, 40
    # Hygiene: three days, the most used of the two that repeat; due 20 January + 180 days, before the check-up.
    assert (row.cycle_days, row.due_on) == (180, D(2026, 7, 19))
    assert (row.answers, row.last_nps, row.last_answer_on) == (2, 9, D(2026, 3, 2))
    assert (row.complaints, row.complaints_365) == (2, 1)
    assert (row.first_service_id, row.last_service_id, row.main_service_id) == (hygiene.pk, filling.pk, hygiene.pk)
    assert (row.first_doctor_id, row.last_doctor_id, row.last_branch_id) == (first_doctor.pk, last_doctor.pk, new.pk)
    assert row.as_of == AS_OF

    rhythm = ServiceRhythm.objects.get(patient=anna, service=hygiene)
    assert (rhythm.visits, rhythm.first_on, rhythm.last_on) == (3, D(2025, 1, 10), D(2026, 1, 20))
    assert (rhythm.interval_days, rhythm.money, rhythm.due_on) == (375 / 2, 15500, D(2026, 7, 19))
    assert ServiceRhythm.objects.get(patient=anna, service=filling).due_on is None


def test_service_rendered_twice_on_a_day_is_one_use_of_it(clinic: Clinic) -> None:
    filling, patient = clinic.service(), clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), [(filling, 100), (filling, 200)])
    clinic.visit(patient, D(2026, 1, 1), [(filling, 300)], hour=15)
    refresh()
    rhythm = ServiceRhythm.objects.get()
    assert (rhythm.visits, rhythm.interval_days, rhythm.money) == (1, None, 600)


def test_quantity_multiplies_the_price(clinic: Clinic) -> None:
    unit, patient = clinic.service(), clinic.patient()
    visit = clinic.visit(patient, D(2026, 1, 1), [(unit, 150, 50)])
    visit.items.update(quantity="2.5")
    refresh()
    assert ServiceRhythm.objects.get().money == 325


def test_refund_of_more_than_was_paid_gives_negative_money(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.visit(patient, D(2026, 1, 1))
    clinic.payment(patient, D(2026, 1, 2), 500, "refund")
    refresh()
    assert (of(patient).money, of(patient).average_bill) == (-500, -500)


@pytest.mark.parametrize(
    ("days", "interval", "cycle"),
    [
        ([0], None, None),
        ([0, 100], 100, None),  # one gap is not yet a habit
        ([0, 10, 110], 55, 55),
        ([0, 10, 20, 200], 10, 10),  # the median, not the mean of 66.7
        ([0, 0, 30, 30], 30, None),
    ],
)
def test_own_interval_is_the_median_gap_between_days(
    clinic: Clinic, days: list[int], interval: float | None, cycle: float | None
) -> None:
    patient = clinic.patient()
    for day in days:
        clinic.visit(patient, D(2025, 1, 1) + datetime.timedelta(day))
    refresh()
    row = of(patient)
    assert (row.own_interval_days, row.cycle_days) == (interval, cycle)
    assert row.due_on == (row.last_visit_on + datetime.timedelta(cycle) if cycle else None)


def test_main_and_cycle_ties_go_to_the_more_recent_service(clinic: Clinic) -> None:
    early, late, patient = clinic.service(recall_days=90), clinic.service(recall_days=400), clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), [(early, 1)])
    clinic.visit(patient, D(2026, 2, 1), [(late, 1)])
    refresh()
    row = of(patient)
    assert (row.first_service_id, row.last_service_id, row.main_service_id) == (early.pk, late.pk, late.pk)
    assert (row.cycle_days, row.due_on) == (400, D(2026, 4, 1))  # the cycle of the latest, but due for the earliest


def test_service_left_undone_for_two_intervals_before_the_last_visit_is_given_up(clinic: Clinic) -> None:
    laser, hygiene, patient = clinic.service(recall_days=30), clinic.service(recall_days=180), clinic.patient()
    for day in (1, 11, 21):
        clinic.visit(patient, D(2025, 1, day), [(laser, 1)])
    clinic.visit(patient, D(2025, 3, 22), [(hygiene, 1)])  # 60 days after the last laser: still current
    refresh()
    assert (of(patient).cycle_days, of(patient).due_on) == (30, D(2025, 2, 20))
    clinic.visit(patient, D(2025, 3, 23), [(hygiene, 1)])
    refresh()
    assert (of(patient).cycle_days, of(patient).due_on) == (180, D(2025, 9, 19))


def test_patient_late_in_everything_stays_overdue(clinic: Clinic) -> None:
    laser, patient = clinic.service(recall_days=30), clinic.patient()
    clinic.visit(patient, D(2020, 1, 1), [(laser, 1)])
    refresh()
    assert of(patient).due_on == D(2020, 1, 31)


def test_recall_of_no_days_or_of_a_million_years_does_no_harm(clinic: Clinic) -> None:
    zero, huge, patient = clinic.service(recall_days=0), clinic.service(recall_days=2_000_000_000), clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), [(zero, 1), (huge, 1)])
    refresh()
    assert ServiceRhythm.objects.get(service=zero).due_on is None
    assert of(patient).due_on == D(2026, 1, 1) + datetime.timedelta(36500)


def test_doctors_word_is_due_until_a_visit_answers_it(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), return_due_on=D(2026, 4, 11))  # 100 days later
    refresh()
    assert of(patient).due_on == D(2026, 4, 11)
    clinic.visit(patient, D(2026, 3, 16))  # day 74: something else
    refresh()
    assert of(patient).due_on == D(2026, 4, 11)
    clinic.visit(patient, D(2026, 3, 17))  # day 75: the last quarter
    refresh()
    assert of(patient).due_on != D(2026, 4, 11)


def test_earlier_of_doctors_word_and_recall_counts(clinic: Clinic) -> None:
    service, patient = clinic.service(recall_days=180), clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), [(service, 1)], return_due_on=D(2026, 1, 15))
    refresh()
    assert (of(patient).due_on, of(patient).cycle_days) == (D(2026, 1, 15), 180)


def test_merged_card_counts_for_the_kept_one_and_back(clinic: Clinic) -> None:
    kept, twin = clinic.patient(), clinic.patient()
    clinic.visit(kept, D(2026, 1, 1))
    clinic.visit(twin, D(2026, 2, 1))
    clinic.payment(twin, D(2026, 2, 1), 300)
    refresh()
    for full in (False, True):
        Patient.objects.filter(pk=twin.pk).update(merged_into=kept, deleted_at=timezone.now())
        refresh(full=full, previous=AS_OF)
        assert (of(kept).visits, of(kept).money, of(kept).own_interval_days) == (2, 300, 31)
        assert not Metrics.objects.filter(patient=twin).exists()
        Patient.objects.filter(pk=twin.pk).update(merged_into=None, deleted_at=None)
        refresh(full=full, previous=AS_OF)
        assert (of(kept).visits, of(twin).visits) == (1, 1)


def test_deleted_patient_loses_the_row_and_gets_it_back(clinic: Clinic) -> None:
    patient, service = clinic.patient(), clinic.service()
    clinic.visit(patient, D(2026, 1, 1), [(service, 1)])
    for full in (True, False):
        Patient.objects.update(deleted_at=timezone.now())
        refresh(full=full, previous=AS_OF)
        assert not Metrics.objects.exists() and not ServiceRhythm.objects.exists()
        Patient.objects.update(deleted_at=None)
        refresh(full=full, previous=AS_OF)
        assert of(patient).visits == 1 and ServiceRhythm.objects.exists()


def test_erased_patient_leaves_no_rows(clinic: Clinic) -> None:
    patient, service = clinic.patient(), clinic.service()
    clinic.visit(patient, D(2026, 1, 1), [(service, 1)])
    refresh()
    with connection.cursor() as cursor:
        for table in ("visititem", "visit", "patient"):
            cursor.execute(f"DELETE FROM patients_{table}")
    refresh(full=False, previous=AS_OF)
    assert not Metrics.objects.exists() and not ServiceRhythm.objects.exists()


def test_only_changed_patients_are_written_and_the_log_is_consumed(clinic: Clinic) -> None:
    changed, quiet = clinic.patient(), clinic.patient()
    clinic.visit(quiet, D(2026, 1, 1))
    refresh(D(2026, 6, 29))
    assert not ChangedPatient.objects.exists()
    clinic.visit(changed, D(2026, 6, 1))
    assert refresh(full=False, previous=D(2026, 6, 29)) == 1
    assert not ChangedPatient.objects.exists()
    assert (of(changed).as_of, of(quiet).as_of) == (AS_OF, D(2026, 6, 29))
    assert refresh(full=False, previous=AS_OF) == 0
    assert refresh(full=True, previous=AS_OF) == 0


def test_edited_recall_interval_moves_every_due_date_of_the_service(clinic: Clinic) -> None:
    service, patient = clinic.service(recall_days=30), clinic.patient()
    clinic.visit(patient, D(2026, 1, 1), [(service, 1)])
    refresh()
    Service.objects.update(recall_days=60)
    refresh(full=False, previous=AS_OF)
    assert (of(patient).due_on, of(patient).cycle_days) == (D(2026, 3, 2), 60)
    Service.objects.update(recall_days=None)
    refresh(full=False, previous=AS_OF)
    assert (of(patient).due_on, of(patient).cycle_days) == (None, None)


def test_night_of_the_past_knows_nothing_of_later_facts(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.visit(patient, D(2024, 1, 1))
    clinic.visit(patient, D(2026, 1, 1))
    clinic.payment(patient, D(2026, 1, 1), 100)
    refresh()
    refresh(D(2024, 6, 1), full=False, previous=AS_OF)  # backwards: everybody is recomputed
    row = of(patient)
    assert (row.visits, row.last_visit_on, row.money, row.next_visit_on) == (1, D(2024, 1, 1), 0, None)


def test_day_of_an_answer_is_the_day_at_the_clinic(clinic: Clinic) -> None:
    patient = clinic.patient()
    answer = clinic.feedback(patient, D(2026, 6, 30), 7)
    answer.given_at = noon(D(2026, 6, 30), 23)
    answer.save()
    refresh(D(2026, 6, 29))
    assert of(patient).answers == 0
    refresh(full=False, previous=D(2026, 6, 29))
    assert (of(patient).answers, of(patient).last_answer_on) == (1, D(2026, 6, 30))


@pytest.mark.django_db(transaction=True)
def test_refuses_to_run_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        refresh()
    with transaction.atomic():
        assert refresh() == 0
