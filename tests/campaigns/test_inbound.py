"""What comes back: delivery reports, bounces, complaints. Signed, noted once, suppressing at once."""

import hashlib
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from campaigns import hook_signature
from campaigns.models import Message, MessageEvent, Suppression, WaitingReport
from campaigns.services.hearing import inbound, returned_mail
from campaigns.services.hearing.returned_mail import What
from tests.campaigns import returned
from tests.campaigns.making import make_message, make_patients

SECRET = "key"


def read(raw: bytes) -> list[tuple[What, int | None, bool]]:
    return [(one.what, one.message_id, one.permanent) for one in returned_mail.read(raw, [SECRET])]


BACK = returned.back(41, SECRET)
ACCOUNT = "The email account that you tried to reach"
NOT_ACCEPTED = "Message was not accepted -- invalid mailbox"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # Postfix, Gmail
        (
            returned.dsn(BACK, "failed", "5.1.1", f"smtp; 550-5.1.1 {ACCOUNT} does not\n    550 5.1.1 exist."),
            [(What.BOUNCED, 41, True)],
        ),
        # Mail.ru through a relay that writes no status of its own
        (
            returned.dsn(BACK, "failed", "5.0.0", f"smtp; 550 {NOT_ACCEPTED}. anna@mail.ru: user not found"),
            [(What.BOUNCED, 41, True)],
        ),
        (returned.dsn(BACK, "failed", "5.7.1", "smtp; 550 5.7.1 No such user!"), [(What.BOUNCED, 41, True)]),
        # Exchange says it in the status alone
        (returned.dsn(BACK, "failed", "5.1.10", "smtp;550 5.1.10 RESOLVER.ADR.NotFound"), [(What.BOUNCED, 41, True)]),
        (returned.dsn(BACK, "failed", "5.2.2", "smtp; 552 5.2.2 over quota"), [(What.BOUNCED, 41, False)]),
        (returned.dsn(BACK, "failed", "5.7.1", "smtp; 554 5.7.1 suspected spam"), [(What.BOUNCED, 41, False)]),
        (returned.dsn(BACK, "failed", "4.4.7", "smtp; 451 4.4.7 retry time exceeded"), [(What.BOUNCED, 41, False)]),
        (returned.dsn(BACK, "delayed", "4.4.1", "smtp; 421 4.4.1 connection timed out"), [(What.DEFERRED, 41, False)]),
        (returned.dsn(BACK, "delivered", "2.0.0", "smtp; 250 ok"), [(What.DELIVERED, 41, False)]),
        (returned.exim(BACK, f"550 {NOT_ACCEPTED}: user not found"), [(What.BOUNCED, 41, True)]),
        (returned.exim(BACK, "550 spam message rejected"), [(What.BOUNCED, 41, False)]),
        (returned.qmail(BACK, "550 5.1.1 unknown user"), [(What.BOUNCED, 41, True)]),
        (returned.arf("abuse", "Subject: x", BACK), [(What.COMPLAINED, 41, True)]),
        (returned.arf("not-spam", "Subject: x", BACK), []),
        (returned.away(BACK), []),
        # A forged return path names nothing.
        (returned.dsn(BACK.replace("+41-", "+42-"), "failed", "5.1.1", "smtp; 550 5.1.1 no"), []),
        (b"", []),
        (b"\xff\xfe\x00garbage\r\n\r\n", []),
        (b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n--b--", []),
    ],
)  # fmt: skip
def test_shapes_of_the_world(raw: bytes, expected: list[tuple[What, int | None, bool]]) -> None:
    assert read(raw) == expected


def test_a_mail_without_our_return_path_is_known_by_its_message_id() -> None:
    raw = returned.arf("abuse", "From: <news@clinic.example>\nMessage-ID: <abc@clinic.example>")
    (one,) = returned_mail.read(raw, [SECRET])
    assert (one.message_id, one.sent_as) == (None, "<abc@clinic.example>")


def test_what_is_kept_of_a_bounce_holds_no_address() -> None:
    (one,) = returned_mail.read(
        returned.dsn(BACK, "failed", "5.1.1", "smtp; 550 5.1.1 <anna@example.org> unknown user"), [SECRET]
    )
    assert "anna" not in one.words
    assert "5.1.1" in one.words


@pytest.fixture
def sent(db: None) -> Message:
    return make_message(make_patients(1)[0], provider_id="<abc@clinic.example>")


@pytest.fixture
def texted(db: None) -> Message:
    return make_message(make_patients(1)[0], channel="sms", provider_id="gate-1")


