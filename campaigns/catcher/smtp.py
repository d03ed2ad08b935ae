"""The SMTP half: takes every mail as fast as it comes and looks into none but for its subject."""

import asyncio
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Connection

from campaigns.catcher.feedback import Feedback
from campaigns.catcher.storage import Caught, Store
from campaigns.catcher.trials import REPLIES, Trial, of_mail
from campaigns.channels import return_path

_LONGEST = 20 * 1024 * 1024
_ACCEPTED = "250 2.0.0 Caught"


class FastSMTP(SMTP):
    """aiosmtpd, but a mail is read in one piece instead of line by line: three times the mails per second."""

    line_length_limit = _LONGEST

    async def smtp_DATA(self, arg: str) -> None:
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        first = await self._reader.readexactly(3)
        try:
            content = b"" if first == b".\r\n" else first + await self._reader.readuntil(b"\r\n.\r\n")
        except asyncio.LimitOverrunError:
            await self.push("552 5.3.4 Too much mail data")
            self.transport.close()  # type: ignore[union-attr]
            return
        self.envelope.content = (b"\r\n" + content[:-3]).replace(b"\r\n..", b"\r\n.")[2:]
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(status)


class Handler:
    """What aiosmtpd asks us."""

    def __init__(self, store: Store, feedback: Feedback, secrets: list[str]) -> None:
        self._store = store
        self._feedback = feedback
        self._secrets = secrets

    async def handle_EHLO(
        self, server: SMTP, session: Connection, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", *responses[-1:]]

    async def handle_RCPT(
        self, server: SMTP, session: Connection, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        trial = of_mail(address)
        if trial in REPLIES:
            return REPLIES[trial]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Connection, envelope: Envelope) -> str:
        while self._store.crowded:
            await asyncio.sleep(0.05)
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        back = envelope.mail_from or ""
        message_id = return_path.message_of(back, self._secrets)
        for to in envelope.rcpt_tos:
            caught = Caught("email", to, _header(content, b"from"), content, message_id, _header(content, b"subject"))
            self._store.put(caught)
            self._answer(of_mail(to), caught, back, server)
        return _ACCEPTED

    def _answer(self, trial: Trial | None, caught: Caught, back: str, server: SMTP) -> None:
        if trial == Trial.SPAM:
            self._feedback.complain(caught, back)
        elif trial == Trial.GONE:
            self._feedback.bounce(caught, back)
        elif trial == Trial.SILENT and server.transport is not None:
            server.transport.abort()  # type: ignore[attr-defined]


def _header(content: bytes, name: bytes) -> str:
    """One header, decoded, without parsing the mail."""
    head = b"\r\n" + content[: content.find(b"\r\n\r\n")]
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return ""
    line = head[at + len(name) + 3 :]
    end = 0
    while True:  # folded lines belong to it
        end = line.find(b"\r\n", end)
        if end < 0 or line[end + 2 : end + 3] not in (b" ", b"\t"):
            break
        end += 2
    text = line[: end if end >= 0 else None].replace(b"\r\n", b"").decode("utf-8", "replace").strip()
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def serve(handler: Handler, host: str, port: int) -> Any:
    """The server, to be awaited in the running loop."""
    loop = asyncio.get_running_loop()
    return loop.create_server(
        lambda: FastSMTP(handler, hostname="catcher", data_size_limit=_LONGEST, command_call_limit=None, loop=loop),
        host=host,
        port=port,
    )
