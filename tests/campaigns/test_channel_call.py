"""Calls: the peer is the real call list in the database."""

from collections import Counter
from typing import Any

import pytest
from django.db import OperationalError

from campaigns.channels.base import Channel, Envelope, Receipt, Status
from campaigns.channels.call import CallChannel
from campaigns.models import CallTask
from campaigns.services.calling.calls import put_tasks
from tests.campaigns.channel_contract import SECRET, TEXT, ChannelContract, Fate, Peer, envelope, send
from tests.campaigns.making import make_message, make_patients

pytestmark = pytest.mark.django_db


class CallList(Peer):
    """The call list, and a line to it that can be cut."""

    can = frozenset({Fate.TAKEN, Fate.LATER})

    def __init__(self) -> None:
        self.cut = False
        self.messages = [
            make_message(patient, channel="call", state="sending", pk=number)
            for number, patient in enumerate(make_patients(60), start=1)
        ]

    def put(self, envelopes: list[Envelope]) -> None:
        if self.cut or any(one.to.endswith("99") for one in envelopes):
            raise OperationalError(f"server closed the connection: {envelopes[0].text} {SECRET}")
        put_tasks(envelopes)

    def channel(self, **params: Any) -> Channel:
        CallChannel.from_settings(params, "", "", {})
        return CallChannel(self.put)

    def address(self, number: int, fate: Fate) -> str:
        return f"+79160000{number:03d}" + ("99" if fate is Fate.LATER else "00")

    def received(self) -> Counter[str]:
        return Counter(
            self.address(number, Fate.TAKEN)
            for number in CallTask.objects.values_list("message_id", flat=True)
            if number
        )

    def wrong_settings(self) -> list[tuple[dict[str, Any], str]]:
        return [({"host": "x"}, "host")]

    def stop(self) -> None:
        self.cut = True


@pytest.fixture
def peer(db: None) -> CallList:
    return CallList()


class TestCall(ChannelContract):
    def test_the_script_is_read_to_the_patient(self, peer: CallList) -> None:
        send(peer.channel(), [envelope(peer, 1)])
        task = CallTask.objects.get()
        assert (task.title, task.script) == ("Приглашение", TEXT)

    def test_the_same_message_is_one_task(self, peer: CallList) -> None:
        for _time in range(2):
            send(peer.channel(), [envelope(peer, 1)])
        assert CallTask.objects.count() == 1

    def test_an_envelope_no_one_could_deliver_is_refused_alone(self, peer: Peer) -> None:
        """A call needs no address: whoever has the card finds the number there."""

    def test_check_says_in_words_that_nobody_answers(self, peer: Peer) -> None:
        assert len(CallChannel().check()) > 10

    def same_message(self, peer: Peer, first: Receipt, second: Receipt) -> bool:
        return first.provider_id == second.provider_id == "call:m7"


def test_without_a_list_nothing_is_sent() -> None:
    with pytest.raises(ConnectionError):
        send(CallChannel(), [Envelope(1, "m1", "+79160000000")])


def test_a_message_the_list_refuses_stops_nobody() -> None:
    def put(envelopes: list[Envelope]) -> None:
        if any(one.message_id == 2 for one in envelopes):
            raise LookupError("no such message")

    receipts = send(CallChannel(put), [Envelope(number, f"m{number}", "") for number in (1, 2, 3)])
    assert [receipt.status for receipt in receipts] == [Status.ACCEPTED, Status.REFUSED, Status.ACCEPTED]
