"""Requests nobody should send: a clear answer each, never a 500, and the good items go in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.db.models import F
from django.test import Client

from patients.models import Patient, Rejected, Visit
from tests.patients.ingesting import Mis, visit

pytestmark = pytest.mark.django_db
# More levels than Python's own stack takes, fewer than the parser of JSON allows.
DEEP = b"[" * 1000 + b"]" * 1000


@pytest.fixture
def mis():
    mis = Mis()
    mis.client.raise_request_exception = False
    return mis


def send(mis: Mis, method: str, address: str, body: bytes):
    return getattr(mis.client, method)(f"/api/v1/{address}", body, content_type="application/json")


@pytest.mark.parametrize("resource", ["visits", "patients", "consents"])
def test_an_item_nested_too_deep_is_rejected_and_kept(mis, resource):
    answer = send(
        mis, "post", f"{resource}/bulk", b'{"items": [' + DEEP + b', {"external_id": "x", "y": ' + DEEP + b"}]}"
    )
    assert answer.status_code == 200, answer.content
    assert [item["index"] for item in answer.json()["rejected"]] == [0, 1]
    assert Rejected.objects.count() == 2


@pytest.mark.parametrize("address", ["visits/v1", "patients/p1"])
def test_a_single_item_nested_too_deep_is_refused(mis, address):
    assert send(mis, "put", address, b'{"y": ' + DEEP + b"}").status_code == 400


def test_a_bad_neighbour_does_not_make_a_visit_forget_what_it_was_posted_as(mis):
    mis.bulk("visits", visit("v1"), 7)
    with_neighbour = Visit.objects.get().posted_hash
    mis.bulk("visits", visit("v2"))
    mis.bulk("visits", visit("v1"))
    Visit.objects.filter(external_id="v1").delete()
    mis.bulk("visits", visit("v1"))
    assert Visit.objects.get(external_id="v1").posted_hash == with_neighbour


def test_addresses_with_a_nul_are_not_found(mis):
    assert mis.client.get("/api/v1/patients/a%00b/profile").status_code == 404
    assert mis.client.delete("/api/v1/patients/a%00b").status_code == 404


def test_an_identifier_with_spaces_around_it_is_the_same_in_every_request(mis):
    assert mis.put("patients", "%20p1%20", {"last_name": "Иванова"}).status_code == 201
    assert mis.client.get("/api/v1/patients/%20p1%20/profile").status_code == 200
    assert mis.delete("patients", "%20p1%20").status_code == 204


@pytest.mark.parametrize("method", ["options", "post", "put", "delete", "patch"])
def test_the_page_of_the_documentation_is_only_looked_at(method):
    client = Client(raise_request_exception=False)
    assert getattr(client, method)("/api/v1/docs/").status_code == 405
    assert client.get("/api/v1/docs/").status_code == 200


def test_items_alike_to_the_letter_are_kept_once_each_however_often_they_are_sent(mis):
    for _night in range(3):
        mis.bulk("visits", {}, {}, {"external_id": "v1"}, {"external_id": "v1"})
        assert Rejected.objects.filter(resolution="open").count() == 4


def at_once(*calls):
    """Every call in a thread and on a connection of its own."""

    def alone(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(alone, calls))


@pytest.mark.django_db(transaction=True)
def test_two_halves_of_a_circle_sent_at_once_do_not_make_one():
    mis = Mis()
    for n in range(10):
        a, b = f"a{n}", f"b{n}"
        answers = at_once(
            lambda a=a, b=b: mis.put("patients", a, {"guardian": b}),
            lambda a=a, b=b: mis.put("patients", b, {"guardian": a}),
        )
        assert sorted(answer.status_code // 100 for answer in answers) == [2, 4]
    assert not Patient.objects.filter(guardian__guardian=F("pk")).exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_bad_item_in_requests_at_once_is_kept_once():
    mis = Mis()
    for _round in range(5):
        at_once(*[lambda: mis.bulk("visits", {"external_id": "bad"})] * 3)
    assert Rejected.objects.filter(resolution="open").count() == 1
