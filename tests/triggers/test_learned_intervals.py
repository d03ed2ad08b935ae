"""Intervals learned by sex and age: read a second time in Python, told in words, preferred when the rule says so."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from patients.models import Patient, Service
from segmentation.models import LearnedCycle
from tests.campaigns.making import make_patients
from tests.triggers.plain import DAY, Chance, asked
from tests.triggers.test_recall import _by_hand, service, use
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types

FIRST, LAST = datetime.date(2024, 9, 1), datetime.date(2025, 12, 31)


def learn(kind: Service, days: int, sex: str = "", ages: tuple[int | None, int | None] = (None, None)) -> None:
    LearnedCycle.objects.create(
        service=kind, sex=sex, age_from=ages[0], age_to=ages[1], days=days, days_from=days - 5, days_to=days + 5,
        error_from=days - 1, error_to=days + 1, returning=0.8, uses=100, returns=80, patients=50, fitted_on=FIRST,
    )  # fmt: skip


class TestLearnedRecallContract(TypeContract):
    code = "recall"
    steps = ((-7, "day", None), (0, "day", None))

    def prepare(self) -> None:
        self.service = service(recall_days=None)
        learn(self.service, 40)
        learn(self.service, 55, "female", (30, 44))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        Patient.objects.filter(pk=patient.pk).update(sex="female", birth_date=datetime.date(1986, 1, 1))
        use(patient, self.service, day - 55 * DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)


def _people(clinic: Chance) -> None:
    """Sexes and birth dates of every kind, unknown ones and birthdays within the period among them."""
    for number, patient in enumerate(clinic.patients):
        born = None if number % 5 == 0 else datetime.date(1980 + number % 3 * 10, 1 + number % 12, 15)
        Patient.objects.filter(pk=patient.pk).update(sex=("", "female", "male")[number % 3], birth_date=born)


def _days(card: Patient, day: datetime.date) -> int:
    """The definition once more: women 30–44 after 50 days, men 18–29 after 80, all others after 65."""
    if card.birth_date is None:
        return 65
    birthday = (day.month, day.day) < (card.birth_date.month, card.birth_date.day)
    age = day.year - card.birth_date.year - birthday
    if card.sex == "female" and 30 <= age <= 44:
        return 50
    return 80 if card.sex == "male" and 18 <= age <= 29 else 65


@pytest.mark.django_db
@pytest.mark.parametrize("prefer", [False, True])
def test_each_use_is_due_after_the_interval_of_its_sex_and_age(prefer: bool) -> None:
    clinic = Chance(5)
    _people(clinic)
    learned = clinic.services[2 if prefer else 4]  # one has an interval of 180 days by hand, the other none
    learn(learned, 65)
    learn(learned, 50, "female", (30, 44))
    learn(learned, 80, "male", (18, 29))
    cards = {visit: Patient.objects.get(visits=visit) for visit in {one.visit for one in clinic.uses()}}
    by_hand: set[Any] = set()
    for days in (50, 65, 80):
        mine = {one for one in clinic.uses() if one.service == learned.pk and _days(cards[one.visit], one.day) == days}
        every = _by_hand(clinic.uses(), {learned.pk: days}, FIRST, LAST, 0, False)
        names = {(one.patient, f"{one.service}:{one.day}") for one in mine}
        by_hand |= {row for row in every if row[:2] in names}
    assert len({row[2] for row in by_hand}) > 20
    params = {"services": [learned.pk], "doctor_first": False, "prefer_learned": prefer}
    assert set(asked("recall", params, FIRST, LAST)) == by_hand
    together = {**params, "together": True}
    assert {row[:2] for row in asked("recall", together, FIRST, LAST)} == {row[:2] for row in by_hand}


@pytest.mark.django_db
def test_what_is_set_goes_first_unless_the_rule_prefers_what_was_learned() -> None:
    (anna,) = make_patients(1)
    kind, silent = service("Гигиена", 30), service("Скрининг", None, learn_recall=False)
    for one in (kind, silent):
        learn(one, 45)
        use(anna, one, DAYS[0])

    def due(**params: Any) -> set[datetime.date]:
        return {key[2] for key in asked("recall", params, DAYS[0], DAYS[0] + 100 * DAY)}

    assert due() == {DAYS[0] + 30 * DAY}
    assert due(prefer_learned=True) == {DAYS[0] + 45 * DAY}
    recall = rule_types.of("recall")
    with pytest.raises(ValidationError) as refused:
        recall.clean({"services": [kind.pk], "days": 30, "prefer_learned": True})
    assert set(refused.value.message_dict) == {"prefer_learned"}
    with override("en"):
        for code in ("recall", "missed_cycle", "low_capacity"):
            one = rule_types.of(code)
            told = one.explain(one.clean({"prefer_learned": True}), anna.pk, at(DAYS[9]))
            assert any("45 days, learned for all patients" in clause.sentence for clause in told)
        assert "learned" in recall.sentence(recall.clean({"prefer_learned": True}))
