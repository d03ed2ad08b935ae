"""A small clinic for tests: facts in one line each."""

import datetime
import itertools
from decimal import Decimal
from typing import Any

from django.utils import timezone

from patients.models import Branch, Doctor, Feedback, Integration, Patient, Payment, Service, Visit, VisitItem

Item = tuple[Service, int] | tuple[Service, int, int] | tuple[Service, int, int, int]


def noon(day: datetime.date, hour: int = 12) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(hour)))


class Clinic:
    def __init__(self) -> None:
        self.source, _ = Integration.objects.get_or_create(code="test")
        self._numbers = itertools.count(1)

    def _key(self) -> dict[str, Any]:
        return {"source": self.source, "external_id": f"t{next(self._numbers)}"}

    def branch(self, name: str = "Центр") -> Branch:
        return Branch.objects.create(name=name, **self._key())

    def doctor(self, name: str = "Врач") -> Doctor:
        return Doctor.objects.create(name=name, **self._key())

    def service(self, name: str = "Услуга", recall_days: int | None = None) -> Service:
        return Service.objects.create(name=name, recall_days=recall_days, **self._key())

    def patient(self, **fields: Any) -> Patient:
        return Patient.objects.create(**fields, **self._key())

    def visit(
        self,
        patient: Patient,
        day: datetime.date,
        items: list[Item] | None = None,
        status: str = "completed",
        hour: int = 12,
        **fields: Any,
    ) -> Visit:
        """Items are (service, price[, discount[, cost]]); the totals of the visit are their sums."""
        lines = [(*item, *(0,) * (4 - len(item))) for item in items or []]
        visit = Visit.objects.create(
            patient=patient,
            starts_at=noon(day, hour),
            starts_on=day,
            status=status,
            amount=sum(price - discount for _, price, discount, _ in lines),
            discount=sum(discount for _, _, discount, _ in lines),
            cost=sum(cost for _, _, _, cost in lines),
            **fields,
            **self._key(),
        )
        VisitItem.objects.bulk_create(
            VisitItem(visit=visit, service=service, price=price, discount=discount, cost=cost)
            for service, price, discount, cost in lines
        )
        return visit

    def payment(self, patient: Patient, day: datetime.date, amount: Decimal | int, kind: str = "single") -> Payment:
        return Payment.objects.create(
            patient=patient, paid_at=noon(day), paid_on=day, amount=amount, kind=kind, **self._key()
        )

    def feedback(self, patient: Patient, day: datetime.date, score: int | None, complaint: bool = False) -> Feedback:
        return Feedback.objects.create(
            patient=patient, given_at=noon(day), score=score, complaint=complaint, **self._key()
        )
