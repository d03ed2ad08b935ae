"""Life map: a service becomes relevant at an age and for a sex."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from patients.models import Patient
from tests.campaigns.making import make_patients
from tests.triggers.plain import DAY, asked
from tests.triggers.test_recall import service, use
from tests.triggers.type_contract import TypeContract, at
from triggers import rule_types

D = datetime.date
TURN = D(2026, 3, 5)


class TestLifeMapContract(TypeContract):
    code = "life_map"
    steps = ((-7, "day", None), (0, "day", None))

    def prepare(self) -> None:
        self.service = service("Маммография", min_age=40, sex="female")

    def settings(self) -> dict[str, Any]:
        return {"services": [self.service.pk]}

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        Patient.objects.filter(pk=patient.pk).update(birth_date=day.replace(year=1986), sex="female")

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)


def people(*ages: int, sex: str = "male") -> dict[int, int]:
    return {make_patients(1, birth_date=TURN.replace(year=TURN.year - age), sex=sex)[0].pk: age for age in ages}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "ages"),
    [
        ({}, {40}), ({"repeat_years": 1}, {40, 41, 45, 60}), ({"repeat_years": 5}, {40, 45, 60}),
        ({"age": 45}, {45}), ({"age": 35, "repeat_years": 2}, {39, 41, 45}),
        ({"max_age": 45, "repeat_years": 1}, {40, 41, 45}), ({"max_age": 90, "repeat_years": 1}, {40, 41, 45, 60, 70}),
    ],
)  # fmt: skip
def test_ages_of_the_service_or_of_the_rule(params: dict[str, Any], ages: set[int]) -> None:
    men = people(39, 40, 41, 45, 60, 70)
    checkup = service("Чек-ап", min_age=40, max_age=60)
    found = asked("life_map", {"services": [checkup.pk], **params}, TURN, TURN)
    assert {men[row[0]] for row in found} == ages
    assert {row[1] for row in found} == {f"{checkup.pk}:{age}" for age in ages}


@pytest.mark.django_db
def test_sex_of_the_service_or_of_the_rule() -> None:
    (man,), (woman,), (unknown,) = people(40), people(40, sex="female"), people(40, sex="")
    checkup = service("Чек-ап", min_age=40, sex="male")
    for sex, whom in (("", {man}), ("female", {woman}), ("any", {man, woman, unknown})):
        found = asked("life_map", {"services": [checkup.pk], "sex": sex}, TURN, TURN)
        assert {row[0] for row in found} == whom


@pytest.mark.django_db
def test_whoever_had_it_lately_is_left_out_also_on_another_card() -> None:
    checkup, other = service("Чек-ап", min_age=40), service("Другое")
    lately, long_ago, another, on_the_day, twice = people(40, 40, 40, 40) | people(40, sex="female")
    use(Patient.objects.get(pk=lately), checkup, TURN - 300 * DAY)
    use(Patient.objects.get(pk=long_ago), checkup, TURN - 366 * DAY)
    use(Patient.objects.get(pk=another), other, TURN - 30 * DAY)
    use(Patient.objects.get(pk=on_the_day), checkup, TURN)
    old_card = make_patients(1, merged_into=Patient.objects.get(pk=twice))[0]
    use(old_card, checkup, TURN - 30 * DAY)
    params = {"services": [checkup.pk], "not_within_years": 1}
    assert {row[0] for row in asked("life_map", params, TURN, TURN)} == {long_ago, another, on_the_day}
    # A week before, the visit of 366 days before the birthday is 359 days old.
    assert {row[0] for row in asked("life_map", params, TURN, TURN, lead_days=-7)} == {another, on_the_day}
    never = {"services": [checkup.pk], "not_within_years": 0}
    assert len(asked("life_map", never, TURN, TURN)) == 5


@pytest.mark.django_db
def test_several_services_are_occasions_of_their_own_and_one_without_an_age_is_none() -> None:
    (man,) = people(40)
    one, two, three = service("А", min_age=40), service("Б", min_age=40), service("В")
    found = asked("life_map", {"services": [one.pk, two.pk, three.pk]}, TURN, TURN)
    assert {(row[0], row[1]) for row in found} == {(man, f"{one.pk}:40"), (man, f"{two.pk}:40")}
    kind = rule_types.of("life_map")
    for wrong, field in (({}, "services"), ({"services": [three.pk]}, "age"),
                         ({"services": [one.pk], "age": 50, "max_age": 40}, "max_age")):  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            kind.clean(wrong)
        assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db
def test_it_explains_age_sex_and_what_was_had() -> None:
    checkup = service("Чек-ап", min_age=40, sex="male")
    kind = rule_types.of("life_map")
    params = kind.clean({"services": [checkup.pk]})
    (man,), (woman,) = people(40), people(40, sex="female")

    def holds(patient: int, day: D) -> list[bool]:
        return [clause.holds for clause in kind.explain(params, patient, at(day))]

    assert holds(man, TURN - DAY) == [True, False, True]
    assert holds(man, TURN) == [True, True, True]
    use(Patient.objects.get(pk=man), checkup, TURN)
    assert holds(man, TURN + DAY) == [True, True, False]
    assert holds(woman, TURN) == [True, False, True]