def post(client: Client, path: str, body: bytes, *, secret: str = "", at: int | None = None) -> Any:
    signature = hook_signature.sign(body, secret or settings.HOOK_SECRET, int(time.time()) if at is None else at)
    headers = {hook_signature.HEADER: signature}
    return client.generic("POST", path, body, content_type="application/octet-stream", headers=headers)


def event(**more: Any) -> dict[str, Any]:
    return {"id": "e1", "message": "gate-1", "status": "delivered", "at": timezone.now().isoformat(), **more}


def reports(*events: dict[str, Any]) -> bytes:
    return orjson.dumps({"events": list(events)})


def test_a_bounce_suppresses_at_once_and_only_once(client: Client, sent: Message) -> None:
    raw = returned.dsn(returned.back(sent.pk, settings.SECRET_KEY), "failed", "5.1.1", "smtp; 550 5.1.1 no such user")
    for _time in range(2):
        assert post(client, "/hooks/mail/", raw).status_code == 202
    noted = MessageEvent.objects.get()
    assert (noted.message, noted.kind, noted.detail["hard"]) == (sent, "bounced", True)
    stop = Suppression.objects.get()
    assert (stop.address_key, stop.reason) == (sent.address_key, "bounce")


def test_a_full_mailbox_is_noted_and_suppresses_nothing(client: Client, sent: Message) -> None:
    raw = returned.dsn(returned.back(sent.pk, settings.SECRET_KEY), "failed", "5.2.2", "smtp; 552 5.2.2 over quota")
    post(client, "/hooks/mail/", raw)
    assert MessageEvent.objects.get().detail["hard"] is False
    assert not Suppression.objects.exists()


def test_a_complaint_suppresses_at_once(client: Client, sent: Message) -> None:
    raw = returned.arf("abuse", f"Message-ID: {sent.provider_id}")
    assert post(client, "/hooks/mail/", raw).status_code == 202
    assert MessageEvent.objects.get().kind == "complained"
    assert Suppression.objects.get().reason == "complaint"


@pytest.mark.parametrize("path", ["/hooks/mail/", "/hooks/sms/"])
def test_a_wrong_signature_changes_nothing(client: Client, texted: Message, path: str) -> None:
    body = reports(event())
    for answer in (
        post(client, path, body, secret="guessed"),
        post(client, path, body, at=int(time.time()) - hook_signature.WINDOW - 5),
        post(client, path, body, at=int(time.time()) + hook_signature.WINDOW + 5),
        client.post(path, body, content_type="application/json"),
    ):
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 403
    assert not MessageEvent.objects.exists()
    assert not WaitingReport.objects.exists()


def test_a_signature_belongs_to_its_body(client: Client, texted: Message) -> None:
    signature = hook_signature.sign(reports(event()), settings.HOOK_SECRET, int(time.time()))
    answer = client.post(
        "/hooks/sms/", reports(event(status="undelivered", permanent=True)), content_type="application/json",
        headers={hook_signature.HEADER: signature},
    )  # fmt: skip
    assert answer.status_code == 403


def test_a_report_that_comes_twice_is_one_event(client: Client, texted: Message) -> None:
    for _time in range(3):
        assert post(client, "/hooks/sms/", reports(event(), event())).status_code == 202
    assert MessageEvent.objects.get().event_id == "sms:e1"
    assert not WaitingReport.objects.exists()


def test_a_report_about_an_unknown_message_waits_for_it(client: Client, texted: Message) -> None:
    assert post(client, "/hooks/sms/", reports(event(message="gate-2"))).status_code == 202
    assert not MessageEvent.objects.exists()
    late = make_message(make_patients(1)[0], channel="sms", provider_id="gate-2")
    assert inbound.match_waiting(timezone.now()) == 1
    assert MessageEvent.objects.get().message == late
    assert not WaitingReport.objects.exists()


def test_a_report_nobody_ever_knows_is_forgotten(client: Client, texted: Message) -> None:
    post(client, "/hooks/sms/", reports(event(message="gate-9")))
    inbound.match_waiting(timezone.now() + inbound.KEPT + timedelta(minutes=1))
    assert not WaitingReport.objects.exists()


