"""The SMS half: an HTTP gateway like those of aggregators, which keeps every message for itself."""

import contextlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import orjson

from campaigns.catcher.feedback import Feedback
from campaigns.catcher.storage import Caught, Store
from campaigns.catcher.trials import Trial, of_number
from campaigns.rendering.sms import parts

PATH = "/sms"
_LONGEST = 64 * 1024
_REMEMBERED = 10_000  # keys, of which a repetition gets the answer of the first time


class Gateway(ThreadingHTTPServer):
    """Answers `POST /sms` with `{"to", "text", "sender", "key", "message"}`; a known key is not taken twice."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, store: Store, feedback: Feedback, host: str, port: int) -> None:
        super().__init__((host, port), _Request)
        self.store = store
        self.feedback = feedback
        self.answered: dict[str, dict[str, Any]] = {}

    def take(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any], Trial | None]:
        """Status, answer, and the trial when one was asked for."""
        to, text, key = (str(asked.get(name) or "") for name in ("to", "text", "key"))
        if not to or not text:
            return 400, {"status": "refused", "code": "empty"}, None
        if key and key in self.answered:
            return 200, self.answered[key], None
        trial = of_number(to)
        if trial == Trial.NOBODY:
            return 200, {"status": "refused", "code": "no_such_number"}, trial
        if trial == Trial.POLICY:
            return 200, {"status": "refused", "code": "blocked"}, trial
        if trial == Trial.LATER:
            return 429, {"status": "refused", "code": "busy"}, trial
        provider_id = uuid4().hex
        answer = {"status": "accepted", "id": provider_id, "parts": parts(text).parts}
        number = str(asked.get("message") or "")
        message_id = int(number) if number.isdigit() else None
        self.store.put(Caught("sms", to, str(asked.get("sender") or ""), text.encode(), message_id))
        delivered = trial != Trial.GONE
        self.feedback.report(
            provider_id, message_id, "delivered" if delivered else "undelivered", permanent=not delivered
        )
        if key:
            self._remember(key, answer)
        return 200, answer, trial

    def _remember(self, key: str, answer: dict[str, Any]) -> None:
        self.answered[key] = answer
        if len(self.answered) > _REMEMBERED:
            with contextlib.suppress(StopIteration, KeyError, RuntimeError):
                del self.answered[next(iter(self.answered))]


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway
    disable_nagle_algorithm = True
    wbufsize = -1  # the whole answer in one packet

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != PATH or length > _LONGEST:
            self.close_connection = True
            self._answer(404 if self.path != PATH else 413, {"status": "refused", "code": "not_here"})
            return
        try:
            asked = orjson.loads(self.rfile.read(length))
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            self._answer(400, {"status": "refused", "code": "not_json"})
            return
        status, answer, trial = self.server.take(asked)
        if trial == Trial.SILENT:
            self.close_connection = True
            return
        self._answer(status, answer)

    def do_HEAD(self) -> None:
        self._answer(204, None)

    def _answer(self, status: int, answer: dict[str, Any] | None) -> None:
        body = b"" if answer is None else orjson.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "30")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests hold telephone numbers."""
