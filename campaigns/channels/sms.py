"""SMS through an HTTP gateway described by settings (docs/channels.md), several requests at a time."""

import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import urllib3
from django.utils.translation import gettext as _
from urllib3 import exceptions

from campaigns.channels.base import Channel, Envelope, Receipt, Session, Status
from campaigns.channels.hiding import told
from campaigns.channels.reading import SettingError, Values
from campaigns.channels.sms_gateway import Gateway, Request, read_gateway, seconds_to_wait
from campaigns.channels.sms_presets import PRESETS
from campaigns.rendering.sms import parts

_NUMBER = re.compile(r"\+?[1-9]\d{9,14}")
_MOST = 64 * 1024  # bytes of an answer that are read
_NOT_ALLOWED = {401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 451}  # the settings or the account, not this message
_TRIES, _REST = 3, 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `words` is None when it is no JSON."""

    status: int
    headers: Mapping[str, str]
    words: Any


class SmsChannel(Channel):
    """Text messages, one HTTP request each."""

    code: ClassVar[str] = "sms"

    def __init__(self, gateway: Gateway, connections: int, connect_timeout: float, timeout: float) -> None:
        self.gateway = gateway
        self.connections = connections
        self._timeout = urllib3.Timeout(connect=connect_timeout, read=timeout)

    @classmethod
    def from_settings(
        cls, params: Mapping[str, Any], sender: str, reply_to: str, environ: Mapping[str, str]
    ) -> "SmsChannel":
        preset = str(params.get("preset") or "")
        if preset and preset not in PRESETS:
            raise SettingError("preset", _("must be one of: %(values)s.") % {"values": ", ".join(PRESETS)})
        values = Values({**PRESETS.get(preset, {}), **params}, environ)
        values.text("preset")
        gateway = read_gateway(values, sender)
        channel = cls(
            gateway,
            values.whole("connections", 4, 1, 50),
            values.number("connect_timeout", 5, 0.1, 60),
            values.number("timeout", 20, 0.1, 300),
        )
        values.nothing_else()
        return channel

    @contextmanager
    def open(self) -> Iterator[Session]:
        """A pool of connections. Nothing is connected before there is a message: HTTP has no login to try."""
        with self._pool() as pool, ThreadPoolExecutor(self.connections) as threads:
            yield SmsSession(self.gateway, pool, threads, 2 * self.connections)

    def check(self) -> str:
        request = self.gateway.check_request()
        with self._pool() as pool:
            try:
                if request is None:  # only whether somebody is there
                    pool.request("HEAD", self.gateway.url, retries=False, redirect=False)
                    return ""
                answer = _ask(pool, request)
            except (exceptions.HTTPError, OSError) as error:
                return _("The gateway cannot be reached: %(words)s") % {"words": _kind(error)}
        if answer.status >= 400:
            return _("The gateway refuses us: HTTP %(code)d.") % {"code": answer.status}
        if self.gateway.succeeded(answer.words, self.gateway.check.path, self.gateway.check.value):
            return ""
        code = self.gateway.error_code(answer.words)
        return _("The gateway refuses us: %(words)s") % {"words": told(code, secrets=self.gateway.secrets.values())}

    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(
            num_pools=2, maxsize=self.connections, block=True, timeout=self._timeout, retries=False
        )


class SmsSession(Session):
    """At most `window` messages are in the air; receipts come as the answers do."""

    def __init__(self, gateway: Gateway, pool: urllib3.PoolManager, threads: ThreadPoolExecutor, window: int) -> None:
        self._gateway = gateway
        self._pool = pool
        self._threads = threads
        self._window = window
        self._lock = threading.Lock()
        self._failures = 0
        self._rest_until = 0.0

    def send(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        air: deque[Future[Receipt]] = deque()
        for envelope in envelopes:
            air.append(self._threads.submit(self._send, envelope))
            while len(air) >= self._window:
                yield air.popleft().result()
        while air:
            yield air.popleft().result()

    def _send(self, envelope: Envelope) -> Receipt:
        if not _NUMBER.fullmatch(envelope.to):
            return Receipt(envelope.message_id, Status.REFUSED, error=_("not a telephone number"))
        rest = self._rest_until - time.monotonic()
        if rest > 0:
            return Receipt(
                envelope.message_id, Status.POSTPONED, error=_("the gateway does not answer"), retry_after=rest
            )
        try:
            return self._judged(envelope, _ask(self._pool, self._gateway.request(envelope)))
        except exceptions.SSLError:
            return Receipt(envelope.message_id, Status.FAILED, error=_("the gateway's certificate is not valid"))
        except (exceptions.NewConnectionError, exceptions.ConnectTimeoutError) as error:
            self._note_failure()
            return Receipt(envelope.message_id, Status.POSTPONED, error=_kind(error))
        except (exceptions.HTTPError, OSError) as error:
            return self._lost(envelope, _kind(error))

    def _judged(self, envelope: Envelope, answer: Answer) -> Receipt:
        self._failures = 0
        code = self._gateway.error_code(answer.words, envelope)
        error = f"HTTP {answer.status}" + (f", {code}" if code else "")
        if answer.status < 300:
            return self._understood(envelope, answer.words, code)
        if answer.status == 429:
            wait = seconds_to_wait(answer.headers.get(self._gateway.retry_after_header), time.time())
            return Receipt(envelope.message_id, Status.POSTPONED, error="HTTP 429", retry_after=wait)
        if code in self._gateway.codes:  # the provider says what it means
            return self._refusal(envelope, code, error)
        if answer.status >= 500 or answer.status == 408:
            return self._lost(envelope, error)
        failed = answer.status < 400 or answer.status in _NOT_ALLOWED
        return self._receipt(envelope, Status.FAILED if failed else Status.REFUSED, error)

    def _understood(self, envelope: Envelope, words: Any, code: str) -> Receipt:
        gateway = self._gateway
        if words is None and (gateway.success_path or gateway.id_path):
            return self._lost(envelope, _("the answer cannot be read"))
        if not gateway.succeeded(words, gateway.success_path, gateway.success_value, envelope):
            return self._refusal(envelope, code, code or _("the gateway refused without a code"))
        counted = gateway.found(words, gateway.parts_path, envelope)
        return Receipt(
            envelope.message_id,
            Status.ACCEPTED,
            provider_id=gateway.found(words, gateway.id_path, envelope)[:120],
            parts=int(counted) if counted.isdigit() and 0 < int(counted) < 100 else max(parts(envelope.text).parts, 1),
        )

    def _refusal(self, envelope: Envelope, code: str, error: str) -> Receipt:
        status, bounce = self._gateway.codes.get(code, (Status.FAILED, False))
        return self._receipt(envelope, status, error, bounce=bounce)

    def _lost(self, envelope: Envelope, error: str) -> Receipt:
        """It may have been sent, unless the same key may be sent twice without harm."""
        return self._receipt(envelope, self._gateway.server_error, error)

    def _receipt(self, envelope: Envelope, status: Status, error: str, *, bounce: bool = False) -> Receipt:
        hidden = told(error, envelope, self._gateway.secrets.values())
        return Receipt(envelope.message_id, status, error=hidden, bounce=bounce)

    def _note_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= _TRIES:
                self._rest_until = time.monotonic() + _REST
                self._failures = 0


def _ask(pool: urllib3.PoolManager, request: Request) -> Answer:
    response = pool.request(
        request.method, request.url, body=request.body, headers=request.headers, redirect=False, preload_content=False
    )
    try:
        body = response.read(_MOST)
        if response.length_remaining:  # whatever that page is, it is no answer of a gateway
            response.close()
    finally:
        response.release_conn()
    try:
        words = orjson.loads(body)
    except ValueError:
        words = None
    return Answer(response.status, response.headers, words)


def _kind(error: Exception) -> str:
    """What happened, without the address: urllib3's own words hold it, and in it may stand a key."""
    if isinstance(error, exceptions.NewConnectionError):
        return _("no connection")
    if isinstance(error, exceptions.TimeoutError):
        return _("no answer in time")
    if isinstance(error, exceptions.SSLError | ssl.SSLError):
        return _("the certificate is not valid")
    return _("the connection was lost")
