"""SMS against a real HTTP server that fails, times out, throttles and repeats."""

import contextlib
from collections.abc import Iterator

import pytest

from campaigns.channels.base import Envelope, Status
from campaigns.channels.reading import SettingError
from campaigns.channels.sms import SmsChannel
from campaigns.channels.sms_gateway import seconds_to_wait
from campaigns.channels.sms_presets import PRESETS, real_presets, secrets_of
from tests.campaigns import http_peer
from tests.campaigns.channel_contract import (
    SECRET,
    TEXT,
    AccountContract,
    ChannelContract,
    Fate,
    LostAnswerContract,
    ThrottleContract,
    envelope,
    send,
)
from tests.campaigns.http_peer import HttpPeer


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    server = HttpPeer()
    yield server
    with contextlib.suppress(OSError):
        server.stop()


def to(number: int, end: str, **more: str) -> Envelope:
    return Envelope(number, f"m{number}", f"+7916{number:05d}{end}", text=more.pop("text", TEXT))


class TestSms(AccountContract, LostAnswerContract, ThrottleContract, ChannelContract):
    def test_connections_are_kept(self, peer: HttpPeer) -> None:
        send(peer.channel(connections=2), [envelope(peer, number) for number in range(1, 41)])
        assert peer.server.connections == 2

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            (http_peer.SLOW, Status.UNKNOWN),
            (http_peer.BROKEN, Status.UNKNOWN),
            (http_peer.GARBAGE, Status.UNKNOWN),
            (http_peer.ODD, Status.FAILED),
            (http_peer.TEAPOT, Status.REFUSED),
            (http_peer.MOVED, Status.FAILED),
        ],
    )
    def test_what_the_gateway_does_is_what_the_receipt_says(self, peer: HttpPeer, end: str, status: Status) -> None:
        (receipt,) = send(peer.channel(), [to(1, end)])
        assert receipt.status == status
        assert receipt.error

    @pytest.mark.parametrize("end", [http_peer.SLOW, http_peer.BROKEN, http_peer.ENDS[Fate.SILENT]])
    def test_a_gateway_that_knows_keys_may_be_asked_again(self, peer: HttpPeer, end: str) -> None:
        (receipt,) = send(peer.channel(idempotent=True), [to(1, end)])
        assert receipt.status == Status.POSTPONED

    def test_server_errors_are_what_the_setting_says(self, peer: HttpPeer) -> None:
        (receipt,) = send(peer.channel(server_error="postponed"), [to(1, http_peer.BROKEN)])
        assert receipt.status == Status.POSTPONED

    def test_the_answer_is_read_where_the_settings_say(self, peer: HttpPeer) -> None:
        (receipt,) = send(peer.channel(), [to(3, "00")])
        assert (receipt.provider_id, receipt.parts) == ("id-m3", 2)
        (asked,) = peer.server.asked
        assert asked["authorization"] == f"Bearer {SECRET}"
        assert (asked["to"], asked["text"], asked["from"], asked["key"]) == ("+79160000300", TEXT, "CLINIC", "m3")

    @pytest.mark.parametrize("format_", ["form", "query", "json"])
    def test_every_format_carries_the_text_as_it_is(self, peer: HttpPeer, format_: str) -> None:
        text = 'Скидка 20 % & подарок {token} «+» ?a=b "x" 🌷\nвторая строка'
        (receipt,) = send(peer.channel(format=format_), [to(1, "00", text=text)])
        assert receipt.status == Status.ACCEPTED
        assert peer.server.asked[0]["text"] == text

    def test_parts_are_counted_when_the_gateway_does_not_say(self, peer: HttpPeer) -> None:
        (receipt,) = send(peer.channel(parts_path=""), [to(1, "00", text="ы" * 71)])
        assert receipt.parts == 2

    def test_a_wrong_secret_is_told_without_repeating_it(self, peer: HttpPeer) -> None:
        words = peer.channel(environ={"GATE_TOKEN": "another-secret"}).check()
        assert "login" in words
        assert SECRET not in words and "another-secret" not in words

    def test_a_dead_gateway_is_not_knocked_at_for_every_message(self, peer: HttpPeer) -> None:
        channel = peer.channel(connections=1)
        peer.stop()
        receipts = send(channel, [to(number, "00") for number in range(1, 21)])
        assert {receipt.status for receipt in receipts} == {Status.POSTPONED}
        assert sum(receipt.retry_after is not None for receipt in receipts) >= 15


