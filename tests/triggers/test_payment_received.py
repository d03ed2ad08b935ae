"""Payments that came in."""

import datetime
from typing import Any

import pytest

from patients.models import Patient, Payment, Service, VisitItem
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.asking import anchors, explained, found, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers.models import Firing, TriggerRule
from triggers.services import looking

PAID = at(FIRST, 15, 30)
_number = iter(range(1, 10_000))


def pay(patient: Patient, when: datetime.datetime = PAID, **fields: Any) -> Payment:
    visit = fields.pop("visit", None)
    values = {"amount": 1500, "paid_on": when.date(), "kind": "single", **fields}
    return Payment.objects.create(
        patient=patient, paid_at=when, visit=visit, source=patient.source, external_id=f"pay{next(_number)}", **values
    )


class TestPaymentReceived(TypeContract):
    code = "payment_received"
    steps = ((0, "minute", None), (1, "hour", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        pay(patient, at(day))

    def later(self, patient: Patient, day: datetime.date) -> None:
        pay(patient, at(day + DAY), kind="refund")


def rule(**params: Any) -> TriggerRule:
    return make_rule("payment_received", [make_step(0, "minute")], params, on=None)


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({}, True), ({"kind": "package"}, True), ({"kind": "refund"}, False), ({"implied": True}, False),
        ({"deleted_at": PAID + DAY}, False), ({"amount": 0}, False), ({"amount": 1}, True),
    ],
)  # fmt: skip
def test_which_payments_are_told(db: None, fields: dict[str, Any], is_told: bool) -> None:
    (patient,) = make_patients(1)
    visit = make_visit(patient, PAID - DAY) if fields.get("implied") else None
    pay(patient, visit=visit, **fields)
    assert anchors(rule()) == [PAID] * is_told
    assert explained(rule(), patient.pk, PAID + DAY) == [is_told]


def test_kinds_and_amounts_are_chosen(db: None) -> None:
    (patient,) = make_patients(1)
    single, package = pay(patient, amount=999), pay(patient, kind="package", amount=50_000)
    assert [row["occasion"] for row in found(rule(kinds=["package"]))] == [str(package.pk)]
    assert [row["occasion"] for row in found(rule(kinds=["single"]))] == [str(single.pk)]
    assert [row["occasion"] for row in found(rule(least_amount=1000))] == [str(package.pk)]
    assert [row["occasion"] for row in found(rule(least_amount=50_000))] == [str(package.pk)]


def test_a_payment_knows_its_visit(db: None) -> None:
    (patient,) = make_patients(1)
    visit = make_visit(patient, PAID, branch=make_branch("Юг", "Asia/Omsk"))
    cheap, dear = (
        Service.objects.create(name=name, external_id=name, source=visit.source) for name in ("Дешёвая", "Дорогая")
    )
    VisitItem.objects.create(visit=visit, service=cheap, price=300, quantity=2)
    VisitItem.objects.create(visit=visit, service=dear, price=700)
    pay(patient, visit=visit)
    (row,) = found(rule())
    assert (row["visit_id"], row["branch_id"], row["service_id"]) == (visit.pk, visit.branch_id, dear.pk)


def test_posted_an_hour_late_it_is_found_and_taken_back_when_it_is_withdrawn(db: None) -> None:
    live = make_rule("payment_received", [make_step(0, "minute")], on=PAID - DAY)
    assert looking.look(live.pk, PAID + DAY / 24) == 0
    payment = pay(make_patients(1)[0])
    assert looking.look(live.pk, PAID + DAY / 12) == 1
    assert Firing.objects.get().state == "open"
    assert not withdrawn(live, PAID + DAY / 12)
    Payment.objects.filter(pk=payment.pk).update(deleted_at=PAID + DAY / 12)
    assert withdrawn(live, PAID + DAY / 12)
