"""Return intervals learned from visits: what counts as a use, when they are learned, what they change."""

import datetime
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from patients.demo.lines import LINES
from patients.models import Patient, Service
from segmentation.models import BaseTotal, IntervalInUse, LearnedCycle, Metrics, ServiceRhythm
from segmentation.scoring.cycles import BANDS, SEXES
from segmentation.selectors import cycles as selectors
from segmentation.services import cycles, metrics
from segmentation.services.cycles.reading import each_service, load_people
from segmentation.services.night import Night
from segmentation.services.rewind import rewind
from tests.segmentation.clinic import Clinic

D = datetime.date
DAY = datetime.timedelta(1)
AS_OF = D(2026, 6, 30)

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def learned(service: Service, days: int, sex: str = "", ages: tuple[int | None, int | None] = (None, None),
            **figures: Any) -> LearnedCycle:  # fmt: skip
    row = {
        "days_from": days - 5, "days_to": days + 5, "error_from": days - 1, "error_to": days + 1, "returning": 0.8,
        "uses": 100, "returns": 60, "patients": 50, "fitted_on": AS_OF, **figures,
    }  # fmt: skip
    return LearnedCycle.objects.create(service=service, days=days, sex=sex, age_from=ages[0], age_to=ages[1], **row)


def test_the_demo_clinics_rhythms_are_found() -> None:
    """Services that one line of the demo does in a rhythm of its own, against the cycle that line was made with."""
    call_command("seed_demo", patients=4000, years=4, seed=3, as_of=AS_OF + DAY, verbosity=0)
    with transaction.atomic():
        assert cycles.refresh(Night(as_of=AS_OF)) == LearnedCycle.objects.count() > 100
    everybody = LearnedCycle.objects.filter(age_from=None).select_related("service")
    found = {row.service.external_id: row for row in everybody}
    cycle = {line.code: line.cycle for line in LINES}
    made = {
        "S08": cycle["botulinum"], "S19": cycle["permanent"], "S20": cycle["laser"], "S31": cycle["hygiene"],
        "S39": cycle["braces"], "S50": cycle["gynaecology"], "S53": cycle["pregnancy"], "S61": cycle["heart"],
    }  # fmt: skip
    for service, days in made.items():
        row = found[service]
        assert row.days == pytest.approx(days, rel=0.06), service
        assert row.error_from <= row.days <= row.error_to and row.error_to - row.error_from < 0.12 * days
        assert not selectors.why_unused(row), service
    # One in twenty leaves after each visit for braces, a third after permanent make-up.
    assert found["S39"].returning > 0.9 and found["S20"].returning < 0.9
    # A tooth is extracted once; a first consultation, an X-ray or a gift is nobody's rhythm.
    assert "S34" not in found and "S37" not in found and "S30" not in found
    counted = {service for service, row in found.items() if not selectors.why_unused(row)}
    assert not counted & {"S01", "S25", "S32", "S33", "S41", "S44", "S45", "S89", "S90", "S91"}
    groups = LearnedCycle.objects.exclude(age_from=None).filter(service__external_id__in=made)
    assert groups.count() > 15 and all(0 < row.borrowed < 1 for row in groups)
    # The generator knows no sex and no age here: nobody may seem to have a rhythm of their own.
    for row in groups:
        assert row.days == pytest.approx(found[row.service.external_id].days, rel=0.08), row
    point = selectors.curve(found["S31"].service)[-1]
    assert point.share == pytest.approx(found["S31"].returning, abs=0.001) and point.low < point.share < point.high


