"""Packages: so many sessions are left, or the last day is near."""

import datetime
from typing import Any

import pytest
from django.db import connection

from patients.models import Integration, Package, Patient, Service, Visit
from tests.campaigns.making import make_patients
from tests.triggers.making import look, make_rule, make_step
from tests.triggers.plain import DAY, asked
from tests.triggers.test_recall import service, use
from tests.triggers.type_contract import DAYS, TypeContract, at
from triggers import rule_types
from triggers.models import Firing

D = datetime.date


def package(patient: Patient, kind: Service | None, bought: D, sessions: int = 3, **fields: Any) -> Package:
    source = Integration.objects.get(code="test")
    return Package.objects.create(
        patient=patient, service=kind, sessions=sessions, bought_on=bought, source=source,
        external_id=f"k{Package.objects.count()}", **fields,
    )  # fmt: skip


class TestSessionsLeftContract(TypeContract):
    code = "package"
    steps = ((1, "day", None), (4, "day", None))

    def prepare(self) -> None:
        self.service = service("Массаж")

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        package(patient, self.service, day - 60 * DAY)
        for before in (30, 0):
            use(patient, self.service, day - before * DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        use(patient, self.service, day + DAY)
        package(patient, self.service, day + 2 * DAY)


class TestExpiringContract(TypeContract):
    code = "package"
    params = {"when": "expires"}
    steps = ((-14, "day", None), (-3, "day", None))

    def prepare(self) -> None:
        self.service = service("Массаж")

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        package(patient, self.service, day - 60 * DAY, sessions=2, expires_on=day)
        use(patient, self.service, day - 30 * DAY)


FIRST, LAST = DAYS[0], DAYS[0] + 100 * DAY


@pytest.mark.django_db
@pytest.mark.parametrize(("left", "visit"), [(0, 2), (1, 1), (2, 0)])
def test_the_day_it_comes_to_so_many_sessions(left: int, visit: int) -> None:
    (anna,) = make_patients(1)
    massage = service("Массаж")
    mine = package(anna, massage, FIRST)
    days = [FIRST + n * DAY for n in (3, 10, 20, 30)]
    for day in days:
        use(anna, massage, day)
    assert list(asked("package", {"left": left}, FIRST, LAST)) == [(anna.pk, f"{mine.pk}:{left}", days[visit])]


@pytest.mark.django_db
def test_whoever_has_bought_the_next_one_by_then_is_left_out_and_the_next_one_counts_its_own() -> None:
    anna, old_card = make_patients(2)
    Patient.objects.filter(pk=old_card.pk).update(merged_into=anna)
    massage, other = service("Массаж"), service("Другое")
    first = package(anna, massage, FIRST, sessions=2)
    use(anna, massage, FIRST + 5 * DAY)
    use(old_card, other, FIRST + 6 * DAY)
    next_one = package(old_card, massage, FIRST + 7 * DAY, sessions=2)
    use(old_card, massage, FIRST + 8 * DAY)
    use(anna, massage, FIRST + 20 * DAY)

    def found(lead: int) -> list[tuple[str, D]]:
        return sorted((row[1], row[2]) for row in asked("package", {"left": 1}, FIRST, LAST, lead_days=lead))

    second = (f"{next_one.pk}:1", FIRST + 20 * DAY)
    assert found(2) == [(f"{first.pk}:1", FIRST + 5 * DAY), second]
    assert found(3) == [second]


@pytest.mark.django_db
def test_only_packages_with_sessions_left_expire() -> None:
    massage = service("Массаж")
    unused, used_up, used_that_day, nameless = make_patients(4)
    expires = FIRST + 30 * DAY
    for patient in (unused, used_up, used_that_day):
        package(patient, massage, FIRST, sessions=1, expires_on=expires)
    use(used_up, massage, expires - 15 * DAY)
    use(used_that_day, massage, expires - 14 * DAY)
    package(nameless, None, FIRST, expires_on=expires)
    package(nameless, massage, FIRST, expires_on=expires, deleted_at=at(FIRST))
    package(nameless, massage, FIRST)
    found = asked("package", {"when": "expires"}, FIRST, LAST, lead_days=-14)
    assert {row[0] for row in found} == {unused.pk, used_that_day.pk, nameless.pk}
    only = asked("package", {"when": "expires", "services": [massage.pk]}, FIRST, LAST, lead_days=-14)
    assert {row[0] for row in only} == {unused.pk, used_that_day.pk}


def _withdrawn(code: str, params: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {rule_types.of(code).withdrawn(params)} FROM triggers_firing f")
        ((answer,),) = cursor.fetchall()
        return bool(answer)


@pytest.mark.django_db
def test_prolonged_used_up_or_taken_back_it_is_withdrawn() -> None:
    (anna,) = make_patients(1)
    massage = service("Массаж")
    mine = package(anna, massage, FIRST, sessions=1, expires_on=FIRST + 30 * DAY)
    rule = make_rule("package", [make_step(-14), make_step(-3)], {"when": "expires"}, on=at(FIRST))
    look(at(FIRST + 17 * DAY))
    assert Firing.objects.count() == 1 and not _withdrawn("package", rule.params)
    Package.objects.update(expires_on=FIRST + 60 * DAY)
    assert _withdrawn("package", rule.params)
    Package.objects.update(expires_on=mine.expires_on)
    visit = use(anna, massage, FIRST + 18 * DAY)
    assert _withdrawn("package", rule.params)
    Visit.objects.filter(pk=visit.pk).update(status="no_show")
    assert not _withdrawn("package", rule.params)
    Package.objects.update(deleted_at=at(FIRST))
    assert _withdrawn("package", rule.params)


@pytest.mark.django_db
def test_buying_the_next_one_withdraws_the_message_about_the_last_session() -> None:
    (anna,) = make_patients(1)
    massage = service("Массаж")
    package(anna, massage, FIRST, sessions=2)
    visit = use(anna, massage, FIRST + DAY)
    rule = make_rule("package", [make_step(1), make_step(5)], on=at(FIRST))
    look(at(FIRST + 2 * DAY))
    assert Firing.objects.count() == 1 and not _withdrawn("package", rule.params)
    Visit.objects.filter(pk=visit.pk).update(status="cancelled")
    assert _withdrawn("package", rule.params)
    Visit.objects.filter(pk=visit.pk).update(status="completed")
    package(anna, massage, FIRST + 3 * DAY)
    assert _withdrawn("package", rule.params)


@pytest.mark.django_db
def test_it_explains_every_package() -> None:
    (anna,) = make_patients(1)
    massage = service("Массаж")
    package(anna, massage, FIRST, sessions=2, name="Курс массажа", expires_on=LAST)
    kind = rule_types.of("package")
    left, expires = kind.clean({}), kind.clean({"when": "expires"})
    assert [clause.holds for clause in kind.explain(left, anna.pk, at(FIRST))] == [False]
    use(anna, massage, FIRST + DAY)
    (clause,) = kind.explain(left, anna.pk, at(FIRST + 2 * DAY))
    assert "Курс массажа" in clause.sentence and clause.holds
    assert [clause.holds for clause in kind.explain(expires, anna.pk, at(FIRST + 2 * DAY))] == [True]
    assert [clause.holds for clause in kind.explain(expires, anna.pk, at(LAST + DAY))] == [False]
