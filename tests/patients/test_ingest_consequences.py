"""What follows from posted facts: implied payments, consent periods, requests at the same time, anything as input."""

import threading
from datetime import datetime

import orjson
import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patients.models import (
    Branch,
    ChangedPatient,
    Consent,
    Integration,
    Patient,
    Payment,
    Rejected,
    Service,
    Visit,
    VisitItem,
)
from patients.models.intake import Resource
from patients.services.ingest import delete, ingest
from patients.services.integrations import create_integration
from patients.tasks import keep_implied_payments
from tests.patients.ingesting import Mis, counts, take, visit


@pytest.fixture
def payless(db):
    return Mis(implied_payments=True).source


def implied():
    return [(p.external_id, p.amount, p.deleted_at is None) for p in Payment.objects.order_by("external_id")]


def test_a_completed_visit_implies_one_payment_that_follows_it(payless):
    long = "v" * 64
    take(payless, "visits", visit("v1"), visit("v2", status="booked"), visit(long, items=[]))
    assert [row[1:] for row in implied()] == [(0, True), (2400.5, True)]
    Visit.objects.exclude(external_id="v1").delete()
    Payment.objects.exclude(external_id="visit:v1").delete()
    payment = Payment.objects.get(external_id="visit:v1")
    stored = Visit.objects.get(external_id="v1")
    assert (payment.patient, payment.visit, payment.paid_at, payment.paid_on, payment.kind, payment.implied) == (
        stored.patient, stored, stored.starts_at, stored.starts_on, "single", True,
    )  # fmt: skip
    before = payment.updated_at
    take(payless, "visits", visit("v1"))
    assert Payment.objects.get(pk=payment.pk).updated_at == before
    take(payless, "visits", visit("v1", items=[{"service": "s", "price": 7}]))
    assert implied()[0] == ("visit:v1", 7, True)
    take(payless, "visits", visit("v1", status="cancelled"))
    assert implied()[0][2] is False
    take(payless, "visits", visit("v1"))
    assert implied()[0] == ("visit:v1", 2400.5, True)
    delete(payless, "visits", "v1")
    assert implied()[0][2] is False
    take(payless, "visits", visit("v1"))
    assert implied()[0][2] is True
    assert Payment.objects.filter(visit=stored).count() == 1


def test_nobody_can_post_or_delete_an_implied_payment(payless):
    take(payless, "visits", visit())
    report = take(
        payless, "payments", {"external_id": "visit:v1", "patient": "p", "paid_at": "2026-01-01T00:00Z", "amount": 1}
    )
    assert list(report.rejected[0].errors) == ["external_id"]
    assert not delete(payless, "payments", "visit:v1")
    assert implied() == [("visit:v1", 2400.5, True)]


def word(day, granted=True, **fields):
    return {"patient": "p1", "channel": "sms", "purpose": "marketing", "granted": granted,
            "at": f"2026-01-{day:02}T00:00:00+00:00", **fields}  # fmt: skip


def periods(**of):
    return [
        (c.at.day, c.until.day if c.until else None, c.granted) for c in Consent.objects.filter(**of).order_by("at")
    ]


def test_words_on_consent_make_periods_in_whatever_order_they_come(db):
    source = Mis().source
    assert counts(take(source, "consents", word(10))) == (1, 0, 0, 0)
    assert counts(take(source, "consents", word(20, False), word(5), word(20, False))) == (2, 0, 1, 0)
    assert periods() == [(5, 10, True), (10, 20, True), (20, None, False)]
    assert counts(take(source, "consents", word(15, False), word(10))) == (1, 0, 1, 0)
    assert periods() == [(5, 10, True), (10, 15, True), (15, 20, False), (20, None, False)]
    assert counts(take(source, "consents", word(20, True), word(1, channel="email"))) == (1, 1, 0, 0)
    assert periods(channel="sms")[-1] == (20, None, True)
    assert periods(channel="email") == [(1, None, True)]
    assert Patient.objects.get().stub


