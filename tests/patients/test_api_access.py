"""Who is refused, and how: problem documents with the right status, nothing written."""

import io
import time

import orjson
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from patients.models import Integration, Visit
from patients.services.integrations import by_token
from tests.patients.ingesting import Mis, visit

pytestmark = pytest.mark.django_db
BULK = "/api/v1/visits/bulk"


def post(client: Client, body: bytes = b'{"items": []}', **extra):
    return client.post(BULK, body, content_type="application/json", **extra)


def assert_problem(answer, status: int) -> dict:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= set(document)
    return document


@pytest.mark.parametrize("header", [None, "Token nonsense", "Token", "Token a b", "Bearer x", "Token \xff\xfe"])
def test_without_a_known_token_nothing_is_taken(header):
    headers = {"Authorization": header} if header else {}
    answer = post(Client(headers=headers), orjson.dumps({"items": [visit()]}))
    assert_problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Token"
    assert not Visit.objects.exists()


@pytest.mark.parametrize(
    ("method", "address"), [("post", BULK), ("put", "/api/v1/visits/v1"), ("delete", "/api/v1/visits/v1")]
)
def test_a_reading_token_may_not_post(method, address):
    mis = Mis(scopes=("read",))
    answer = getattr(mis.client, method)(address, b"{}", content_type="application/json")
    assert_problem(answer, 403)


def test_an_integration_that_is_switched_off_is_refused():
    mis = Mis()
    Integration.objects.update(active=False)
    assert_problem(post(mis.client), 401)


def test_requests_above_the_limit_wait_for_the_next_minute(monkeypatch):
    mis = Mis()
    Integration.objects.filter(pk=mis.source.pk).update(requests_per_minute=2)
    moment = 60.0 * (int(time.time()) // 60) + 6000 * mis.source.pk + 20
    monkeypatch.setattr("patients.api.throttling.time.time", lambda: moment)
    cache.delete(f"throttle:{mis.source.pk}:{int(moment) // 60}")
    assert [post(mis.client).status_code for _ in range(3)] == [200, 200, 429]
    answer = post(mis.client)
    assert_problem(answer, 429)
    assert answer["Retry-After"] == "40"
    monkeypatch.setattr("patients.api.throttling.time.time", lambda: moment + 60)
    cache.delete(f"throttle:{mis.source.pk}:{int(moment + 60) // 60}")
    assert post(mis.client).status_code == 200


def test_one_integration_does_not_use_up_the_limit_of_another():
    busy, calm = Mis("busy"), Mis("calm")
    Integration.objects.update(requests_per_minute=1)
    for mis in (busy, calm):
        window = int(time.time()) // 60
        cache.delete_many([f"throttle:{mis.source.pk}:{window}", f"throttle:{mis.source.pk}:{window + 1}"])
    post(busy.client)
    assert post(calm.client).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"items": {}}', b'{"items": null}', b"{}", b'{"items": [], "x": 1}',
     b"\xff\xfe", b'{"items": [NaN]}', b"[" * 100_000, b'{"items": ["\\ud800"]}'],
)  # fmt: skip
def test_a_request_that_is_no_list_of_items_is_a_bad_request(body):
    assert_problem(post(Mis().client, body), 400)


def test_more_than_ten_thousand_items_are_too_many():
    document = assert_problem(post(Mis().client, orjson.dumps({"items": [1] * 10_001})), 400)
    assert list(document["errors"]) == ["items"]


def test_other_methods_and_media_types_are_refused():
    mis = Mis()
    assert_problem(mis.client.get(BULK), 405)
    assert_problem(mis.client.post(BULK, b"<x/>", content_type="text/xml"), 415)


def test_a_request_that_is_too_large_is_refused(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert_problem(post(Mis().client, b" " * 101), 413)


def test_the_token_is_kept_as_a_hash_only():
    mis = Mis()
    assert mis.token not in str(Integration.objects.values().get(pk=mis.source.pk))
    assert by_token(mis.token) == mis.source


def test_last_seen_moves_at_most_once_a_minute():
    mis = Mis()
    post(mis.client)
    first = Integration.objects.get(pk=mis.source.pk).last_seen_at
    post(mis.client)
    assert first is not None
    assert Integration.objects.get(pk=mis.source.pk).last_seen_at == first


def test_create_integration_prints_the_token_alone_and_never_twice():
    out = io.StringIO()
    call_command("create_integration", "front", "--scopes", "ingest", "--implied-payments", stdout=out)
    token = out.getvalue().strip()
    assert len(out.getvalue().splitlines()) == 1
    assert by_token(token).implied_payments
    with pytest.raises(CommandError, match="--rotate"):
        call_command("create_integration", "front", stdout=out)
    again = io.StringIO()
    call_command("create_integration", "front", "--rotate", stdout=again)
    assert by_token(token) is None
    assert by_token(again.getvalue().strip()).scopes == ["ingest", "read"]


@pytest.mark.parametrize("arguments", [["x", "--scopes", "write"], ["x", "--scopes", ""], ["ы ы"], ["x" * 41]])
def test_create_integration_refuses_what_cannot_be(arguments):
    with pytest.raises(CommandError):
        call_command("create_integration", *arguments)
    assert not Integration.objects.exists()
