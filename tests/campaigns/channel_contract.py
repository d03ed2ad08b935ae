"""What every channel promises, tested against a real peer: inherit `ChannelContract` and provide its `peer`.

A peer is a server (or whatever a channel talks to) that really answers, and that can be told beforehand what to do with
an address. A new channel brings a Peer, lists in `can` what may happen to it, and inherits the
tests: ChannelContract, and the contracts of the fates it can meet.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from enum import StrEnum
from typing import Any

import pytest

from campaigns.channels.base import Channel, Envelope, Receipt, Status

SECRET = "s3cr3t-of-the-account"
TEXT = "Анна Петровна, ждём вас на коррекцию перманентного макияжа"


class Fate(StrEnum):
    """What the peer does with a message."""

    TAKEN = "taken"
    NOBODY = "nobody"  # the address does not exist
    REFUSED = "refused"  # by policy
    LATER = "later"
    THROTTLED = "throttled"
    FAILS = "fails"  # settings, login, account
    SILENT = "silent"  # takes it, and the answer is lost


EXPECTED = {
    Fate.TAKEN: Status.ACCEPTED,
    Fate.NOBODY: Status.REFUSED,
    Fate.REFUSED: Status.REFUSED,
    Fate.LATER: Status.POSTPONED,
    Fate.THROTTLED: Status.POSTPONED,
    Fate.FAILS: Status.FAILED,
    Fate.SILENT: Status.UNKNOWN,
}


class Peer(ABC):
    """The other side. `address` gives one that meets the fate."""

    can: frozenset[Fate]

    @abstractmethod
    def channel(self, **params: Any) -> Channel: ...

    @abstractmethod
    def address(self, number: int, fate: Fate) -> str: ...

    @abstractmethod
    def received(self) -> Counter[str]:
        """How often the peer took a message to each address."""

    @abstractmethod
    def wrong_settings(self) -> list[tuple[dict[str, Any], str]]:
        """Settings that are wrong, and the name of the setting the complaint must hold."""

    @abstractmethod
    def stop(self) -> None:
        """Answer no more."""


def envelope(peer: Peer, number: int, fate: Fate = Fate.TAKEN, **more: Any) -> Envelope:
    given: dict[str, Any] = {"subject": "Приглашение", "text": TEXT, "html": f"<p>{TEXT}</p>", **more}
    return Envelope(message_id=number, key=f"m{number}", to=peer.address(number, fate), **given)


def send(channel: Channel, envelopes: list[Envelope]) -> list[Receipt]:
    with channel.open() as session:
        return list(session.send(envelopes))


class ChannelContract:
    """Inherited by the test class of each channel; `peer` is its fixture."""

    def test_each_envelope_gets_exactly_one_receipt(self, peer: Peer) -> None:
        envelopes = [envelope(peer, number) for number in range(1, 61)]
        receipts = send(peer.channel(), envelopes)
        assert Counter(receipt.message_id for receipt in receipts) == Counter(range(1, 61))
        assert {receipt.status for receipt in receipts} == {Status.ACCEPTED}
        assert peer.received() == Counter(one.to for one in envelopes)

    def test_every_fate_has_its_status_and_stops_nobody_else(self, peer: Peer) -> None:
        fates = [fate for fate in Fate if fate in peer.can and fate is not Fate.FAILS]
        envelopes = [envelope(peer, number, fates[number % len(fates)]) for number in range(1, 31)]
        receipts = {receipt.message_id: receipt for receipt in send(peer.channel(), envelopes)}
        assert len(receipts) == len(envelopes)
        wrong = [
            (fate, receipts[number])
            for number in receipts
            if receipts[number].status != EXPECTED[fate := fates[number % len(fates)]]
        ]
        assert not wrong
        for number, receipt in receipts.items():
            assert receipt.bounce == (fates[number % len(fates)] is Fate.NOBODY), receipt
            assert receipt.error or receipt.status == Status.ACCEPTED

    def test_the_same_envelope_sent_twice_is_the_same_message(self, peer: Peer) -> None:
        first, second = (send(peer.channel(), [envelope(peer, 7)])[0] for _time in range(2))
        assert first.status == second.status == Status.ACCEPTED
        assert self.same_message(peer, first, second)

    def same_message(self, peer: Peer, first: Receipt, second: Receipt) -> bool:
        return bool(first.provider_id) and first.provider_id == second.provider_id

    def test_an_envelope_no_one_could_deliver_is_refused_alone(self, peer: Peer) -> None:
        strange = ["", "no address", "a@b@c", "a@b\r\nRCPT TO:<evil@example.org>", "+7", "\x00"]
        envelopes = [Envelope(number, f"m{number}", to, text=TEXT) for number, to in enumerate(strange, start=1)]
        receipts = send(peer.channel(), [*envelopes, envelope(peer, 50)])
        assert {receipt.message_id: receipt.status for receipt in receipts} == {
            **dict.fromkeys(range(1, len(strange) + 1), Status.REFUSED),
            50: Status.ACCEPTED,
        }
        assert sum(peer.received().values()) == 1

    def test_no_receipt_holds_an_address_a_text_or_a_secret(self, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        fates = [fate for fate in Fate if fate in peer.can]
        envelopes = [envelope(peer, number, fate) for number, fate in enumerate(fates, start=1)]
        told = [f"{receipt.error} {receipt.provider_id}" for receipt in send(peer.channel(), envelopes)]
        logged = "\n".join(
            f"{record.getMessage()} {record.exc_text}" for record in caplog.records if record.name[:9] == "campaigns"
        )
        for words in [*told, logged, repr(peer.channel())]:
            assert SECRET not in words
            assert TEXT[:20] not in words
            assert not any(one.to in words or one.to.lstrip("+") in words for one in envelopes)

    def test_a_peer_that_is_away_loses_nothing(self, peer: Peer) -> None:
        channel = peer.channel()
        peer.stop()
        try:
            receipts = send(channel, [envelope(peer, number) for number in range(1, 9)])
        except ConnectionError as error:
            assert SECRET not in str(error)
        else:
            assert [receipt.status for receipt in receipts] == [Status.POSTPONED] * 8

    def test_a_wrong_setting_is_named(self, peer: Peer) -> None:
        for params, name in peer.wrong_settings():
            with pytest.raises(ValueError) as complaint:
                peer.channel(**params)
            assert name in str(complaint.value), (params, str(complaint.value))
            assert SECRET not in str(complaint.value)

    def test_check_sends_nothing_and_is_silent_when_all_is_well(self, peer: Peer) -> None:
        assert peer.channel().check() == ""
        assert not peer.received()

    def test_check_says_in_words_that_nobody_answers(self, peer: Peer) -> None:
        channel = peer.channel()
        peer.stop()
        words = channel.check()
        assert len(words) > 10
        assert SECRET not in words


class AccountContract:
    """For channels whose provider knows an account that may be wrong."""

    def test_a_failure_of_the_account_is_told_for_every_message(self, peer: Peer) -> None:
        receipts = send(peer.channel(), [envelope(peer, number, Fate.FAILS) for number in range(1, 6)])
        assert [receipt.status for receipt in receipts] == [Status.FAILED] * 5
        assert not peer.received()


class LostAnswerContract:
    """For channels whose provider may take a message and never answer."""

    def test_a_message_whose_answer_was_lost_is_not_sent_again_by_itself(self, peer: Peer) -> None:
        lost = envelope(peer, 1, Fate.SILENT)
        receipts = send(peer.channel(), [lost, envelope(peer, 2)])
        assert [receipt.status for receipt in receipts] == [Status.UNKNOWN, Status.ACCEPTED]
        assert peer.received()[lost.to] == 1


class ThrottleContract:
    """For channels whose provider says how long to wait."""

    def test_a_throttle_says_how_long_to_wait(self, peer: Peer) -> None:
        (receipt,) = send(peer.channel(), [envelope(peer, 1, Fate.THROTTLED)])
        assert receipt.retry_after is not None
        assert 0 < receipt.retry_after <= 60
