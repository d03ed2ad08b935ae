"""What is answered, and logged, when a request is refused."""

import logging

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import get_resolver

pytestmark = pytest.mark.django_db


def test_unknown_addresses_of_the_api_are_problem_documents(client: Client) -> None:
    answer = client.get("/api/v1/patient/P-17/profile")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert "/api/v1/docs/" in answer.json()["detail"]


def test_unknown_addresses_of_the_portal_are_pages(client: Client) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_a_refused_request_is_one_line_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.force_login(get_user_model().objects.create_user("nobody"))
    assert client.get("/data/").status_code == 403
    [refusal] = [record for record in caplog.records if record.name == "django.request"]
    assert (refusal.levelno, refusal.exc_info) == (logging.WARNING, None)


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/segmentations/", "application/problem+json"), ("/", "text/html")])
def test_what_broke_is_told_in_the_form_the_caller_reads(path: str, kind: str, rf: RequestFactory) -> None:
    """The handler is called as Django calls it: nothing in the portal breaks on purpose."""
    answer = get_resolver().resolve_error_handler(500)(rf.get(path))
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(kind)
