"""Whatever happens between nights, recomputing the concerned ends in the rows of recomputing everybody."""

import datetime
import random
from typing import Any

import pytest
from django.utils import timezone

from patients.models import Feedback, Patient, Payment, Service, Visit
from segmentation.models import LearnedCycle, Metrics, ServiceRhythm
from segmentation.scoring import cycles
from segmentation.services import metrics
from tests.segmentation.clinic import Clinic

pytestmark = pytest.mark.django_db
START = datetime.date(2026, 1, 1)
GROUPS = [(sex, *ages) for sex in cycles.SEXES for ages in cycles.BANDS]


def rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    persons = list(Metrics.objects.order_by("patient").values())
    for person in persons:
        del person["as_of"]  # when the row was last written, which is what differs
    rhythms = ServiceRhythm.objects.order_by("patient", "service")
    fields = [field.name for field in ServiceRhythm._meta.concrete_fields if field.name != "pk"]
    return persons, list(rhythms.values(*fields))


class Life:
    """Random facts around the borders that matter: today, the appointment, the year."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clinic = Clinic()
        self.services = [self.clinic.service(recall_days=days) for days in (None, None, None, 0, 20, 60)]
        self.doctors = [self.clinic.doctor() for _ in range(3)]
        self.patients = [self.clinic.patient() for _ in range(12)]
        self.today = START

    def day(self) -> datetime.date:
        around = self.random.choice([0, -365, -366, -364, 10, -100, -500])
        return self.today + datetime.timedelta(around + self.random.randint(-12, 12))

    def visit(self) -> None:
        day = self.day()
        due = day + datetime.timedelta(self.random.randint(-5, 90)) if self.random.random() < 0.3 else None
        items = [
            (service, self.random.randint(0, 90), self.random.randint(0, 9), self.random.randint(0, 50))
            for service in self.random.choices(self.services, k=self.random.randint(0, 3))
        ]
        self.clinic.visit(
            self.random.choice(self.patients), day, items, self.random.choice(Visit.Status.values + ["completed"] * 5),
            self.random.randint(8, 20), return_due_on=due, doctor=self.random.choice([*self.doctors, None]),
        )  # fmt: skip

    def payment(self) -> None:
        kind = self.random.choice(Payment.Kind.values)
        self.clinic.payment(self.random.choice(self.patients), self.day(), self.random.randint(0, 500), kind)

    def feedback(self) -> None:
        score = self.random.choice([None, *range(11)])
        self.clinic.feedback(self.random.choice(self.patients), self.day(), score, self.random.random() < 0.5)

    def edit(self) -> None:
        model = self.random.choice([Visit, Payment])
        row = self.random.choice([*model.objects.all(), None])
        if row is None:
            return
        if self.random.random() < 0.3:
            row.deleted_at = None if row.deleted_at else timezone.now()
        elif self.random.random() < 0.3:
            row.patient = self.random.choice(self.patients)
        elif isinstance(row, Visit):
            row.status = self.random.choice(Visit.Status.values)
        else:
            row.delete()
            return
        row.save()

    def forget_answer(self) -> None:
        Feedback.objects.filter(pk__in=Feedback.objects.order_by("?").values("pk")[:1]).delete()

    def merge_or_split(self) -> None:
        card, kept = self.random.sample(self.patients, 2)
        card.refresh_from_db()
        kept.refresh_from_db()
        if card.merged_into_id:
            card.merged_into = None
        elif not kept.merged_into_id and not card.merged.exists():
            card.merged_into = kept
        card.save()

    def delete_or_restore(self) -> None:
        card = self.random.choice(self.patients)
        card.refresh_from_db()
        card.deleted_at = None if card.deleted_at else timezone.now()
        card.save()

    def arrive(self) -> None:
        self.patients.append(self.clinic.patient(sex=self.random.choice(["", "female", "male"])))

    def describe(self) -> None:
        card = self.random.choice(self.patients)
        born = self.random.choice([None, START - datetime.timedelta(365 * self.random.randint(15, 70))])
        Patient.objects.filter(pk=card.pk).update(
            birth_date=born, sex=self.random.choice(["", "female", "female", "male", "male"])
        )

    def learn(self) -> None:
        """As the step of the night does; days at random, now and then for a service that is not a rhythm."""
        LearnedCycle.objects.all().delete()
        for service in self.random.sample(self.services, 4):
            for sex, first, last in [("", None, None), *self.random.sample(GROUPS, self.random.randint(0, 5))]:
                days = self.random.choice([10, 30, 90, 180])
                LearnedCycle.objects.create(
                    service=service, sex=sex, age_from=first, age_to=last, days=days, days_from=days - 5,
                    days_to=days + self.random.choice([5, 5, 5, 300]), error_from=days, error_to=days,
                    returning=self.random.choice([0.3, 0.8, 0.8]), uses=99, returns=50, patients=40,
                    fitted_on=self.today,
                )  # fmt: skip

    def edit_learning(self) -> None:
        service = self.random.choice(self.services)
        Service.objects.filter(pk=service.pk).update(learn_recall=self.random.random() < 0.7)

    def edit_recall(self) -> None:
        Service.objects.filter(pk=self.random.choice(self.services).pk).update(
            recall_days=self.random.choice([None, 0, 15, 45, 120])
        )

    def happen(self) -> None:
        deeds = [self.visit] * 8 + [self.payment] * 4 + [self.feedback] * 3 + [self.edit] * 3
        deeds += [self.merge_or_split, self.delete_or_restore, self.arrive, self.edit_recall, self.forget_answer]
        deeds += [self.learn, self.edit_learning, self.describe]
        self.random.choice(deeds)()


@pytest.mark.parametrize("seed", range(4))
def test_concerned_only_ends_in_the_same_rows_as_everybody(seed: int) -> None:
    life = Life(seed)
    life.learn()
    for _ in range(8):
        life.describe()
    for _ in range(120):
        life.visit()
    for _ in range(50):
        life.payment()
        life.feedback()
    metrics.refresh(life.today, full=True, previous=None)
    for _ in range(8):
        previous = life.today
        life.today += datetime.timedelta(life.random.choice([0, 1, 1, 1, 2, 7, 400]))
        for _ in range(life.random.choice([0, 0, 3, 15])):
            life.happen()
        metrics.refresh(life.today, full=False, previous=previous)
        concerned = rows()
        alive = Patient.objects.filter(deleted_at=None, merged_into=None).order_by("pk")
        assert [row["patient_id"] for row in concerned[0]] == list(alive.values_list("pk", flat=True))
        assert metrics.refresh(life.today, full=True, previous=previous) == 0
        assert rows() == concerned
    Metrics.objects.all().delete()
    ServiceRhythm.objects.all().delete()
    metrics.refresh(life.today, full=True, previous=None)
    assert rows() == concerned
