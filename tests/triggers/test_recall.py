"""Recall: due again by the service's interval or on the doctor's day, unless the patient came again by then."""

import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from patients.models import Integration, Patient, Service, ServiceGroup, Visit, VisitItem
from tests.campaigns.making import make_patients, make_visit
from tests.triggers.plain import DAY, Chance, Use, asked
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types


def service(name: str = "Гигиена", recall_days: int | None = 30, **fields: Any) -> Service:
    source, _created = Integration.objects.get_or_create(code="test")
    return Service.objects.create(
        name=name, recall_days=recall_days, source=source, external_id=f"s{Service.objects.count()}", **fields
    )


def use(patient: Patient, kind: Service, day: datetime.date, **fields: Any) -> Visit:
    visit = make_visit(patient, at(day), **fields)
    VisitItem.objects.create(visit=visit, service=kind, price=1000)
    return visit


class TestRecallContract(TypeContract):
    code = "recall"
    steps = ((-7, "day", None), (-3, "day", None), (0, "day", None))

    def prepare(self) -> None:
        self.service = service()

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day - 30 * DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)


class TestRecallByTheDoctorsDayContract(TypeContract):
    code = "recall"
    steps = ((-7, "day", None), (1, "day", None))

    def prepare(self) -> None:
        self.service = service(recall_days=None)

    def settings(self) -> dict[str, Any]:
        return {"services": [self.service.pk], "days": 400}

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day - 20 * DAY, return_due_on=day)


def _by_hand(
    uses: list[Use], days: dict[int, int], first: datetime.date, last: datetime.date, lead: int, doctor_first: bool
) -> set[tuple[int, str, datetime.date]]:
    """Read the definition once more, slowly."""
    found = set()
    for mine in uses:
        if mine.service not in days:
            continue
        named = mine.named if doctor_first and mine.named and mine.named > mine.day else None
        anchor = named or mine.day + days[mine.service] * DAY
        if not first <= anchor <= last:
            continue

        def rank(one: Use) -> tuple[bool, int]:
            return bool(doctor_first and one.named and one.named > one.day), one.visit

        again = [
            other for other in uses
            if other.patient == mine.patient and other.service == mine.service and other.visit != mine.visit
            and (mine.day < other.day < anchor + lead * DAY or (other.day == mine.day and rank(other) > rank(mine)))
        ]  # fmt: skip
        if not again:
            found.add((mine.patient, f"{mine.service}:{mine.day}" + (f":{named}" if named else ""), anchor))
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("doctor_first", "lead"), [(True, -7), (True, 3), (False, 0)])
def test_it_finds_what_the_rows_say(seed: int, doctor_first: bool, lead: int) -> None:
    clinic = Chance(seed)
    first, last = datetime.date(2024, 9, 1), datetime.date(2025, 12, 31)
    days = {one.pk: one.recall_days for one in clinic.services if one.recall_days}
    by_hand = _by_hand(clinic.uses(), days, first, last, lead, doctor_first)
    assert len(by_hand) > 50
    assert set(asked("recall", {"doctor_first": doctor_first}, first, last, lead)) == by_hand


@pytest.mark.django_db
def test_own_days_hold_for_a_group_and_for_services_without_an_interval() -> None:
    clinic = Chance(7)
    first, last = datetime.date(2024, 9, 1), datetime.date(2025, 12, 31)
    wanted = {one.pk: 60 for one in clinic.services if one.group_id}
    params = {"group": clinic.group.pk, "days": 60, "doctor_first": False}
    assert set(asked("recall", params, first, last)) == _by_hand(clinic.uses(), wanted, first, last, 0, False)
    alone = {clinic.services[4].pk: 90}
    params = {"services": list(alone), "days": 90, "doctor_first": False}
    found = set(asked("recall", params, first, last))
    assert found == _by_hand(clinic.uses(), alone, first, last, 0, False) and found