@pytest.mark.django_db
def test_one_word_is_posted_to_its_own_address():
    mis = Mis()
    answers = [
        mis.client.post("/api/v1/consents", orjson.dumps(item), content_type="application/json")
        for item in (word(1), word(1), word(2, granted="yes"))
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 400]
    assert list(answers[2].json()["errors"]) == ["granted"]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=8), st.data())
def test_the_order_of_words_never_matters(db, days, data):
    latest = dict(days)
    Consent.objects.all().delete()
    source = Integration.objects.filter(code="mis").first() or Mis().source
    for day, granted in data.draw(st.permutations(sorted(latest.items()))):
        take(source, "consents", word(day, granted))
    starts = sorted(latest)
    ends = [*starts[1:], None]
    assert periods() == [(start, end, latest[start]) for start, end in zip(starts, ends, strict=True)]


@pytest.mark.django_db
def test_a_change_leaves_the_patient_for_the_night_and_a_repetition_does_not():
    source = Mis().source
    take(source, "visits", visit())
    patient = Patient.objects.get()
    assert ChangedPatient.objects.filter(patient=patient).exists()
    ChangedPatient.objects.all().delete()
    take(source, "visits", visit())
    assert not ChangedPatient.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_requests_with_the_same_visits_in_opposite_order_both_succeed():
    source = Mis(implied_payments=True).source
    items = [visit(f"v{n}", patient=f"p{n % 50}", doctor=f"d{n % 7}", items=[{"service": f"s{n % 9}", "price": n}])
             for n in range(300)]  # fmt: skip
    results, failures = [], []
    start = threading.Barrier(2)

    def post(own):
        try:
            start.wait()
            results.append(ingest(source, Resource.VISITS, own))
        except Exception as problem:  # the thread must not swallow what the test is about
            failures.append(problem)
        finally:
            connection.close()

    for _ in range(3):
        changed = [{**item, "updated_at": datetime.now().astimezone().isoformat()} for item in items]
        threads = [threading.Thread(target=post, args=(own,)) for own in (changed, changed[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert sum(report.created for report in results) == 300
    assert (Visit.objects.count(), VisitItem.objects.count(), Payment.objects.count()) == (300, 300, 300)
    assert Patient.objects.count() == 50


def test_a_failure_leaves_nothing_half_done(db, monkeypatch):
    source = Mis().source
    monkeypatch.setattr("patients.services.ingest.visits.copy", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(source, "visits", visit())
    assert not Visit.objects.exists()
    assert not Patient.objects.exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=8)
    | st.sampled_from(["2026-01-01", "2026-01-01T10:00:00", "p1", "\x00", "9" * 400, "completed", "female", "12:00"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)  # fmt: skip
# fmt: off
FIELDS = [
    "external_id", "name", "city", "timezone", "specialty", "branch", "group", "price", "recall_days", "sensitive",
    "min_age", "sex", "last_name", "birth_date", "phone", "email", "guardian", "patient", "doctor", "starts_at",
    "status", "items", "visit", "paid_at", "amount", "kind", "score", "comment", "given_at", "channel", "purpose",
    "granted", "at", "updated_at", "registered_at", "language", "review_url", "sessions", "bought_on", "expires_on",
    "service", "day", "free", "total",
]
# fmt: on
GOOD = {
    "branches": {"external_id": "b", "name": "B"},
    "doctors": {"external_id": "d", "name": "D"},
    "services": {"external_id": "s", "name": "S"},
    "patients": {"external_id": "p"},
    "visits": visit(),
    "payments": {"external_id": "y", "patient": "p", "paid_at": "2026-01-01T00:00:00", "amount": 1},
    "feedback": {"external_id": "f", "patient": "p", "given_at": "2026-01-01T00:00:00"},
    "consents": word(1),
    "packages": {"external_id": "k", "patient": "p", "service": "s", "sessions": 3, "bought_on": "2026-01-01"},
    "slots": {"external_id": "t", "branch": "b", "day": "2026-01-01", "free": 3},
}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(Resource.values),
    st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3)), max_size=3),
    st.lists(json_values, max_size=2),
)
def test_whatever_is_posted_never_breaks_anything_and_nothing_is_lost(db, resource, changes, strangers):
    client = _fuzzing_client()
    items = [{**(GOOD[resource] if good else {}), **change} for good, change in changes] + strangers
    answer = client.post(f"/api/v1/{resource}/bulk", orjson.dumps({"items": items}), content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert sum(counts(answer.json())) == len(items)


def _fuzzing_client():
    _source, token = create_integration("fuzz", ["ingest"], rotate=True)
    Integration.objects.filter(code="fuzz").update(requests_per_minute=1_000_000)
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.mark.django_db
def test_deeply_nested_and_enormous_items_are_kept_aside():
    mis = Mis()
    deep = b'{"items": [' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"]}"
    answer = mis.client.post("/api/v1/visits/bulk", deep, content_type="application/json")
    assert answer.status_code == 200
    assert counts(answer.json()) == (0, 0, 0, 1)
    report = mis.bulk(
        "patients", {"external_id": "p", "city": "x" * 1_000_000}, {f"field{n}": 1 for n in range(10_000)}
    )
    assert counts(report) == (0, 0, 0, 2)
    assert len(report["rejected"][1]["errors"]) <= 51
    assert Rejected.objects.count() == 3


def test_the_switch_of_an_integration_pays_for_the_visits_already_here_or_takes_it_back(db):
    source = Mis().source
    take(source, "visits", visit(), visit("v2", status="cancelled"))
    for switch in (True, False, True):
        Integration.objects.update(implied_payments=switch)
        keep_implied_payments(source.pk)
        keep_implied_payments(source.pk)
        assert implied() == [("visit:v1", 2400.5, switch)]


def test_what_the_clinic_decided_about_a_service_stays_when_the_source_says_nothing_of_it(db):
    source = Mis().source
    take(source, "services", {"external_id": "s", "name": "Гигиена", "price": 100, "recall_days": 90})
    Service.objects.update(recall_days=180, sensitive=True, cost=40, sex="female")
    report = take(source, "services", {"external_id": "s", "name": "Гигиена полости рта", "price": 120})
    service = Service.objects.get()
    assert counts(report) == (0, 1, 0, 0)
    assert (service.name, service.price, service.recall_days, service.sensitive, service.cost, service.sex) == (
        "Гигиена полости рта", 120, 180, True, 40, "female",
    )  # fmt: skip
    take(
        source, "services", {"external_id": "s", "name": "Гигиена полости рта", "recall_days": None, "sensitive": False}
    )
    service.refresh_from_db()
    assert (service.recall_days, service.sensitive, service.cost) == (None, False, 40)


def test_a_branch_keeps_its_time_zone_when_the_source_says_nothing_of_it(db):
    source = Mis().source
    take(source, "branches", {"external_id": "b", "name": "Новосибирск", "timezone": "Asia/Novosibirsk"})
    take(source, "branches", {"external_id": "b", "name": "Клиника на Красном проспекте"})
    branch = Branch.objects.get()
    assert (branch.name, branch.timezone) == ("Клиника на Красном проспекте", "Asia/Novosibirsk")


def test_the_page_for_reviews_is_a_web_address_and_stays_when_the_source_says_nothing_of_it(db):
    source = Mis().source
    branch = {"external_id": "b", "name": "B"}
    for wrong in ("javascript:alert(1)", "отзывы", "ftp://example.com/", "https://"):
        report = take(source, "branches", branch | {"review_url": wrong, "timezone": "Mars/Olympus"})
        assert set(report.rejected[0].errors) == {"review_url", "timezone"}
    take(source, "branches", branch | {"review_url": "https://example.com/отзывы?id=1"})
    take(source, "branches", branch | {"name": "Клиника"})
    assert (Branch.objects.get().name, Branch.objects.get().review_url) == (
        "Клиника",
        "https://example.com/отзывы?id=1",
    )
    Branch.objects.update(review_url="https://example.org/decided-in-the-admin")
    take(source, "branches", branch | {"name": "Клиника 2"})
    assert Branch.objects.get().review_url == "https://example.org/decided-in-the-admin"
