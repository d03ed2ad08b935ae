"""Small random clinics for conditions: few people, days that lie on the borders of windows."""

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from patients.models import (
    AcquisitionChannel,
    Branch,
    Consent,
    Doctor,
    Feedback,
    Integration,
    Patient,
    Payment,
    Service,
    ServiceGroup,
    Visit,
    VisitItem,
)  # fmt: skip
from segmentation.models import Forecast, Membership, Metrics, Score, Segment, Segmentation

MOSCOW = ZoneInfo("Europe/Moscow")
STATES = ["completed"] * 5 + ["booked", "confirmed", "arrived", "cancelled", "no_show"]
STEPS = [
    relativedelta(days=0), relativedelta(days=7), relativedelta(days=30), relativedelta(months=1),
    relativedelta(months=6), relativedelta(months=12), relativedelta(months=18), relativedelta(years=2),
]  # fmt: skip
COUNT_NAMES = ("visits", "visits_365", "cancelled", "no_shows", "cancelled_365", "complaints", "complaints_365")
SUM_NAMES = ("money", "money_365", "margin_365")
COUNTS, SUMS, SCORES = (0, 1, 2, 5), (-500, 0, "99.99", 1000), (0, 1, 3, 5)


class RandomClinic:
    """`people` cards, a few of them merged or deleted; everything else hangs on them by chance."""

    def __init__(self, seed: int, as_of: dt.date, people: int = 14) -> None:
        self.rng, self.as_of, self.number = random.Random(seed), as_of, 0
        self.source = Integration.objects.create(code="random")
        self.branches = [Branch.objects.create(name=f"Branch {n}", **self.key()) for n in range(2)]
        self.doctors = [Doctor.objects.create(name=f"Doctor {n}", **self.key()) for n in range(2)]
        self.groups = [ServiceGroup.objects.create(name=f"Group {n}") for n in range(3)]  # the last has no service
        self.services = [
            Service.objects.create(name=f"Service {n}", group=self.groups[n % 2], **self.key()) for n in range(3)
        ]
        self.channels = [AcquisitionChannel.objects.create(name=f"Channel {n}") for n in range(2)]
        self.segments = [segment for n in range(2) for segment in self._segmentation(n)]
        self.patients = [self._patient(n) for n in range(people)]
        for patient in self.patients:
            self._facts(patient)

    def key(self) -> dict[str, Any]:
        self.number += 1
        return {"source": self.source, "external_id": f"x{self.number}"}

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def maybe(self, values: Any, share: float = 0.7) -> Any:
        return self.rng.choice(values) if self.chance(share) else None

    def _some(self, names: Iterable[str], values: Sequence[Any]) -> dict[str, Any]:
        return {name: self.rng.choice(values) for name in names}

    def day(self, ahead: float = 0.3) -> dt.date:
        """A day on a border of some window, or next to it."""
        step = self.rng.choice(STEPS)
        base = self.as_of + step if self.chance(ahead) else self.as_of - step
        return base + dt.timedelta(days=self.rng.choice((-1, 0, 0, 1)))

    def moment(self, day: dt.date) -> dt.datetime:
        """Some time of the day in Moscow, often its first or last minute."""
        time = self.rng.choice((dt.time(0, 0), dt.time(12, 30), dt.time(23, 59, 59)))
        return dt.datetime.combine(day, time, MOSCOW)

    def _segmentation(self, n: int) -> list[Segment]:
        # Of no kind that is installed: these tests write memberships themselves.
        division = Segmentation.objects.create(code=f"d{n}", kind="by_hand", name=f"Division {n}")
        return [Segment.objects.create(segmentation=division, code=code, name=code) for code in ("a", "b")]

    def _patient(self, n: int) -> Patient:
        earlier = list(Patient.objects.filter(merged_into=None))
        birth = None
        if self.chance(0.85):
            years, days = self.rng.choice((17, 18, 25, 26, 40, 56)), self.rng.choice((-1, 0, 1, 6, 7, 31))
            birth = self.as_of - relativedelta(years=years) + dt.timedelta(days=days)
            birth = self.rng.choice((birth, dt.date(1996, 2, 29)))
        return Patient.objects.create(
            sex=self.rng.choice(("female", "male", "")), birth_date=birth,
            city=self.rng.choice(("Москва", "Тверь", "")), branch=self.maybe(self.branches),
            channel=self.maybe(self.channels), phone=self.rng.choice(("", f"+7916{n:07d}")),
            email=self.rng.choice(("", f"p{n}@example.org")),
            language=self.rng.choice(("ru", "en", "")),
            registered_at=self.moment(self.day(0.1)) if self.chance(0.8) else None,
            guardian=self.maybe(earlier, 0.3) if earlier else None,
            referred_by=self.maybe(earlier, 0.3) if earlier else None,
            merged_into=self.maybe(earlier, 0.25) if earlier else None,
            deleted_at=self.moment(self.as_of) if self.chance(0.07) else None, **self.key(),
        )  # fmt: skip

    def _facts(self, patient: Patient) -> None:
        for _n in range(self.rng.choice((0, 1, 3, 6))):
            self._visit(patient)
        for _n in range(self.rng.choice((0, 1, 3))):
            day = self.day(0.1)
            Payment.objects.create(
                patient=patient, paid_at=self.moment(day), paid_on=day, amount=self.rng.choice((0, 500, 1000, "99.99")),
                kind=self.rng.choice(("single", "package", "refund")),
                deleted_at=self.moment(day) if self.chance(0.1) else None, **self.key(),
            )  # fmt: skip
        for _n in range(self.rng.choice((0, 1, 2))):
            Feedback.objects.create(
                patient=patient, given_at=self.moment(self.day(0.1)), score=self.maybe((0, 6, 7, 9, 10)),
                complaint=self.chance(0.4), **self.key(),
            )  # fmt: skip
        self._consents(patient)
        if patient.merged_into_id is None:
            self._memberships(patient)
            self._numbers(patient)

    def _visit(self, patient: Patient) -> None:
        day = self.day()
        visit = Visit.objects.create(
            patient=patient, starts_on=day, starts_at=self.moment(day), status=self.rng.choice(STATES),
            branch=self.maybe(self.branches), doctor=self.maybe(self.doctors), discount=self.rng.choice((0, 0, 100)),
            promo_code=self.rng.choice(("", "", "SPRING", "spring")),
            deleted_at=self.moment(day) if self.chance(0.1) else None, **self.key(),
        )  # fmt: skip
        for service in self.rng.choices(self.services, k=self.rng.choice((0, 1, 2))):
            VisitItem.objects.create(visit=visit, service=service)

    def _consents(self, patient: Patient) -> None:
        for channel in ("email", "sms"):
            days = sorted({self.day(0.2) for _n in range(self.rng.choice((0, 1, 2)))})
            moments = [dt.datetime.combine(day, dt.time(), MOSCOW) for day in days]
            for at, until in zip(moments, [*moments[1:], None], strict=False):
                Consent.objects.create(
                    patient=patient, channel=channel, purpose=self.rng.choice(("marketing", "service")),
                    granted=self.chance(0.6), at=at, until=until or self.maybe((at + dt.timedelta(days=1),), 0.3),
                )  # fmt: skip

    def _memberships(self, patient: Patient) -> None:
        for division in {segment.segmentation for segment in self.segments}:
            mine = [segment for segment in self.segments if segment.segmentation == division]
            days = sorted({self.day(0) for _n in range(self.rng.choice((0, 1, 2, 3)))})
            before = None
            for entered, left in zip(days, [*days[1:], None], strict=False):
                segment = self.rng.choice(mine)
                Membership.objects.create(
                    patient=patient, segmentation=division, segment=segment, came_from=before, entered_on=entered,
                    left_on=left,
                )  # fmt: skip
                before = segment

    def _numbers(self, patient: Patient) -> None:
        if self.chance(0.85):
            Metrics.objects.create(
                patient=patient, as_of=self.as_of, **self._some(COUNT_NAMES, COUNTS), **self._some(SUM_NAMES, SUMS),
                average_bill=self.maybe((0, "99.99", 1000)),
                discount_share=self.maybe((0.0, 0.1 + 0.2, 0.3, 1.0)), last_nps=self.maybe((0, 6, 9, 10)),
                first_visit_on=self.maybe([self.day(0)]), last_visit_on=self.maybe([self.day(0)]),
                next_visit_on=self.maybe([self.day(1)]), due_on=self.maybe([self.day(0.5)]),
                first_service=self.maybe(self.services), main_service=self.maybe(self.services),
                first_doctor=self.maybe(self.doctors), last_doctor=self.maybe(self.doctors),
                last_branch=self.maybe(self.branches),
            )  # fmt: skip
        if self.chance(0.85):
            Forecast.objects.create(
                patient=patient, as_of=self.as_of, p_alive=self.maybe((0.0, 0.1 + 0.2, 0.3, 1.0)),
                visits_3m=0, visits_12m=self.rng.choice((0.0, 0.1 + 0.2, 1.0, 3.0)), visits_36m=0,
                money_12m=self.maybe((0, "99.99", 1000)), next_visit_on=self.maybe([self.day(1)]),
            )  # fmt: skip
        if self.chance(0.85):
            Score.objects.create(
                patient=patient, **self._some("rfm", SCORES), ltv=self.maybe((0, "99.99", 1000)),
                profit_band=self.maybe((1, 2, 3)),
            )  # fmt: skip
