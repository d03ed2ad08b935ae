"""Memberships over several nights, on the database."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from patients.models import Consent, Patient
from segmentation.models import BaseTotal, Membership, NightlyRun, RfmCell, Score, Segment, Segmentation, SegmentTotal
from segmentation.services.defaults import ensure_defaults
from segmentation.services.rewind import rewind
from tests.segmentation.clinic import Clinic, noon
from tests.segmentation.nights import DAY, D, everything, night, segment, story

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def fix_borders() -> None:
    """Fixed borders, so that a handful of patients behaves like a base."""
    for code in ("rfm", "value", "satisfaction"):
        segmentation = Segmentation.objects.get(code=code)
        segmentation.params["borders"] = "fixed"
        segmentation.save()


def regular(clinic: Clinic, visits: int = 3, price: int = 4000, until: D = FIRST - 10 * DAY) -> Patient:
    """A patient who has come every 90 days for a service that is due again after 90 days."""
    patient = clinic.patient()
    service = clinic.service(recall_days=90)
    for number in range(visits):
        day = until - number * 90 * DAY
        clinic.visit(patient, day, [(service, price, 0, price // 4)])
        clinic.payment(patient, day, price)
    return patient


def test_first_membership_comes_from_nowhere_and_has_no_cause(clinic: Clinic) -> None:
    fix_borders()
    patient, lead = regular(clinic), clinic.patient()
    night(FIRST)
    assert story(patient, "rfm") == [("promising", None, FIRST, None, None)]
    assert story(patient, "lifecycle") == [("active", None, FIRST, None, None)]
    assert story(patient, "satisfaction") == [("unknown", None, FIRST, None, None)]
    assert story(lead, "lifecycle") == [("lead", None, FIRST, None, None)]
    assert story(lead, "rfm") == story(lead, "value") == story(lead, "satisfaction") == []
    assert set(Membership.objects.values_list("money", flat=True)) == {None}


def test_a_move_closes_the_old_and_opens_the_new_with_cause_and_money(clinic: Clinic) -> None:
    fix_borders()
    patient = regular(clinic)  # paid 12 000 ₽ in three visits within the year; due on day 80
    night(FIRST)
    later = FIRST + 150 * DAY
    night(later)
    assert story(patient, "rfm") == [
        ("promising", None, FIRST, later, None),
        ("needs_attention", "promising", later, None, {"r": [5, 3]}),
    ]
    moved = Membership.objects.get(patient=patient, segmentation__code="rfm", left_on=None)
    assert moved.money == Decimal(12_000)
    assert story(patient, "lifecycle")[-1] == ("overdue", "active", later, None, {"reasons": ["past_due"]})
    score = Score.objects.get(patient=patient)
    assert (score.r, score.r_before, score.changed_on) == (3, 5, later)


def test_the_same_night_again_writes_nothing(clinic: Clinic) -> None:
    fix_borders()
    for _ in range(3):
        regular(clinic)
    clinic.patient()
    night(FIRST)
    night(FIRST + 150 * DAY)
    before = everything(ids=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id, xmin FROM segmentation_score ORDER BY 1")
        written = cursor.fetchall()
    night(FIRST + 150 * DAY)
    assert {name: len(rows) for name, rows in everything().items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert everything() == {**before, "memberships": everything()["memberships"]}
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id, xmin FROM segmentation_score ORDER BY 1")
        assert cursor.fetchall() == written


def test_quiet_night_leaves_rows_untouched(clinic: Clinic) -> None:
    fix_borders()
    regular(clinic)
    night(FIRST)
    before = everything(ids=True)
    night(FIRST + DAY)
    after = everything(ids=True)
    assert after["memberships"] == before["memberships"]
    assert after["scores"] == before["scores"]
    assert SegmentTotal.objects.filter(as_of=FIRST + DAY, entered__gt=0).count() == 0


def test_a_move_of_today_is_replaced_and_taken_back(clinic: Clinic) -> None:
    fix_borders()
    patient = regular(clinic, visits=1)
    night(FIRST)
    today = FIRST + 20 * DAY
    clinic.feedback(patient, today, 10)
    night(today)
    assert story(patient, "satisfaction")[-1][:4] == ("v", "unknown", today, None)
    answer = patient.feedback.get()
    answer.score = 2
    answer.save()
    night(today)
    assert [row[:4] for row in story(patient, "satisfaction")] == [
        ("unknown", None, FIRST, today),
        ("d", "unknown", today, None),
    ]
    answer.delete()
    night(today)
    assert story(patient, "satisfaction") == [("unknown", None, FIRST, None, None)]


def test_the_night_again_after_new_facts_equals_one_night_with_them(clinic: Clinic) -> None:
    """Memory is what held before the date, not what an earlier run of the same night wrote."""
    fix_borders()
    patients = [regular(clinic, visits=n) for n in (1, 2, 3, 5)]
    night(FIRST)
    today = FIRST + 100 * DAY
    night(today)
    for patient in patients[:2]:
        clinic.visit(patient, today)
        clinic.payment(patient, today, 30_000)
    night(today)
    twice = everything()
    rewind(today)
    night(today, full=True)
    once = everything()
    assert once["memberships"] == twice["memberships"]
    assert once["base"] == twice["base"]


def test_deleted_patient_leaves_every_segment(clinic: Clinic) -> None:
    fix_borders()
    patient, other = regular(clinic), regular(clinic)
    night(FIRST)
    Patient.objects.filter(pk=patient.pk).update(deleted_at=timezone.now())
    night(FIRST + DAY)
    assert not Membership.objects.filter(patient=patient, left_on=None).exists()
    assert set(Membership.objects.filter(patient=patient).values_list("left_on", flat=True)) == {FIRST + DAY}
    assert not Score.objects.filter(patient=patient).exists()
    assert segment(other, "rfm") == "promising"
    total = SegmentTotal.objects.get(segment__code="promising", as_of=FIRST + DAY)
    assert (total.patients, total.left) == (1, 1)


def test_memory_keeps_a_patient_on_a_border_over_the_nights(clinic: Clinic) -> None:
    """Money border 10 000 ₽, margin 10 %: refunds and payments around it move nobody."""
    fix_borders()
    patient = clinic.patient()
    clinic.visit(patient, FIRST - DAY)
    clinic.payment(patient, FIRST - DAY, 9_800)
    night(FIRST)
    assert Score.objects.get(patient=patient).m == 2
    clinic.payment(patient, FIRST + DAY, 600)
    night(FIRST + DAY)
    assert Score.objects.get(patient=patient).m == 2
    clinic.payment(patient, FIRST + 2 * DAY, 700)
    night(FIRST + 2 * DAY)
    assert Score.objects.get(patient=patient).m == 3  # 11 100 ₽ is clearly above
    clinic.payment(patient, FIRST + 3 * DAY, 1_900, kind="refund")
    night(FIRST + 3 * DAY)
    assert Score.objects.get(patient=patient).m == 3  # 9 200 ₽ is not clearly below


def test_borders_are_kept_until_they_are_old_or_the_thresholds_change(clinic: Clinic) -> None:
    for visits in (1, 2, 3, 4, 5):
        regular(clinic, visits)
    night(FIRST)
    night(FIRST + 29 * DAY)
    kept = NightlyRun.objects.get(as_of=FIRST + 29 * DAY).fitted["rfm"]
    assert (kept["on"], kept["borders"]["f"]) == (str(FIRST), [1, 2, 3, 4])
    night(FIRST + 30 * DAY)
    assert NightlyRun.objects.get(as_of=FIRST + 30 * DAY).fitted["rfm"]["on"] == str(FIRST + 30 * DAY)
    segmentation = Segmentation.objects.get(code="value")
    segmentation.params["vip_percent"] = 25
    segmentation.save()
    night(FIRST + 31 * DAY)
    fitted = NightlyRun.objects.get(as_of=FIRST + 31 * DAY).fitted
    assert fitted["value"]["on"] == str(FIRST + 31 * DAY)
    assert fitted["rfm"]["on"] == str(FIRST + 30 * DAY)
    for visits in (1, 2, 3, 4, 5):
        regular(clinic, visits)
    night(FIRST + 32 * DAY)  # the base has doubled
    assert NightlyRun.objects.get(as_of=FIRST + 32 * DAY).fitted["rfm"]["on"] == str(FIRST + 32 * DAY)


def guarantees() -> tuple[list[object], list[object]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'segmentation_membership' ORDER BY 1")
        indexes = cursor.fetchall()
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint "
            "WHERE conrelid = 'segmentation_membership'::regclass ORDER BY 1"
        )
        return indexes, cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_first_fill_gives_back_every_index_and_constraint(clinic: Clinic) -> None:
    patient = regular(clinic)
    before = guarantees()
    night(FIRST)
    assert guarantees() == before
    held = Membership.objects.get(patient=patient, segmentation__code="rfm")
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(
            patient=patient, segmentation=held.segmentation, segment=held.segment, entered_on=FIRST
        )


@pytest.mark.django_db(transaction=True)
def test_first_fill_waits_for_nobody_who_is_reading(clinic: Clinic) -> None:
    """A long report holds the patients: the table is then filled with its indexes in place."""
    patient = regular(clinic)
    before = guarantees()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM patients_patient")
        night(FIRST)
        cursor.execute("ROLLBACK")
    other.close()
    assert guarantees() == before
    assert Membership.objects.filter(patient=patient, left_on=None).count() == 4


def test_totals_add_up_to_what_the_patients_have(clinic: Clinic) -> None:
    fix_borders()
    first, second = regular(clinic, visits=2, price=5000), regular(clinic, visits=1, price=1234)
    lead = clinic.patient()
    clinic.visit(lead, FIRST + 5 * DAY, status="booked")
    clinic.feedback(first, FIRST - 5 * DAY, 9)
    clinic.feedback(second, FIRST - 5 * DAY, 3)
    for patient, granted, until in ((first, True, None), (second, True, FIRST - DAY), (lead, False, None)):
        Consent.objects.create(
            patient=patient, channel="sms", purpose="marketing", granted=granted, at=noon(FIRST - 30 * DAY),
            until=noon(until) if until else None,
        )  # fmt: skip
    night(FIRST)
    base = BaseTotal.objects.get(as_of=FIRST)
    assert (base.patients, base.visited, base.new_30, base.lost, base.with_appointment) == (3, 2, 1, 0, 1)
    assert (base.visits_30, base.money_30) == (2, Decimal(6234))
    assert (base.visits_365, base.money_365) == (3, Decimal(11_234))
    assert base.average_bill == Decimal("3744.67")
    assert (base.nps, base.nps_answers, base.reachable) == (0, 2, 1)
    for code in ("rfm", "value", "satisfaction"):
        totals = SegmentTotal.objects.filter(segment__segmentation__code=code, as_of=FIRST)
        assert sum(total.patients for total in totals) == 2
        assert sum(total.money_365 for total in totals) == Decimal(11_234)
        assert sum(total.entered for total in totals) == 2
        assert sum(total.left for total in totals) == 0
    assert sum(total.patients for total in SegmentTotal.objects.filter(segment__segmentation__code="lifecycle")) == 3
    assert sum(cell.patients for cell in RfmCell.objects.filter(as_of=FIRST)) == 2
    assert sum(cell.money_365 for cell in RfmCell.objects.filter(as_of=FIRST)) == Decimal(11_234)


def test_a_night_of_the_past_knows_only_who_was_registered(clinic: Clinic) -> None:
    known = clinic.patient(registered_at=noon(FIRST))
    later = clinic.patient(registered_at=noon(FIRST + DAY))
    came_before_the_card = clinic.patient(registered_at=noon(FIRST + DAY))
    clinic.visit(came_before_the_card, FIRST - DAY)
    night(FIRST)
    assert BaseTotal.objects.get(as_of=FIRST).patients == 2
    assert segment(known, "lifecycle") == "lead"
    assert segment(later, "lifecycle") is None
    assert segment(came_before_the_card, "lifecycle") == "new"
    night(FIRST + DAY)
    assert segment(later, "lifecycle") == "lead"


def test_switched_off_segmentation_stands_still(clinic: Clinic) -> None:
    patient = regular(clinic)
    night(FIRST)
    held = story(patient, "value")
    Segmentation.objects.filter(code="value").update(active=False)
    night(FIRST + 500 * DAY)
    assert story(patient, "value") == held
    assert not SegmentTotal.objects.filter(segment__segmentation__code="value", as_of=FIRST + 500 * DAY).exists()


def test_second_segmentation_of_a_kind_lives_beside_the_first(clinic: Clinic) -> None:
    fix_borders()
    patient = regular(clinic)
    Segmentation.objects.create(code="patient-lifecycle", kind="lifecycle", name="Терпеливый", params={"new_days": 700})
    night(FIRST)
    assert segment(patient, "lifecycle") == "active"
    assert segment(patient, "patient-lifecycle") == "new"
    assert Score.objects.get(patient=patient).lifecycle_reason == "within_cycle"


def test_defaults_are_created_once_and_never_overwritten() -> None:
    Segment.objects.filter(code="champions").update(name="Наши любимые", colour="#000000")
    Segment.objects.filter(code="vip").delete()
    Segmentation.objects.filter(code="rfm").update(params={"margin_percent": 20})
    ensure_defaults()
    ensure_defaults()
    assert Segment.objects.get(code="champions").name == "Наши любимые"
    assert Segment.objects.get(code="vip").tactic.startswith("Персональный менеджер")
    assert Segmentation.objects.get(code="rfm").params == {"margin_percent": 20}
    assert Segment.objects.count() == 27


def test_every_default_segment_is_described_in_both_languages() -> None:
    for item in Segment.objects.select_related("segmentation"):
        assert all((item.name, item.name_en, item.description, item.description_en, item.tactic, item.tactic_en)), item
    for segmentation in Segmentation.objects.all():
        colours = [item.colour for item in segmentation.segments.all()]
        assert len(set(colours)) == len(colours)
