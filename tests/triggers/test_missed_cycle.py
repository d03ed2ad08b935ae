"""Missed cycles: with an interval of 30 days, one cycle is missed on day 60, two on day 90."""

import datetime
from typing import Any

import pytest

from patients.models import Patient
from tests.campaigns.making import make_patients
from tests.triggers.plain import DAY, Chance, asked
from tests.triggers.test_recall import service, use
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types


class TestMissedCycleContract(TypeContract):
    code = "missed_cycle"
    params = {"cycles": 2}

    def prepare(self) -> None:
        self.service = service()

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day - 90 * DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)


@pytest.mark.django_db
@pytest.mark.parametrize("cycles", [1, 2, 3])
def test_it_finds_what_the_rows_say(cycles: int) -> None:
    """Of everybody's gaps between two uses of a service (and the one still open) those that are long enough."""
    clinic = Chance(cycles)
    first, last = datetime.date(2024, 9, 1), datetime.date(2026, 3, 1)
    by_hand = set()
    came: dict[tuple[int, int], list[datetime.date]] = {}
    for one in clinic.uses():
        came.setdefault((one.patient, one.service), []).append(one.day)
    for kind in clinic.services:
        for (patient, number), days in came.items():
            if number != kind.pk or not kind.recall_days:
                continue
            days = sorted(set(days))
            for day, following in zip(days, [*days[1:], datetime.date.max], strict=True):
                missed = day + kind.recall_days * (cycles + 1) * DAY
                if following >= missed and first <= missed <= last:
                    by_hand.add((patient, f"{number}:{day}", missed))
    assert len(by_hand) > 20
    assert set(asked("missed_cycle", {"cycles": cycles}, first, last)) == by_hand


@pytest.mark.django_db
def test_coming_on_the_very_day_is_left_to_the_goal() -> None:
    """Whether the patient came before or after the message of that day only the goal can say, which knows hours."""
    (anna,) = make_patients(1)
    kind = service(recall_days=30)
    use(anna, kind, DAYS[0])
    use(anna, kind, DAYS[0] + 60 * DAY)
    (row,) = asked("missed_cycle", {}, DAYS[0], DAYS[0] + 60 * DAY).values()
    assert row["since"] == at(DAYS[0] + 60 * DAY, 0)


@pytest.mark.django_db
def test_it_explains_since_when_it_counts_as_missed() -> None:
    (anna,) = make_patients(1)
    kind = rule_types.of("missed_cycle")
    params: dict[str, Any] = kind.clean({})
    use(anna, service("Гигиена", 30), DAYS[0])
    for day, holds in ((59, False), (60, True)):
        (clause,) = kind.explain(params, anna.pk, at(DAYS[0] + day * DAY))
        assert "Гигиена" in clause.sentence and clause.holds is holds
