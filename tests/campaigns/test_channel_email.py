"""E-mail against a real SMTP server, with pipelining and without."""

import email
import email.policy
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from campaigns.channels import return_path
from campaigns.channels.base import Envelope, Status
from campaigns.channels.smtp_answers import is_bounce
from tests.campaigns.channel_contract import SECRET, ChannelContract, Fate, LostAnswerContract, envelope, send
from tests.campaigns.smtp_peer import SmtpPeer, free_port


@pytest.fixture(params=[True, False], ids=["pipelining", "step by step"])
def peer(request: pytest.FixtureRequest) -> Iterator[SmtpPeer]:
    server = SmtpPeer(pipelining=request.param)
    yield server
    server.stop()


@pytest.fixture
def locked() -> Iterator[SmtpPeer]:
    server = SmtpPeer(login=True)
    yield server
    server.stop()


def to(number: int, fate: str, **more: Any) -> Envelope:
    return Envelope(number, f"m{number}", f"{fate}.{number}@example.org", subject="Тема", text="Текст", **more)


def parsed(peer: SmtpPeer, position: int = 0) -> EmailMessage:
    return email.message_from_bytes(peer.handler.mails[position][2], policy=email.policy.default)  # type: ignore[return-value]


class TestEmail(LostAnswerContract, ChannelContract):
    def test_several_connections_share_the_work(self, peer: SmtpPeer) -> None:
        envelopes = [envelope(peer, number) for number in range(1, 101)]
        receipts = send(peer.channel(connections=3), envelopes)
        assert {receipt.message_id for receipt in receipts} == set(range(1, 101))
        assert len(peer.handler.mails) == 100
        assert peer.handler.sessions == 3

    def test_one_connection_carries_everything(self, peer: SmtpPeer) -> None:
        send(peer.channel(), [envelope(peer, number) for number in range(1, 101)])
        assert peer.handler.sessions == 1

    def test_a_server_that_limits_mails_per_connection_gets_them_all_once(self, peer: SmtpPeer) -> None:
        peer.handler.per_connection = 7
        receipts = send(peer.channel(), [envelope(peer, number) for number in range(1, 31)])
        assert {receipt.status for receipt in receipts} == {Status.ACCEPTED}
        assert set(peer.received().values()) == {1}
        assert peer.handler.sessions == 5

    def test_our_own_limit_opens_the_connection_anew(self, peer: SmtpPeer) -> None:
        receipts = send(peer.channel(per_connection=10), [envelope(peer, number) for number in range(1, 31)])
        assert {receipt.status for receipt in receipts} == {Status.ACCEPTED}
        assert peer.handler.sessions == 3

    @pytest.mark.parametrize(
        ("fate", "status", "bounce"),
        [
            ("full", Status.REFUSED, False),
            ("spam", Status.REFUSED, False),
            ("dot451", Status.POSTPONED, False),
            ("dot421", Status.POSTPONED, False),
            ("hangup", Status.POSTPONED, False),
        ],
    )
    def test_what_a_server_does_is_what_the_receipt_says(
        self, peer: SmtpPeer, fate: str, status: Status, bounce: bool
    ) -> None:
        receipts = {one.message_id: one for one in send(peer.channel(), [to(1, "taken"), to(2, fate), to(3, "taken")])}
        assert (receipts[2].status, receipts[2].bounce) == (status, bounce)
        assert "@" not in receipts[2].error
        assert receipts[1].status == receipts[3].status == Status.ACCEPTED
        assert len(peer.handler.mails) == 2

    def test_a_server_too_slow_to_answer_leaves_the_mail_unknown(self, peer: SmtpPeer) -> None:
        receipts = send(peer.channel(timeout=1), [to(1, "slow"), to(2, "taken")])
        assert [receipt.status for receipt in receipts] == [Status.UNKNOWN, Status.ACCEPTED]
        assert peer.received()["slow.1@example.org"] == 1

    def test_the_mail_says_what_the_envelope_said(self, peer: SmtpPeer) -> None:
        subject = "Анна Петровна, ждём вас на коррекцию — скидка 20 % до конца месяца, приходите 🌷"
        one = Envelope(
            5, "m5", "taken.5@example.org", subject=subject, text="Простой\nтекст\n.\n..", html="<p>Ёж 🌷</p>" * 100,
            headers={"List-Unsubscribe": "<https://clinic.example/u/abc>",
                     "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        )  # fmt: skip
        (receipt,) = send(peer.channel(), [one])
        mail = parsed(peer)
        assert mail["Subject"] == subject
        assert mail["From"].addresses[0].display_name == "Клиника «Здоровье»"
        assert mail["From"].addresses[0].addr_spec == "news@clinic.example"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["Message-ID"] == receipt.provider_id
        assert mail["Date"].datetime is not None
        assert mail.get_body(("plain",)).get_content() == "Простой\nтекст\n.\n.."  # type: ignore[union-attr]
        assert mail.get_body(("html",)).get_content() == "<p>Ёж 🌷</p>" * 100  # type: ignore[union-attr]
        raw = peer.handler.mails[0][2]
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        assert raw.isascii()

    def test_nothing_in_an_envelope_makes_a_header_of_its_own(self, peer: SmtpPeer) -> None:
        evil = "Привет\r\nBcc: all@example.org\r\n\r\nbody\u2028X: y"
        (receipt,) = send(
            peer.channel(),
            [
                to(1, "taken", headers={"X-Note": evil}),
            ],
        )
        assert receipt.status == Status.ACCEPTED
        one = Envelope(2, "m2", "taken.2@example.org", subject="Hi\r\nBcc: all@example.org", text="x")
        assert send(peer.channel(), [one])[0].status == Status.ACCEPTED
        for position in (0, 1):
            mail = parsed(peer, position)
            assert mail["Bcc"] is None
            assert mail["X"] is None

    @pytest.mark.parametrize("name", ["Bcc", "From", "To\r\nBcc", "X: y", ""])
    def test_a_header_that_may_not_be_set_refuses_the_mail(self, peer: SmtpPeer, name: str) -> None:
        receipts = send(peer.channel(), [to(1, "taken", headers={name: "x"}), to(2, "taken")])
        assert {one.message_id: one.status for one in receipts} == {1: Status.REFUSED, 2: Status.ACCEPTED}

    def test_the_return_path_names_the_message_and_cannot_be_made_up(self, peer: SmtpPeer) -> None:
        send(peer.channel(bounce_address="bounces@mail.clinic.example"), [to(41, "taken")])
        back = peer.handler.mails[0][0]
        assert back.startswith("bounces+41-")
        assert return_path.message_of(f"To: <{back.upper()}>", [SECRET]) == 41
        assert return_path.message_of(back.replace("+41-", "+42-"), [SECRET]) is None
        assert return_path.message_of(back, ["another key"]) is None

    def test_the_envelopes_own_return_path_wins(self, peer: SmtpPeer) -> None:
        send(peer.channel(bounce_address="b@clinic.example"), [to(1, "taken", return_path="own@clinic.example")])
        assert peer.handler.mails[0][0] == "own@clinic.example"

    def test_domains_in_cyrillic_are_reached(self, peer: SmtpPeer) -> None:
        one = Envelope(1, "m1", "taken.1@почта.рф", subject="x", text="x")
        assert send(peer.channel(), [one])[0].status == Status.ACCEPTED
        assert peer.handler.mails[0][1] == "taken.1@xn--80a1acny.xn--p1ai"

    def test_a_caller_who_stops_listening_leaves_no_half_mail(self, peer: SmtpPeer) -> None:
        with peer.channel().open() as session:
            receipts = session.send(to(number, "taken") for number in range(1, 100))
            first = next(receipts)
            receipts.close()  # type: ignore[attr-defined]
        assert first.status == Status.ACCEPTED
        assert len(peer.handler.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_login_that_is_refused_fails_every_mail_and_knocks_once(locked: SmtpPeer) -> None:
    channel = locked.channel(user="clinic", environ={"EMAIL_PASSWORD": "wrong-password"})
    receipts = send(channel, [to(number, "taken") for number in range(1, 6)])
    assert [receipt.status for receipt in receipts] == [Status.FAILED] * 5
    assert len(locked.handler.logged_in) <= 2  # smtplib tries two ways of logging in, once
    assert not any("wrong-password" in receipt.error for receipt in receipts)
    assert "wrong-password" not in channel.check()
    assert channel.check()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_good_login_sends(locked: SmtpPeer) -> None:
    url = f"smtp://clinic:{SECRET}@127.0.0.1:{locked.port}"
    channel = locked.channel(host="", port=None, environ={"EMAIL_URL": url})
    assert channel.check() == ""
    assert send(channel, [to(1, "taken")])[0].status == Status.ACCEPTED
    assert SECRET not in repr(channel) + repr(channel.server)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_without_a_login_the_server_that_wants_one_fails_the_mail(locked: SmtpPeer) -> None:
    (receipt,) = send(locked.channel(), [to(1, "taken")])
    assert receipt.status == Status.FAILED


@pytest.mark.parametrize(("up_to", "status"), [(40, Status.POSTPONED), (None, Status.UNKNOWN)])
def test_how_far_the_body_got_decides(up_to: int | None, status: Status) -> None:
    """A server that dies while it reads the body cannot have taken it; one that read the dot may have."""
    port, listener = free_port(), socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", port))
    listener.listen(1)

    def serve() -> None:
        connection, _address = listener.accept()
        listener.close()  # nobody comes back
        stream = connection.makefile("rb")
        connection.sendall(b"220 hello\r\n")
        for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            stream.readline()
            connection.sendall(answer)
        read = 0
        while up_to is None or read < up_to:
            line = stream.readline()
            read += len(line)
            if line == b".\r\n":
                break
        # RST instead of FIN: what was not read is thrown away.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        stream.close()
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    peer = SmtpPeer.__new__(SmtpPeer)
    peer.port = port
    long = Envelope(1, "m1", "taken.1@example.org", text="длинный текст " * 400_000)
    (receipt,) = send(peer.channel(timeout=5), [long])
    thread.join()
    assert receipt.status == status


@pytest.mark.parametrize(
    ("code", "words", "bounce"),
    [
        (550, "5.1.1 The email account that you tried to reach does not exist. gmail.com", True),
        (550, "Message was not accepted -- invalid mailbox. Local mailbox is unavailable: user not found", True),
        (550, "5.7.1 No such user!", True),
        (550, "5.1.0 Address rejected. user unknown", True),
        (550, "5.1.2 Bad destination system address", True),
        (556, "5.1.10 Recipient address has a null MX", True),
        (550, "5.2.1 The email account that you tried to reach is inactive", True),
        (554, "5.7.1 Message rejected under suspicion of SPAM", False),
        (550, "spam message rejected. Please visit http://help.mail.ru", False),
        (550, "5.7.26 Unauthenticated email is not accepted due to domain's DMARC policy", False),
        (552, "5.2.2 The email account that you tried to reach is over quota", False),
        (550, "5.7.1 Recipient address denied by policy: user not found in allow list", False),
        (550, "Access denied", False),
        (450, "4.1.1 User unknown", False),
        (554, "User unknown", False),
    ],
)
def test_only_an_address_nobody_has_is_a_bounce(code: int, words: str, bounce: bool) -> None:
    assert is_bounce(code, words) is bounce


def test_the_fates_of_the_contract_are_those_of_smtp() -> None:
    assert SmtpPeer.can == set(Fate) - {Fate.THROTTLED, Fate.FAILS}
