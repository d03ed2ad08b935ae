from typing import Any

import pytest
from django.core.cache import cache
from django.db.utils import OperationalError
from django.test import Client

from clinic_crm import health
from tests.conftest import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker() -> None:
    cache.set(health.WORKER_ALIVE, 1, timeout=60)


def test_all_alive_is_ok(client: Client, worker: None) -> None:
    response = client.get("/health/")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_missing_worker_is_named(client: Client) -> None:
    response = client.get("/health/")
    assert (response.status_code, response.json()["failing"]) == (503, ["worker"])


def test_a_silent_database_is_named(client: Client, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise OperationalError("connection refused: password=secret")

    monkeypatch.setattr(health.connection, "cursor", refuse)
    response = client.get("/health/")
    assert (response.status_code, response.json()["failing"]) == (503, ["database"])
    assert b"secret" not in response.content


def test_a_silent_broker_is_named(client: Client, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(health.cache, "get", refuse)
    response = client.get("/health/")
    assert (response.status_code, response.json()["failing"]) == (503, ["broker", "worker"])


def test_only_questions_are_answered(client: Client, worker: None) -> None:
    assert client.post("/health/").status_code == 405
    assert client.head("/health/").status_code == 200


def test_no_answer_is_kept_by_a_proxy(client: Client, worker: None) -> None:
    assert "no-store" in client.get("/health/")["Cache-Control"]


@pytest.mark.stack
def test_a_real_worker_is_seen_and_missed(client: Client, celery_worker_process: Any) -> None:
    assert client.get("/health/").status_code == 200
    celery_worker_process.terminate()
    celery_worker_process.wait(20)
    eventually(lambda: client.get("/health/").status_code == 503, timeout=health.SILENCE_SECONDS + 2)
