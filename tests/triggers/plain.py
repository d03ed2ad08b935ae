"""A clinic made by chance, and its rows as plain lists: types are read against these a second time, in Python.

clinic = Chance(seed)       # patients (some merged, one deleted), services, two and a half years of visits
asked("recall", params, first, last, lead_days=-7)      # what the type finds: {(kept card, occasion, anchor): row}
"""

import datetime
import random
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from patients.models import Branch, Doctor, Integration, Patient, Service, ServiceGroup, Visit, VisitItem
from tests.campaigns.making import make_branch, make_patients
from triggers import rule_types
from triggers.rule_types import Span

DAY = datetime.timedelta(days=1)
START = datetime.date(2024, 1, 1)
DAYS = 900


class Use(NamedTuple):
    """A completed visit with a service, by the card that is kept."""

    patient: int
    service: int
    day: datetime.date
    visit: int
    named: datetime.date | None


@dataclass
class Chance:
    seed: int
    people: int = 40

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        source, _created = Integration.objects.get_or_create(code="test")
        self.group = ServiceGroup.objects.create(name=f"Группа {self.seed}")
        self.services = [
            Service.objects.create(
                name=f"Услуга {n}", recall_days=days, source=source, external_id=f"s{self.seed}-{n}",
                group=self.group if n < 3 else None,
            )
            for n, days in enumerate((30, 45, 180, 30, None))
        ]  # fmt: skip
        self.branches: list[Branch] = [make_branch("Центр"), make_branch("Восток", "Asia/Novosibirsk")]
        self.patients = make_patients(self.people)
        for number in range(0, 9, 3):
            Patient.objects.filter(pk=self.patients[number].pk).update(merged_into=self.patients[number + 1])
        Patient.objects.filter(pk=self.patients[3].pk).update(merged_into=self.patients[1])
        self.doctors = [
            Doctor.objects.create(name=name, specialty=specialty, source=source, external_id=f"d{self.seed}-{name}")
            for name, specialty in (("А", "косметолог"), ("Б", "косметолог"), ("В", "стоматолог"))
        ]
        self._visits(source)

    def _visits(self, source: Integration) -> None:
        chance = self.chance
        made, items = [], []
        for number in range(self.people * 12):
            day = START + chance.randrange(DAYS) * DAY
            if chance.random() < 0.3:
                day = START + chance.randrange(DAYS // 15) * 15 * DAY  # several on one day
            visit = Visit(
                patient=chance.choice(self.patients), branch=chance.choice([*self.branches, None]), starts_on=day,
                starts_at=datetime.datetime.combine(day, datetime.time(chance.randrange(7, 15)), datetime.UTC),
                status=chance.choices(["completed", "cancelled", "no_show", "booked"], [8, 1, 1, 1])[0],
                doctor=chance.choice([*self.doctors, None]),
                return_due_on=day + chance.randrange(0, 60) * DAY if chance.random() < 0.3 else None,
                deleted_at=datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC) if chance.random() < 0.05 else None,
                source=source, external_id=f"v{self.seed}-{number}",
            )  # fmt: skip
            made.append(visit)
            for service in chance.choices(self.services, k=chance.choice((1, 1, 2))):
                items.append(VisitItem(visit=visit, service=service, price=1000))
        Visit.objects.bulk_create(made)
        VisitItem.objects.bulk_create(items)

    def kept(self) -> dict[int, int]:
        return {pk: merged or pk for pk, merged in Patient.objects.values_list("pk", "merged_into")}

    def uses(self) -> list[Use]:
        kept = self.kept()
        rows = VisitItem.objects.filter(visit__status="completed", visit__deleted_at__isnull=True).values_list(
            "visit__patient", "service", "visit__starts_on", "visit", "visit__return_due_on"
        )
        return sorted({Use(kept[row[0]], *row[1:]) for row in rows}, key=lambda use: (use.day, use.visit, use.service))


def asked(
    code: str, params: dict[str, Any], first: datetime.date, last: datetime.date, lead_days: int = 0
) -> dict[tuple[int, str, datetime.date], dict[str, Any]]:
    """What a type finds with anchors on these days; nothing twice."""
    kind = rule_types.of(code)
    midnight = datetime.datetime.combine(first, datetime.time(), datetime.UTC)
    span = Span(
        first, last, midnight, datetime.datetime.combine(last + DAY, datetime.time(), datetime.UTC), lead_days,
        lead_days * DAY,
    )  # fmt: skip
    query = kind.occasions(kind.clean(params), span)
    kept = dict(Patient.objects.filter(merged_into__isnull=False).values_list("pk", "merged_into"))
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    found = {(kept.get(row["patient_id"], row["patient_id"]), row["occasion"], row["anchor"]): row for row in rows}
    assert len(found) == len(rows)
    return found