def test_what_is_a_use(clinic: Clinic) -> None:
    laser, other = clinic.service("Лазер"), clinic.service("Другое")
    anna, card, gone = clinic.patient(), clinic.patient(), clinic.patient()
    for patient, day, status in (
        (anna, D(2026, 1, 1), "completed"), (anna, D(2026, 2, 1), "cancelled"), (anna, D(2026, 2, 2), "no_show"),
        (anna, D(2026, 3, 1), "completed"), (card, D(2026, 5, 1), "completed"), (gone, D(2026, 1, 1), "completed"),
        (anna, D(2026, 7, 1), "completed"), (anna, D(2026, 8, 1), "booked"),
    ):  # fmt: skip
        clinic.visit(patient, day, [(laser, 100)], status)
    clinic.visit(anna, D(2026, 3, 1), [(laser, 100), (laser, 100), (other, 1)], hour=18)
    clinic.visit(anna, D(2026, 4, 1), [(laser, 100)], deleted_at=timezone.now())
    Patient.objects.filter(pk=card.pk).update(merged_into=anna)
    Patient.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    with transaction.atomic():
        found = {service: uses for service, uses, _group in each_service(AS_OF)}
    uses = found[laser.pk]
    assert uses.days.tolist() == [59, 61, 60] and uses.again.tolist() == [True, True, False]
    assert found[other.pk].days.tolist() == [121] and found.keys() == {laser.pk, other.pk}


