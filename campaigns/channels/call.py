"""Calls: what is "sent" becomes a task in the call list, which a person works through."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from campaigns.channels.base import Channel, Envelope, Receipt, Session, Status
from campaigns.channels.hiding import told
from campaigns.channels.reading import Values

Put = Callable[[list[Envelope]], None]
_BATCH = 200


class CallChannel(Channel):
    """`put` writes tasks for the envelopes, all or none, and does nothing for those that are there already."""

    code: ClassVar[str] = "call"

    def __init__(self, put: Put | None = None) -> None:
        self._put = put

    @classmethod
    def from_settings(
        cls, params: Mapping[str, Any], sender: str, reply_to: str, environ: Mapping[str, str]
    ) -> "CallChannel":
        Values(params, environ).nothing_else()
        return cls()

    @contextmanager
    def open(self) -> Iterator[Session]:
        if self._put is None:
            raise ConnectionError("no call list")
        yield CallSession(self._put)

    def check(self) -> str:
        return "" if self._put is not None else _("There is no call list to write into.")


class CallSession(Session):
    """Writes in batches. A batch that cannot be written is written one by one: the others must not suffer."""

    def __init__(self, put: Put) -> None:
        self._put = put

    def send(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        rest = iter(envelopes)
        while batch := list(islice(rest, _BATCH)):
            try:
                self._put(batch)
            except Exception:
                yield from (self._one(envelope) for envelope in batch)
            else:
                yield from (_accepted(envelope) for envelope in batch)

    def _one(self, envelope: Envelope) -> Receipt:
        try:
            self._put([envelope])
        except (LookupError, ValueError) as error:  # this one will never be written
            return Receipt(envelope.message_id, Status.REFUSED, error=told(str(error), envelope))
        except Exception as error:  # the database: certainly not written, its words may hold the row
            return Receipt(envelope.message_id, Status.POSTPONED, error=type(error).__name__)
        return _accepted(envelope)


def _accepted(envelope: Envelope) -> Receipt:
    return Receipt(envelope.message_id, Status.ACCEPTED, provider_id=f"call:{envelope.key}")
