"""An SMTP server that does what an address asks of it: `<fate>.<number>@example.org`."""

import asyncio
import re
import socket
from collections import Counter
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from campaigns.channels.email import EmailChannel
from tests.campaigns.channel_contract import SECRET, Fate, Peer

ANSWERS = {
    "nobody": "550 5.1.1 <{to}>: Recipient address rejected: User unknown",
    "refused": "554 5.7.1 <{to}>: Message refused by policy",
    "later": "451 4.7.1 <{to}>: Greylisted",
    "full": "552 5.2.2 <{to}>: Mailbox full",
}


class Handler:
    """Scripted by addresses; `sessions` counts connections."""

    def __init__(self, pipelining: bool) -> None:
        self.pipelining = pipelining
        self.mails: list[tuple[str, str, bytes]] = []
        self.sessions = 0
        self.logged_in: list[str] = []
        self.per_connection = 0
        self._seen: Counter[int] = Counter()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        self._seen[id(session)] = 0
        return [*responses[:-1], *(["250-PIPELINING"] if self.pipelining else []), *responses[-1:]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._seen[id(session)] += 1
        if self.per_connection and self._seen[id(session)] > self.per_connection:
            return "421 4.7.0 Too many messages in this connection"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fate = address.partition(".")[0]
        if fate == "hangup":
            server.transport.abort()  # type: ignore[union-attr]
            return "421 gone"
        if fate in ANSWERS:
            return ANSWERS[fate].format(to=address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        to = envelope.rcpt_tos[0]
        if to.startswith("spam."):
            return f"554 5.7.1 <{to}>: looks like spam, https://example.org/?{to}"
        if to.startswith("dot451."):
            return "451 4.3.0 queue full"
        if to.startswith("dot421."):
            return "421 4.3.2 shutting down"
        self.mails.append((envelope.mail_from or "", to, envelope.content or b""))  # type: ignore[arg-type]
        if to.startswith("silent."):
            server.transport.abort()  # type: ignore[union-attr]
        if to.startswith("slow."):
            await asyncio.sleep(3)
        return "250 2.0.0 OK: queued"


class SmtpPeer(Peer):
    """aiosmtpd on a free port; with `login` it asks for one."""

    can = frozenset(Fate) - {Fate.THROTTLED, Fate.FAILS}

    def __init__(self, pipelining: bool = True, login: bool = False) -> None:
        self.handler = Handler(pipelining)
        more: dict[str, Any] = {}
        if login:
            more = {"authenticator": self._login, "auth_required": True, "auth_require_tls": False}
        self.port = free_port()
        self.controller = Controller(self.handler, hostname="127.0.0.1", port=self.port, **more)
        self.controller.start()
        self._running = True

    def channel(self, **params: Any) -> EmailChannel:
        sender = params.pop("sender", "Клиника «Здоровье» <news@clinic.example>")
        environ = params.pop("environ", {"SECRET_KEY": SECRET, "EMAIL_PASSWORD": SECRET})
        given = {"host": "127.0.0.1", "port": self.port, "timeout": 2, **params}
        return EmailChannel.from_settings(given, sender, "", environ)

    def address(self, number: int, fate: Fate) -> str:
        return f"{fate}.{number}@example.org"

    def received(self) -> Counter[str]:
        return Counter(to for _back, to, _raw in self.handler.mails)

    def wrong_settings(self) -> list[tuple[dict[str, Any], str]]:
        return [
            ({"port": "abc"}, "port"), ({"port": 70000}, "port"), ({"tls": "maybe"}, "tls"), ({"hots": "x"}, "hots"),
            ({"timeout": "soon"}, "timeout"), ({"connections": 0}, "connections"), ({"sender": ""}, "sender"),
            ({"sender": "Clinic <not an address>"}, "sender"), ({"bounce_address": "x"}, "bounce_address"),
            ({"user": "clinic", "environ": {}}, "EMAIL_PASSWORD"), ({"host": "", "environ": {}}, "EMAIL_URL"),
            ({"host": "", "environ": {"EMAIL_URL": f"ftp://u:{SECRET}@h"}}, "EMAIL_URL"),
            ({"headers": {"Subject": "x"}}, "headers"), ({"headers": {"X\r\nBcc": "x"}}, "headers"),
            ({"verify": "yes"}, "verify"),
        ]  # fmt: skip

    def stop(self) -> None:
        if self._running:
            self._running = False
            self.controller.stop()

    def _login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = data.login == b"clinic" and data.password == SECRET.encode()
        self.handler.logged_in.append(re.sub(r"\W", "", data.login.decode()))
        return AuthResult(success=good, handled=good)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