def test_everybody_is_in_the_same_cell_whoever_counts(clinic: Clinic) -> None:
    """The arrays of the night, the database, and Python: on birthdays, leap days, without sex or birth date."""
    used = D(2026, 3, 1)
    births = [
        None, D(2030, 1, 1), used, D(2008, 2, 29), D(2008, 3, 1), D(2008, 3, 2), D(1996, 3, 1), D(1996, 3, 2),
        D(1981, 2, 28), D(1981, 3, 2), D(1966, 3, 1), D(1966, 3, 2), D(1900, 1, 1),
    ]  # fmt: skip
    for born in births:
        for sex in ("", *SEXES):
            clinic.patient(birth_date=born, sex=sex)
    people = load_people()
    day = np.full(len(people.ids), (used - D(1970, 1, 1)).days)
    arrays = dict(zip(people.ids.tolist(), people.group_of(np.arange(len(day)), day).tolist(), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT person.id, {selectors.cell_sql('person', '%(day)s::date')} FROM patients_patient person",
            {"day": used},
        )
        database = dict(cursor.fetchall())
    for person in Patient.objects.all():
        born = person.birth_date
        age = None if born is None else used.year - born.year - ((used.month, used.day) < (born.month, born.day))
        assert arrays[person.pk] == database[person.pk] == selectors.cell_of(person.sex, age), (born, person.sex)
    assert set(arrays.values()) == set(range(selectors.CELLS))


def rhythm(clinic: Clinic, service: Service, last: D, patients: int = 12, days: int = 90) -> None:
    for n in range(patients):
        person = clinic.patient()
        for k in range(5):
            clinic.visit(person, last - (n + days * k) * DAY, [(service, 100)])


def test_learned_every_four_weeks_from_what_was_known_then(clinic: Clinic) -> None:
    service = clinic.service("Осмотр")
    rhythm(clinic, service, AS_OF)
    with transaction.atomic():
        assert cycles.refresh(Night(as_of=AS_OF - 400 * DAY)) == 0  # nothing had repeated by then
        assert cycles.refresh(Night(as_of=AS_OF)) == 1  # asked again on the next night
        row = LearnedCycle.objects.get()
        assert (row.days, row.days_from, row.days_to, row.fitted_on) == (90, 90, 90, AS_OF)
        assert (row.returns, row.patients, row.borrowed) == (48, 12, 0)
        assert cycles.refresh(Night(as_of=AS_OF)) == cycles.refresh(Night(as_of=AS_OF + 27 * DAY)) == 0
        assert cycles.refresh(Night(as_of=AS_OF + 28 * DAY)) == 1
        assert cycles.refresh(Night(as_of=AS_OF)) == 1  # what was learned later is not known yet
        assert cycles.refresh(Night(as_of=AS_OF, refit=True)) == 1
        BaseTotal.objects.create(as_of=AS_OF, visited=12)
        BaseTotal.objects.create(as_of=AS_OF + 2 * DAY, visited=24)  # the clinic has imported the rest of its history
        assert cycles.refresh(Night(as_of=AS_OF + DAY)) == 0
        assert cycles.refresh(Night(as_of=AS_OF + 3 * DAY)) == 1
        rewind(AS_OF + 3 * DAY)
    assert not LearnedCycle.objects.exists()


def refresh(as_of: D = AS_OF, *, full: bool = False) -> int:
    return metrics.refresh(as_of, full=full, previous=as_of - DAY)


def test_due_by_sex_and_age_while_nobody_has_set_an_interval(clinic: Clinic) -> None:
    service = clinic.service("Ботулинотерапия")
    woman, man, unknown = (
        clinic.patient(sex="female", birth_date=D(1986, 1, 1)), clinic.patient(sex="male", birth_date=D(1986, 1, 1)),
        clinic.patient(birth_date=D(1986, 1, 1)),
    )  # fmt: skip
    used = D(2026, 6, 1)
    for person in (woman, man, unknown):
        clinic.visit(person, used, [(service, 100)])
    learned(service, 150)
    learned(service, 120, "female", (30, 44))

    def due() -> list[D | None]:
        rows = {row.patient_id: row for row in ServiceRhythm.objects.all()}
        people = {row.patient_id: row for row in Metrics.objects.all()}
        for person in (woman, man, unknown):
            days = people[person.pk].cycle_days
            assert people[person.pk].due_on == rows[person.pk].due_on == (used + days * DAY if days else None)
        return [people[person.pk].cycle_days for person in (woman, man, unknown)]  # type: ignore[misc]

    refresh(full=True)
    assert due() == [120, 150, 150]
    assert refresh() == 0  # an ordinary night finds nothing to do
    LearnedCycle.objects.filter(sex="female").update(days=130)
    refresh()
    assert due() == [130, 150, 150]
    Patient.objects.filter(pk=woman.pk).update(birth_date=D(1950, 1, 1))  # of an age nothing was learned for
    refresh()
    assert due() == [150, 150, 150]
    Service.objects.update(recall_days=100)
    refresh()
    assert due() == [100, 100, 100]
    Service.objects.update(recall_days=0)  # it does not repeat, whatever visits say
    refresh()
    assert due() == [None, None, None]
    Service.objects.update(recall_days=None)
    refresh()
    assert due() == [150, 150, 150]
    Service.objects.update(learn_recall=False)
    refresh()
    assert due() == [None, None, None] and not IntervalInUse.objects.exists()


@pytest.mark.parametrize("figures", [{"returning": 0.4}, {"days_to": 400}, {"days": 12, "days_from": 9, "days_to": 14}])
def test_what_is_no_rhythm_makes_nobody_due(clinic: Clinic, figures: dict[str, Any]) -> None:
    service = clinic.service("Снимок зуба")
    person = clinic.patient(sex="female", birth_date=D(1986, 1, 1))
    clinic.visit(person, D(2026, 6, 1), [(service, 100)])
    learned(service, **{"days": 120, **figures})
    learned(service, 120, "female", (30, 44))
    refresh(full=True)
    row = Metrics.objects.get()
    assert row.due_on is None and row.cycle_days is None
    found = selectors.learned_of(service)
    assert found and found.unused and not found.counts and len(found.groups) == 1


def test_what_others_read(clinic: Clinic) -> None:
    by_hand, both, never, open_one = (clinic.service(f"У{n}", days) for n, days in enumerate((45, 99, 0, None)))
    for service in (both, never, open_one):
        learned(service, 150)
        learned(service, 120, "male", (60, None))
    assert [one[:5] for one in selectors.intervals()] == [
        (by_hand.pk, "", None, None, 45), (both.pk, "", None, None, 99), (open_one.pk, "", None, None, 150),
        (open_one.pk, "male", 60, None, 120),
    ]  # fmt: skip
    assert [one.service for one in selectors.intervals([both.pk])] == [both.pk]
    cells = selectors.days_by_cell()
    assert cells[by_hand.pk] == [45] * selectors.CELLS and never.pk not in cells
    assert cells[open_one.pk] == [150] * 10 + [120] and 1 + 2 * len(BANDS) == selectors.CELLS
    known = selectors.learned_of(open_one)
    assert known and known.counts and known.everybody.days == 150 and [row.days for row in known.groups] == [120]
    assert not selectors.learned_of(both).counts and selectors.learned_of(by_hand) is None  # type: ignore[union-attr]
    assert selectors.learned_on() == AS_OF and selectors.curve(by_hand) == []
