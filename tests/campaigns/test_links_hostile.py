"""Addresses behind links that lead nowhere, or elsewhere than a page: one and the same page, and no failure."""

import pytest
from django.test import Client

from campaigns import links
from campaigns.models import Link, MessageEvent, TemplateText
from tests.campaigns.making import make_message, make_patients, make_template

pytestmark = pytest.mark.django_db
HOSTILE = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,<script>", "//evil.example",
    "\\\\evil.example", "/login", "ftp://example.org/x", "", "http:", "https://", "http://[bad", "https://[::1",
    "mailto:anna@example.org",
]  # fmt: skip


def click(client: Client, url: str) -> tuple[int, str]:
    (patient,) = make_patients(1)
    text = TemplateText.objects.get(template=make_template("email"))
    Link.objects.create(text=text, position=1, url=url)
    message = make_message(patient, text=text)
    client.raise_request_exception = False
    answer = client.get(links.link_url("", message.pk, 1))
    return answer.status_code, answer.headers.get("Location", "")


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_that_is_no_page_is_not_led_to(client: Client, url: str) -> None:
    assert click(client, url) == (404, "")
    assert not MessageEvent.objects.exists()


def test_an_address_cannot_end_its_header(client: Client) -> None:
    status, location = click(client, "https://clinic.example/a\r\nSet-Cookie: x=1")
    assert status == 302
    assert "\r" not in location
    assert "\n" not in location