@pytest.mark.django_db
def test_one_for_all_tells_of_the_service_due_first_and_coming_for_any_counts() -> None:
    short, long = service("Линзы дневные", 30), service("Линзы месячные", 90)
    anna, vera = make_patients(2)
    visit = use(anna, short, DAYS[0])
    VisitItem.objects.create(visit=visit, service=long, price=1)
    use(vera, short, DAYS[0])
    use(vera, long, DAYS[5])
    found = asked("recall", {"services": [short.pk, long.pk], "together": True}, DAYS[0], DAYS[0] + 200 * DAY)
    assert [(key, row["service_id"]) for key, row in sorted(found.items())] == [
        ((anna.pk, f"{short.pk}:{DAYS[0]}", DAYS[0] + 30 * DAY), short.pk),
        ((vera.pk, f"{long.pk}:{DAYS[5]}", DAYS[5] + 90 * DAY), long.pk),
    ]


@pytest.mark.django_db
def test_an_interval_shorter_than_the_ladder_is_found_for_the_steps_still_ahead() -> None:
    (anna,) = make_patients(1)
    use(anna, service(recall_days=5), DAYS[0])
    assert [key[2] for key in asked("recall", {}, DAYS[0], DAYS[9], lead_days=-7)] == [DAYS[5]]


@pytest.mark.django_db
def test_only_an_appointment_after_the_first_message_meets_its_goal() -> None:
    """`since` is the day of the first message at the branch: what the patient came for in between met nothing."""
    (anna,) = make_patients(1)
    use(anna, service(recall_days=30), DAYS[0])
    (row,) = asked("recall", {}, DAYS[0], DAYS[0] + 40 * DAY, lead_days=-7).values()
    assert row["since"] == at(DAYS[0] + 23 * DAY, 0)


@pytest.mark.django_db
def test_the_form_wants_services_or_a_group_and_no_interval_for_nothing() -> None:
    group = ServiceGroup.objects.create(name="Стоматология")
    one = service(group=group)
    kind = rule_types.of("recall")
    assert kind.clean({"services": [one.pk]})["services"] == [one.pk]
    for wrong, field in [
        ({"services": [one.pk], "group": group.pk}, "group"), ({"days": 30}, "days"), ({"days": 0}, "days"),
        ({"services": [one.pk + 1]}, "services"),
    ]:  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            kind.clean(wrong)
        assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db
def test_a_visit_that_is_corrected_withdraws_its_ladder() -> None:
    from tests.triggers.making import look, make_rule, make_step
    from triggers.models import Firing

    (anna,) = make_patients(1)
    kind = service(recall_days=30)
    visit = use(anna, kind, DAYS[0])
    rule = make_rule("recall", [make_step(-7), make_step(0)], on=at(DAYS[0] + 20 * DAY))
    look(at(DAYS[0] + 24 * DAY))
    assert Firing.objects.filter(rule=rule).count() == 1

    def withdrawn() -> bool:
        where = rule_types.of("recall").withdrawn(rule.params).replace("%", "%%")
        return bool(Firing.objects.raw(f"SELECT f.* FROM triggers_firing f WHERE {where}"))

    assert not withdrawn()
    for change in (
        {"status": "cancelled"}, {"deleted_at": at(DAYS[3])}, {"starts_on": DAYS[1]}, {"return_due_on": DAYS[9]},
    ):  # fmt: skip
        Visit.objects.filter(pk=visit.pk).update(**change)
        assert withdrawn()
        back = {"status": "completed", "deleted_at": None, "starts_on": DAYS[0], "return_due_on": None}
        Visit.objects.filter(pk=visit.pk).update(**back)
        assert not withdrawn()
    VisitItem.objects.update(service=service("Другая"))
    assert withdrawn()


@pytest.mark.django_db
def test_it_explains_when_each_service_is_due() -> None:
    (anna,) = make_patients(1)
    hygiene, cleaning = service("Гигиена", 30), service("Чистка", 300)
    use(anna, hygiene, DAYS[0])
    use(anna, cleaning, DAYS[1], return_due_on=DAYS[4])
    kind = rule_types.of("recall")
    told = {clause.sentence: clause.holds for clause in kind.explain(kind.clean({}), anna.pk, at(DAYS[5]))}
    assert [holds for text, holds in told.items() if "Гигиена" in text] == [False]
    assert [holds for text, holds in told.items() if "Чистка" in text] == [True]
