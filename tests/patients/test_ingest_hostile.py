"""Requests nobody should send: a clear answer each, never a 500, and the good items go in."""

import pytest
from django.test import Client

from patients.models import Rejected, Visit
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