@pytest.mark.parametrize("name", real_presets())
def test_a_preset_needs_its_secrets_and_nothing_else(name: str) -> None:
    with pytest.raises(SettingError) as complaint:
        SmsChannel.from_settings({"preset": name}, "CLINIC", "", {})
    assert secrets_of(name)[0] in str(complaint.value)
    channel = SmsChannel.from_settings({"preset": name}, "CLINIC", "", dict.fromkeys(secrets_of(name), SECRET))
    assert channel.gateway.url.startswith("https://")
    request = channel.gateway.request(Envelope(1, "m1", "+79161234567", text="Ждём вас"))
    assert "79161234567" in (request.body or b"").decode()
    assert SECRET in (request.body or b"").decode() + repr(request.headers)


def _judged(name: str, answer: object, status: int = 200) -> tuple[Status, str, bool]:
    """What a preset makes of an answer as its provider documents it."""
    from urllib3 import HTTPHeaderDict

    from campaigns.channels.sms import Answer, SmsSession

    gateway = SmsChannel.from_settings({"preset": name}, "", "", dict.fromkeys(secrets_of(name), SECRET)).gateway
    session = SmsSession(gateway, None, None, 1)  # type: ignore[arg-type]
    one = Envelope(1, "m1", "+79255070602", text="Ждём вас")
    receipt = session._judged(one, Answer(status, HTTPHeaderDict(), answer))
    return receipt.status, receipt.provider_id, receipt.bounce


SMSRU_TAKEN = {
    "status": "OK", "status_code": 100, "balance": 4122.56,
    "sms": {"79255070602": {"status": "OK", "status_code": 100, "sms_id": "000000-10000000"}},
}  # fmt: skip


def _smsru(code: int) -> dict[str, object]:
    return {"status": "OK", "status_code": 100, "sms": {"79255070602": {"status": "ERROR", "status_code": code}}}


@pytest.mark.parametrize(
    ("name", "answer", "status", "expected"),
    [
        ("smsru", SMSRU_TAKEN, 200, (Status.ACCEPTED, "000000-10000000", False)),
        ("smsru", _smsru(202), 200, (Status.REFUSED, "", True)),
        ("smsru", _smsru(207), 200, (Status.REFUSED, "", False)),
        ("smsru", _smsru(220), 200, (Status.POSTPONED, "", False)),
        ("smsru", {"status": "ERROR", "status_code": 200, "status_text": "…"}, 200, (Status.FAILED, "", False)),
        ("smsru", {"status": "ERROR", "status_code": 201}, 200, (Status.FAILED, "", False)),
        ("smsc", {"id": 1234, "cnt": 1}, 200, (Status.ACCEPTED, "1234", False)),
        ("smsc", {"error": "invalid number", "error_code": 7, "id": 5}, 200, (Status.REFUSED, "", True)),
        ("smsc", {"error": "message is denied", "error_code": 6, "id": 5}, 200, (Status.REFUSED, "", False)),
        ("smsc", {"error": "too often", "error_code": 9}, 200, (Status.POSTPONED, "", False)),
        ("smsc", {"error": "login", "error_code": 2}, 200, (Status.FAILED, "", False)),
        ("exolve", {"message_id": "439166538721984640"}, 200, (Status.ACCEPTED, "439166538721984640", False)),
        ("exolve", {"error": {"code": 16, "message": "…"}}, 401, (Status.FAILED, "", False)),
        ("exolve", None, 502, (Status.UNKNOWN, "", False)),
    ],
)
def test_presets_understand_the_answers_their_providers_document(
    name: str, answer: object, status: int, expected: tuple[Status, str, bool]
) -> None:
    assert _judged(name, answer, status) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0), ("0", 0.0), ("-5", 0.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0), ("soon", None), ("", None),
        (None, None), ("Wed, 31 Dec 1969 23:59:59 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, now=0.0) == seconds


def test_every_preset_is_known_by_its_name() -> None:
    assert set(PRESETS) == {"smsru", "smsc", "exolve", "catcher"}
