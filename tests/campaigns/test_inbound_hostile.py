"""What a stranger may post to the hooks and mail to the bounce mailbox: refused or passed over, never a failure."""

import hashlib
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from campaigns import hook_signature
from campaigns.models import Message, MessageEvent, Suppression
from campaigns.services.hearing import inbound
from tests.campaigns import returned
from tests.campaigns.making import make_message, make_patients

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["data[²]", "data[" + "9" * 5000 + "]", "data[-1]", "data[]", "data[1"])
def test_odd_names_of_fields_are_a_wrong_signature(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSRU_API_ID", "key")
    client.raise_request_exception = False
    posted = urlencode({name: "x", "hash": "0" * 64})
    form = "application/x-www-form-urlencoded"
    assert client.post("/hooks/sms/smsru/", posted, content_type=form).status_code == 403


@pytest.mark.parametrize("when", ["²", "9" * 5000, "", "-5", "1e9"])
def test_an_odd_time_of_a_gateway_is_now(client: Client, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSC_CALLBACK_SECRET", "key")
    client.raise_request_exception = False
    (patient,) = make_patients(1)
    make_message(patient, channel="sms", provider_id="77")
    md5 = hashlib.md5(b"77:7916:1:key").hexdigest()
    posted = {"id": "77", "phone": "7916", "status": "1", "md5": md5, "ts": when}
    assert client.post("/hooks/sms/smsc/", posted).status_code == 200
    assert MessageEvent.objects.get().kind == "delivered"


@pytest.mark.parametrize("number", ["1\x002", "9" * 500])
def test_an_odd_number_of_a_gateway_is_about_nothing(
    client: Client, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMSC_CALLBACK_SECRET", "key")
    client.raise_request_exception = False
    md5 = hashlib.md5(f"{number}:7916:1:key".encode()).hexdigest()
    assert (
        client.post("/hooks/sms/smsc/", {"id": number, "phone": "7916", "status": "1", "md5": md5}).status_code == 200
    )


BACK = "bounces@mail.clinic.example"
HOSTILE = [
    f"From: MAILER-DAEMON@x\nTo: <{BACK}>\nIn-Reply-To: <a\x00b@clinic.example>\n\n550 5.1.1 user unknown\n".encode(),
    returned.arf("abuse", "Message-ID: <a\x00b@clinic.example>"),
    b"From: MAILER-DAEMON@x\nTo: <" + BACK.encode() + b">\nIn-Reply-To: <\xff\xfe@clinic>\n\n550 5.1.1 user unknown\n",
    returned.arf("abuse", "Message-ID: <abc@clinic.example>").replace(b"abc@", b"\xff\xd0@"),
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 3000,
    b"Subject: " + b"=?utf-8?B?" * 50_000,
    b"To: " + b"(" * 100_000,
    b"To: " + b"a@b," * 50_000 + b"\n\n550",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_mail_that_was_made_to_break_the_reader_is_passed_over(number: int) -> None:
    began = time.monotonic()
    assert inbound.mail(HOSTILE[number], timezone.now()) == 0
    assert time.monotonic() - began < 5


def test_words_of_a_server_in_any_bytes_are_stored() -> None:
    (patient,) = make_patients(1)
    message = make_message(patient)
    raw = returned.dsn(returned.back(message.pk, settings.SECRET_KEY), "failed", "5.1.1", "smtp; 550 5.1.1 NULL no")
    assert inbound.mail(raw.replace(b"NULL", b"\x00\xff\xd0 user unknown"), timezone.now()) == 1
    assert Suppression.objects.get().reason == "bounce"


def test_a_complaint_without_the_original_names_nobody() -> None:
    make_message(make_patients(1)[0], provider_id="")
    raw = returned.arf("abuse", "").replace(b"message/rfc822", b"text/plain")
    assert inbound.mail(raw, timezone.now()) == 0
    assert not Suppression.objects.exists()


def test_one_hostile_mail_does_not_hold_up_the_mailbox(tmp_path: Path) -> None:
    (patient,) = make_patients(1)
    message = make_message(patient)
    for folder in ("new", "cur"):
        (tmp_path / folder).mkdir()
    for number, raw in enumerate(HOSTILE[:4]):
        (tmp_path / "new" / f"{number}").write_bytes(raw)
    back = returned.back(message.pk, settings.SECRET_KEY)
    (tmp_path / "new" / "9").write_bytes(returned.dsn(back, "failed", "5.1.1", "smtp; 550 5.1.1 user unknown"))
    call_command("read_bounces", maildir=tmp_path)
    assert Suppression.objects.count() == 1
    assert not list((tmp_path / "new").iterdir())


def test_a_report_signed_for_another_time_body_or_secret_is_refused(client: Client) -> None:
    body = b'{"events": []}'
    now = int(time.time())
    for signature in (
        hook_signature.sign(body, settings.HOOK_SECRET, now - 400),
        hook_signature.sign(body, settings.HOOK_SECRET, now + 400),
        hook_signature.sign(body + b" ", settings.HOOK_SECRET, now),
        hook_signature.sign(body, "other", now),
        hook_signature.sign(body, settings.HOOK_SECRET, now)[:-1],
        "t=,v1=", "", "t=" + "1" * 400 + ",v1=" + "0" * 64,
    ):  # fmt: skip
        answer = client.post("/hooks/sms/", body, content_type="application/json", headers={"X-Signature": signature})
        assert answer.status_code == 403, signature
        assert client.post("/hooks/mail/", body, content_type="message/rfc822",
                           headers={"X-Signature": signature}).status_code == 403  # fmt: skip
    for method in (client.get, client.head, client.put, client.delete, client.options):
        assert method("/hooks/sms/").status_code == 405


BODIES = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'{"events": null}',
    b'{"events": [null]}',
    b'{"events": [[]]}',
    b"\xff",
    b'{"events": [{"id": {"a": 1}, "message": [], "status": [], "at": 5}]}',
    b"[" * 200_000,
    b'{"events": [{"id": "1", "message": "1", "status": "delivered", "at": "2026-13-45T99:00:00+03:00"}]}',
    b'{"events": [{"id": "1", "message": "1", "status": "delivered", "at": "2026-01-31T12:00:00"}]}',
    b'{"events": [{"id": "1\\u0000", "message": "1", "status": "delivered", "at": "2026-01-31T12:00:00+03:00"}]}',
    b'{"events": [{"id": "1", "message": "1", "status": "delivered", "at": "0001-01-01T00:00:00+14:00"}]}',
]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_nonsense_with_a_good_signature_is_told_what_is_wrong(client: Client, number: int) -> None:
    client.raise_request_exception = False
    body = BODIES[number]
    signature = hook_signature.sign(body, settings.HOOK_SECRET, int(time.time()))
    answer = client.post("/hooks/sms/", body, content_type="application/json", headers={"X-Signature": signature})
    assert answer.status_code == 400, answer.content[:200]
    assert not Message.objects.exists()