@pytest.mark.parametrize(("permanent", "suppressed"), [(True, 1), (False, 0)])
def test_only_a_number_nobody_has_is_suppressed(
    client: Client, texted: Message, permanent: bool, suppressed: int
) -> None:
    post(client, "/hooks/sms/", reports(event(status="undelivered", permanent=permanent, code="11")))
    assert MessageEvent.objects.get().kind == "bounced"
    assert Suppression.objects.count() == suppressed


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"no json", "body"), (b"[]", "events"), (b'{"events": {}}', "events"),
        (reports(event(status="eaten")), "events.0.status"), (reports(event(), event(at="yesterday")), "events.1.at"),
        (reports(event(at="2026-11-23T10:00:00")), "events.0.at"),
        (reports(event(id="")), "events.0.id"), (reports(event(message="x" * 200)), "events.0.message"),
        (b'{"events": ["x"]}', "events.0"), (reports(event(id="a\x00b")), "events.0.id"),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_report_that_makes_no_sense_is_told_by_field(
    client: Client, texted: Message, body: bytes, field: str
) -> None:
    answer = post(client, "/hooks/sms/", body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not MessageEvent.objects.exists()


def test_a_report_from_the_future_is_noted_as_of_now(client: Client, texted: Message) -> None:
    post(client, "/hooks/sms/", reports(event(at=(timezone.now() + timedelta(days=900)).isoformat())))
    assert MessageEvent.objects.get().at <= timezone.now()


def test_a_mail_too_long_is_refused_unread(client: Client, sent: Message) -> None:
    assert post(client, "/hooks/mail/", b"x" * (5 * 1024 * 1024 + 1)).status_code == 413


def test_hooks_only_take_posts(client: Client, db: None) -> None:
    assert client.get("/hooks/mail/").status_code == client.get("/hooks/sms/").status_code == 405


def test_smsru_reports_by_its_own_hash(client: Client, texted: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSRU_API_ID", "api")
    entries = [f"sms_status\ngate-1\n103\n{int(time.time())}", "callcheck_status\n1\n401\n1"]
    good = hashlib.sha256(("api" + "".join(entries)).encode()).hexdigest()
    form = {"data[0]": entries[0], "data[1]": entries[1]}
    assert client.post("/hooks/sms/smsru/", {**form, "hash": "0" * 64}).status_code == 403
    assert client.post("/hooks/sms/smsru/", form).status_code == 403
    answer = client.post("/hooks/sms/smsru/", {**form, "hash": good})
    assert (answer.status_code, answer.content) == (200, b"100")
    assert MessageEvent.objects.get().kind == "delivered"
    monkeypatch.delenv("SMSRU_API_ID")
    empty = hashlib.sha256("".join(entries).encode()).hexdigest()
    assert client.post("/hooks/sms/smsru/", {**form, "hash": empty}).status_code == 403


def test_smsc_reports_by_its_own_signature(client: Client, texted: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSC_CALLBACK_SECRET", "word")
    form = {"id": "gate-1", "phone": "79161234567", "status": "22", "err": "1", "ts": str(int(time.time()))}
    text = b"gate-1:79161234567:22:word"
    assert client.post("/hooks/sms/smsc/", {**form, "md5": "0" * 32}).status_code == 403
    assert client.post("/hooks/sms/smsc/", form).status_code == 403
    for name in ("md5", "sha1"):
        assert client.post("/hooks/sms/smsc/", {**form, name: hashlib.new(name, text).hexdigest()}).status_code == 200
    assert MessageEvent.objects.get().detail == {"hard": True, "code": "22/1"}
    assert Suppression.objects.get().channel == "sms"


def test_a_maildir_is_read_once(sent: Message, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    raw = returned.dsn(returned.back(sent.pk, settings.SECRET_KEY), "failed", "5.1.1", "smtp; 550 5.1.1 no")
    (tmp_path / "new" / "1.host").write_bytes(raw)
    (tmp_path / "new" / "2.host").write_bytes(returned.away("bounces@mail.clinic.example"))
    for _time in range(2):
        call_command("read_bounces", maildir=tmp_path)
    assert MessageEvent.objects.count() == 1
    assert len(list((tmp_path / "cur").iterdir())) == 2
    assert capsys.readouterr().out.split("\n")[:2] == ["2 read, 1 noted", "0 read, 0 noted"]


def test_a_folder_that_is_no_maildir_is_said_to_be_none(tmp_path: Any, db: None) -> None:
    with pytest.raises(CommandError, match="no maildir"):
        call_command("read_bounces", maildir=tmp_path)


def test_an_imap_address_is_explained(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUNCES_IMAP_URL", "imaps://127.0.0.1/INBOX")
    with pytest.raises(CommandError, match="BOUNCES_IMAP_URL"):
        call_command("read_bounces", imap=True)
    monkeypatch.setenv("BOUNCES_IMAP_URL", "imap://user:secret-word@127.0.0.1:1/INBOX")
    with pytest.raises(CommandError) as complaint:
        call_command("read_bounces", imap=True)
    assert "secret-word" not in str(complaint.value)
