"""One connection to an SMTP server: opened when needed, kept, opened again after a loss.

    closed ──connect──► idle ──offer──► offered ──hand over──► idle
      ▲  (back-off)      │                │ (the server awaits the body)
      └──────────────────┴────────────────┘  connection lost, 421

With PIPELINING (RFC 2920) the body of one mail and the commands of the next travel together: one round trip a mail.
What a loss means depends on how far the body got. Before its final dot was handed to the system the server cannot
have accepted it (POSTPONED); after it, it may have (UNKNOWN).
"""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from campaigns.channels import smtp_answers
from campaigns.channels.base import Envelope, Receipt, Status
from campaigns.channels.hiding import told

_PAUSES = (0.0, 0.5, 1.0)  # before each attempt to connect
_LONGEST_REST = 60.0
_DOT = b".\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and as whom."""

    host: str
    port: int
    tls: str = "none"  # "none", "starttls" or "ssl"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 60
    helo: str = "localhost"
    verify: bool = True
    per_connection: int = 0  # mails, after which the connection is opened anew; 0: no limit


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready for the wire."""

    message_id: int
    provider_id: str
    commands: tuple[bytes, bytes, bytes]  # MAIL, RCPT, DATA
    body: bytes  # with its final dot
    envelope: Envelope  # what must not be repeated from the server's words


class Refused(Exception):
    """The server does not let us in; trying again by itself makes no sense."""


class Lost(Exception):
    """The connection is gone, or was never there."""


def connect(server: Server) -> smtplib.SMTP:
    """An open connection, logged in. `Lost` when it may work later, `Refused` when a person has to do something."""
    try:
        return _connected(server)
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise Lost(_words(error, server)) from None
        raise Refused(_("login refused: %(words)s") % {"words": _words(error, server)}) from None
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(told(str(error))) from None
    except smtplib.SMTPResponseException as error:
        problem = Refused if 500 <= error.smtp_code < 600 else Lost
        raise problem(_words(error, server)) from None
    except ssl.SSLCertVerificationError as error:
        raise Refused(_("the server's certificate is not valid: %(words)s") % {"words": error.verify_message}) from None
    except OSError as error:
        raise Lost(told(error.strerror or str(error) or type(error).__name__)) from None


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context() if server.verify else ssl._create_unverified_context()
    smtp: smtplib.SMTP
    if server.tls == "ssl":
        smtp = smtplib.SMTP_SSL(timeout=server.timeout, local_hostname=server.helo, context=context)
    else:
        smtp = smtplib.SMTP(timeout=server.timeout, local_hostname=server.helo)
    # The name in the certificate: smtplib notes it only when its constructor connects.
    smtp._host = server.host  # type: ignore[attr-defined]
    try:
        code, words = smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


class Line:
    """A connection that comes back by itself, and the mails that go through it one after another."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None
        self._pipelining = False
        self._open_transaction = False
        self._mails = 0
        self._refusal = ""  # for the rest of the session: knocking on would only lock the account
        self._failures = 0
        self._rest_until = 0.0

    def open(self) -> None:
        """Connect now. `Lost` or `Refused` with the reason; a refusal is remembered."""
        try:
            self._smtp = connect(self._server)
        except Refused as refusal:
            self._refusal = str(refusal)
            raise
        self._pipelining = self._smtp.has_extn("pipelining")
        self._open_transaction, self._mails, self._failures = False, 0, 0

    def close(self) -> None:
        """Say goodbye when that can be done."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with contextlib.suppress(OSError):
                smtp.quit()
            smtp.close()

    def send(self, mails: Iterable[Mail]) -> Iterator[Receipt]:
        """One receipt for every mail, in their order."""
        awaited: Mail | None = None
        try:
            for mail in mails:
                if awaited is not None:
                    ahead = b"".join(mail.commands) if self._may_go_on() else b""
                    yield self._hand_over(awaited, ahead)
                    awaited = None
                    refused = self._offer(mail, written=bool(ahead))
                else:
                    refused = self._offer(mail)
                if refused is None:
                    awaited = mail
                else:
                    yield refused
            if awaited is not None:
                last, awaited = awaited, None
                yield self._hand_over(last)
        finally:
            if awaited is not None:  # the caller stopped listening: its body must not go out
                self._drop()

    # --- a mail's two halves ---------------------------------------------------------------------------------

    def _offer(self, mail: Mail, *, written: bool = False) -> Receipt | None:
        """Sender and recipient; None when the server awaits the body. A stale connection is replaced once."""
        words = ""
        for _attempt in range(2):
            if self._smtp is None:
                written = False
                try:
                    self._reconnect()
                except Refused as refusal:
                    return Receipt(mail.message_id, Status.FAILED, error=told(str(refusal), mail.envelope))
                except Lost as loss:
                    rest = max(self._rest_until - time.monotonic(), 0.0)
                    error = told(str(loss), mail.envelope)
                    return Receipt(mail.message_id, Status.POSTPONED, error=error, retry_after=rest)
            fresh = self._mails == 0
            try:
                return self._ask(mail, written)
            except Lost as loss:
                self._drop()
                words = str(loss)
                if fresh:
                    break
        return Receipt(mail.message_id, Status.POSTPONED, error=told(words, mail.envelope))

    def _ask(self, mail: Mail, written: bool) -> Receipt | None:
        # A body ends its transaction; a refused recipient leaves it open.
        commands = mail.commands if written or not self._open_transaction else (b"RSET\r\n", *mail.commands)
        if self._pipelining:
            if not written and not self._write_all(b"".join(commands)):
                raise Lost(_("the connection was lost"))
            replies = [self._read() for _command in commands]
        else:
            replies = []
            for command in commands:
                replies.append(self._command(command))
                if replies[-1][0] >= 400:
                    break
        return self._judged(mail, replies[len(commands) - len(mail.commands) :])

    def _judged(self, mail: Mail, replies: list[tuple[int, bytes]]) -> Receipt | None:
        for (code, words), stage in zip(replies, smtp_answers.STAGES, strict=False):
            if 200 <= code < 400:
                continue
            self._open_transaction = True
            self._mails += 1
            if len(replies) == len(mail.commands) and replies[-1][0] == 354:
                # RFC 2920, 3.1: a server may ask for the body of a mail without recipients.
                self._write_all(_DOT)
                self._read()
            return smtp_answers.receipt(mail, stage, code, words)
        self._open_transaction = False
        return None

    def _hand_over(self, mail: Mail, ahead: bytes = b"") -> Receipt:
        """The body, and with it the commands of the next mail."""
        written = self._write(mail.body + ahead)
        if written < len(mail.body):
            self._drop()
            return Receipt(mail.message_id, Status.POSTPONED, error=_("the connection was lost before the mail ended"))
        try:
            code, words = self._read(closing_is_loss=False)
        except Lost:
            self._drop()
            return Receipt(
                mail.message_id,
                Status.UNKNOWN,
                mail.provider_id,
                error=_("the server took the mail and did not answer"),
            )
        self._mails += 1
        if written < len(mail.body) + len(ahead) or code == 421:
            self._drop()
        elif self._server.per_connection and self._mails >= self._server.per_connection:
            self.close()
        if code < 400:
            return Receipt(mail.message_id, Status.ACCEPTED, mail.provider_id)
        return smtp_answers.receipt(mail, "body", code, words)

    # --- the connection --------------------------------------------------------------------------------------

    def _may_go_on(self) -> bool:
        """Whether the next mail's commands may travel with this body."""
        limit = self._server.per_connection
        return self._pipelining and not (limit and self._mails + 1 >= limit)

    def _reconnect(self) -> None:
        """Connect again, after pauses that grow; between them messages are postponed, not held up."""
        if self._refusal:
            raise Refused(self._refusal)
        if time.monotonic() < self._rest_until:
            raise Lost(_("the server does not answer"))
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                return self.open()
            except Lost as loss:
                words = str(loss)
        self._failures += 1
        self._rest_until = time.monotonic() + min(2.0**self._failures, _LONGEST_REST)
        raise Lost(words)

    def _command(self, command: bytes) -> tuple[int, bytes]:
        if not self._write_all(command):
            raise Lost(_("the connection was lost"))
        return self._read()

    def _write_all(self, data: bytes) -> bool:
        return self._write(data) == len(data)

    def _write(self, data: bytes) -> int:
        """How much of it the system took before the connection broke."""
        sock = self._smtp.sock if self._smtp else None
        written = 0
        rest = memoryview(data)
        while sock is not None and rest:
            try:
                taken = sock.send(rest)
            except OSError:
                break
            written += taken
            rest = rest[taken:]
        return written

    def _read(self, *, closing_is_loss: bool = True) -> tuple[int, bytes]:
        if self._smtp is None:
            raise Lost(_("the connection was lost"))
        try:
            code, words = self._smtp.getreply()
        except (OSError, ValueError):  # smtplib's own errors are OSErrors
            raise Lost(_("the connection was lost")) from None
        if code < 200 or (code == 421 and closing_is_loss):
            raise Lost(f"{code} {told(words)}")
        return code, words

    def _drop(self) -> None:
        """Without goodbyes: the server may wait for a body that will not come."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


def _words(error: smtplib.SMTPResponseException, server: Server) -> str:
    return told(f"{error.smtp_code} ".encode() + _bytes(error.smtp_error), secrets=(server.password, server.user))


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()
