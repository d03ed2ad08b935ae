"""What a channel is: it gets an Envelope and returns a Receipt. It knows no model and no database.

A new channel is a module with a Channel class, a line in `campaigns.channels.CHANNELS`, and the contract test
(`tests/campaigns/channel_contract.py`) it inherits.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class Status(StrEnum):
    ACCEPTED = "accepted"  # the provider took it
    REFUSED = "refused"  # it never will: a wrong address, a blocked text
    POSTPONED = "postponed"  # certainly not sent; may be tried again later
    FAILED = "failed"  # certainly not sent, and trying again by itself makes no sense (configuration, login)
    UNKNOWN = "unknown"  # handed over, and no answer came: it may have been sent


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything needed to send one message. `key` is the same whenever the same message is sent."""

    message_id: int
    key: str
    to: str
    language: str = "ru"
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    return_path: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider said. `bounce`: the address does not exist and is to be suppressed.

    `error` is a code or the provider's words without address and text: it is stored and shown.
    """

    message_id: int
    status: Status
    provider_id: str = ""
    error: str = ""
    bounce: bool = False
    parts: int = 1
    retry_after: float | None = None  # seconds, when the provider says so


class Session(ABC):
    """An open connection (or a pool of them) to the provider."""

    @abstractmethod
    def send(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        """Exactly one receipt for every envelope taken, in any order; never raises for a single message."""


class Channel(ABC):
    """One way of reaching a patient, configured by plain values (docs/channels.md)."""

    code: ClassVar[str]

    @classmethod
    @abstractmethod
    def from_settings(
        cls, params: Mapping[str, Any], sender: str, reply_to: str, environ: Mapping[str, str]
    ) -> "Channel":
        """Build it from the account's settings; ValueError names the setting that is wrong."""

    @abstractmethod
    def open(self) -> AbstractContextManager[Session]:
        """Connect. Raises ConnectionError when the provider cannot be reached: nothing was sent."""

    @abstractmethod
    def check(self) -> str:
        """Connect, log in, send nothing; "" or what is wrong, in plain words."""
