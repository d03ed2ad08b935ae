"""E-mail over SMTP, by one connection or several that stay open while there is something to send."""

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from campaigns.channels import return_path
from campaigns.channels.base import Channel, Envelope, Receipt, Session, Status
from campaigns.channels.hiding import told
from campaigns.channels.mime import Letterhead, address
from campaigns.channels.reading import SettingError, Values
from campaigns.channels.smtp import Line, Lost, Mail, Refused, Server, connect

DEFAULT_PORTS = {"none": 25, "starttls": 587, "ssl": 465}
SCHEMES = {"smtp": "none", "smtp+tls": "starttls", "smtps": "ssl", "smtp+ssl": "ssl"}
_END = None


class EmailChannel(Channel):
    """Mails through an SMTP server. Settings: docs/channels.md."""

    code: ClassVar[str] = "email"

    def __init__(
        self, server: Server, letterhead: Letterhead, bounces: str = "", connections: int = 1, secret: str = ""
    ) -> None:
        self.server = server
        self.connections = connections
        self._letterhead = letterhead
        self._bounces = bounces
        self._secret = secret

    @classmethod
    def from_settings(
        cls, params: Mapping[str, Any], sender: str, reply_to: str, environ: Mapping[str, str]
    ) -> "EmailChannel":
        values = Values(params, environ)
        values.choice("provider", "smtp", ("smtp",))
        letterhead = _letterhead(values, sender, reply_to, environ)
        server = _server(values, letterhead.domain)
        bounces = values.text("bounce_address")
        connections = values.whole("connections", 1, 1, 20)
        values.nothing_else()
        try:
            bounces = address(bounces) if bounces else ""
        except ValueError:
            raise SettingError("bounce_address", _("must be an e-mail address.")) from None
        return cls(server, letterhead, bounces, connections, environ.get("SECRET_KEY", ""))

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Connect once; what the server refuses to a login becomes FAILED receipts."""
        lines = [Line(self.server) for _number in range(self.connections)]
        try:
            lines[0].open()
        except Refused:
            pass  # remembered by the line: every mail gets it as its answer
        except Lost as loss:
            raise ConnectionError(str(loss)) from None
        session = EmailSession(lines, self._mail)
        try:
            yield session
        finally:
            session.close()

    def check(self) -> str:
        place = f"{self.server.host}:{self.server.port}"
        try:
            smtp = connect(self.server)
        except Refused as refusal:
            return _("%(place)s answers, but does not let us in: %(words)s") % {"place": place, "words": refusal}
        except Lost as loss:
            return _("%(place)s cannot be reached: %(words)s") % {"place": place, "words": loss}
        smtp.close()
        return ""

    def _mail(self, envelope: Envelope) -> Mail:
        """ValueError in words fit for a receipt when the mail cannot be written."""
        to = address(envelope.to)
        back = self._return_path(envelope)
        body = self._letterhead.write(envelope, to)
        return Mail(
            envelope.message_id,
            self._letterhead.message_id(envelope),
            (f"MAIL FROM:<{back}>\r\n".encode(), f"RCPT TO:<{to}>\r\n".encode(), b"DATA\r\n"),
            body + b".\r\n",
            envelope,
        )

    def _return_path(self, envelope: Envelope) -> str:
        """The envelope's own; else one of the bounce mailbox that names the message; else the sender's address."""
        if envelope.return_path:
            return address(envelope.return_path)
        if self._bounces:
            return return_path.written(self._bounces, envelope.message_id, self._secret)
        return self._letterhead.address


class EmailSession(Session):
    """The open connections. With several, each has a thread; the envelopes are taken by the caller's."""

    def __init__(self, lines: list[Line], write: Any) -> None:
        self._lines = lines
        self._write = write

    def send(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        unwritable: list[Receipt] = []
        mails = self._mails(envelopes, unwritable)
        receipts = self._lines[0].send(mails) if len(self._lines) == 1 else self._by_many(mails)
        for receipt in receipts:
            yield receipt
            while unwritable:
                yield unwritable.pop()
        yield from unwritable

    def close(self) -> None:
        for line in self._lines:
            line.close()

    def _mails(self, envelopes: Iterable[Envelope], unwritable: list[Receipt]) -> Iterator[Mail]:
        for envelope in envelopes:
            try:
                mail = self._write(envelope)
            except ValueError as error:
                unwritable.append(Receipt(envelope.message_id, Status.REFUSED, error=told(str(error), envelope)))
            else:
                yield mail

    def _by_many(self, mails: Iterator[Mail]) -> Iterator[Receipt]:
        work: queue.Queue[Mail | None] = queue.Queue(maxsize=2 * len(self._lines))
        done: queue.SimpleQueue[Receipt | None] = queue.SimpleQueue()

        def run(line: Line) -> None:
            try:
                for receipt in line.send(iter(work.get, _END)):
                    done.put(receipt)
            finally:
                done.put(_END)

        threads = [threading.Thread(target=run, args=(line,), daemon=True) for line in self._lines]
        for thread in threads:
            thread.start()
        try:
            for mail in mails:
                work.put(mail)
                while not done.empty():
                    if (receipt := done.get()) is not _END:
                        yield receipt
        finally:
            for _thread in threads:
                work.put(_END)
        left = len(threads)
        while left:
            receipt = done.get()
            if receipt is _END:
                left -= 1
            else:
                yield receipt


def _letterhead(values: Values, sender: str, reply_to: str, environ: Mapping[str, str]) -> Letterhead:
    headers = values.table("headers")
    secret = environ.get("SECRET_KEY", "").encode()
    if not sender.strip():
        raise SettingError("sender", _("is empty: who are the mails from?"))
    for name, given in (("sender", sender), ("reply_to", reply_to)):
        try:
            if given:
                Letterhead(given, "", {}, secret)
        except ValueError:
            raise SettingError(name, _("must be an e-mail address, with a name before it or without.")) from None
    try:
        return Letterhead(sender, reply_to, headers, secret)
    except ValueError as error:
        raise SettingError("headers", str(error)) from None


def _server(values: Values, domain: str) -> Server:
    """From the settings, or from the address in the environment: smtp+tls://user:password@host:587."""
    url_variable, host = values.text("url_env", "EMAIL_URL"), values.text("host")
    url = "" if host else values.variable("url_env", "EMAIL_URL")
    given = _from_url(url, url_variable) if url else {}
    tls = values.choice("tls", given.get("tls", "none"), tuple(DEFAULT_PORTS))
    user = values.text("user", given.get("user", ""))
    password_variable = values.text("password_env", "EMAIL_PASSWORD")
    port = values.whole("port", int(given.get("port") or DEFAULT_PORTS[tls]), 1, 65535)
    if not host and not given:
        raise SettingError("host", _("is empty, and %(name)s is not set in the environment.") % {"name": url_variable})
    password = given.get("password", "")
    if user and not password:
        password = values.environment(password_variable, "password_env")
    return Server(
        host=host or given["host"],
        port=port,
        tls=tls,
        user=user,
        password=password,
        timeout=values.number("timeout", 60, 1, 600),
        helo=values.text("helo", domain),
        verify=values.flag("verify", True),
        per_connection=values.whole("per_connection", 0, 0, 1_000_000),
    )


def _from_url(url: str, variable: str) -> dict[str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise SettingError(
            variable, _("must look like smtp+tls://user:password@host:587; %(schemes)s are known.")
            % {"schemes": ", ".join(SCHEMES)},
        )  # fmt: skip
    return {
        "host": parts.hostname,
        "port": str(port or ""),
        "tls": SCHEMES[parts.scheme],
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
