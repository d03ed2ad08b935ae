"""An SMS gateway that fails, times out, throttles and repeats, as the number asks of it (its last two digits)."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from campaigns.channels.sms import SmsChannel
from tests.campaigns.channel_contract import SECRET, Fate, Peer

ENDS = {
    Fate.TAKEN: "00", Fate.NOBODY: "01", Fate.REFUSED: "02", Fate.LATER: "03", Fate.THROTTLED: "04",
    Fate.FAILS: "05", Fate.SILENT: "06",
}  # fmt: skip
SLOW, BROKEN, GARBAGE, ODD, TEAPOT, MOVED = "07", "08", "09", "10", "11", "12"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.taken: Counter[str] = Counter()
        self.asked: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.connections = 0


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("application/json"):
            asked = orjson.loads(body) if body else {}
        else:
            asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self._serve(asked)

    def do_GET(self) -> None:
        self._serve({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def _serve(self, asked: dict[str, Any]) -> None:
        with self.server.lock:
            self.server.asked.append({**asked, "path": self.path, "authorization": self.headers.get("Authorization")})
        if self.path.startswith("/check"):
            good = asked.get("token") == SECRET
            self._answer(200, {"state": "ok"} if good else {"error": {"code": "login", "words": f"bad {SECRET}"}})
            return
        to = str(asked.get("to") or "")
        answer = _ANSWERS.get(to[-2:])
        if answer is not None:
            self._answer(*answer(to, str(asked.get("text"))))
            return
        self._take(to, asked)

    def _take(self, to: str, asked: dict[str, Any]) -> None:
        with self.server.lock:
            self.server.taken[to] += 1
        if to.endswith(ENDS[Fate.SILENT]):
            self.close_connection = True
            return
        if to.endswith(SLOW):
            time.sleep(2.5)
        if to.endswith(GARBAGE):
            self._answer(200, b"<html>Internal error, but HTTP 200</html>")
            return
        self._answer(200, {"result": {"state": "ok", "id": f"id-{asked.get('key')}", "parts": 2}})

    def _answer(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the other side did not wait
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _error(status: int, code: str) -> Any:
    # As real ones do, it repeats what it was asked.
    return lambda to, text: (status, {"error": {"code": code, "words": f"{code}: {to} {text} {SECRET}"}})


_ANSWERS: dict[str, Any] = {
    ENDS[Fate.NOBODY]: _error(200, "no_number"),
    ENDS[Fate.REFUSED]: _error(400, "stop_word"),
    ENDS[Fate.LATER]: _error(200, "queue"),
    ENDS[Fate.THROTTLED]: lambda to, text: (429, {}, {"Retry-After": "7"}),
    ENDS[Fate.FAILS]: _error(401, "login"),
    BROKEN: lambda to, text: (503, b"down"),
    ODD: _error(200, "something new"),
    TEAPOT: _error(422, "strange"),
    MOVED: lambda to, text: (302, b"", {"Location": "http://127.0.0.1:9/"}),
}


class HttpPeer(Peer):
    """The gateway on a free port."""

    can = frozenset(Fate)

    def __init__(self) -> None:
        self.server = _Server(0)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def channel(self, **params: Any) -> SmsChannel:
        environ = params.pop("environ", {"GATE_TOKEN": SECRET})
        given = {
            "url": f"{self.url}/send", "format": "json", "timeout": 1, "connect_timeout": 1,
            "fields": {"to": "{to}", "text": "{text}", "from": "{sender}", "key": "{key}"},
            "headers": {"Authorization": "Bearer {token}"}, "secrets": {"token": "GATE_TOKEN"},
            "success_path": "result.state", "success_value": "ok", "id_path": "result.id", "parts_path": "result.parts",
            "error_paths": ["error.code"], "bounced": ["no_number"], "refused": ["stop_word"], "postponed": ["queue"],
            "failed": ["login"], "check_url": f"{self.url}/check", "check_fields": {"token": "{token}"},
            "check_path": "state", "check_value": "ok", **params,
        }  # fmt: skip
        return SmsChannel.from_settings(given, "CLINIC", "", environ)

    def address(self, number: int, fate: Fate) -> str:
        return f"+7916{number:05d}{ENDS[fate]}"

    def received(self) -> Counter[str]:
        return Counter(self.server.taken)

    def wrong_settings(self) -> list[tuple[dict[str, Any], str]]:
        return [
            ({"url": "not an address"}, "url"), ({"url": ""}, "url"), ({"format": "xml"}, "format"),
            ({"method": "BREW"}, "method"), ({"timeout": "long"}, "timeout"), ({"connections": 0}, "connections"),
            ({"fields": {"to": "{to}"}}, "fields"), ({"fields": {"text": "{text}"}}, "fields"),
            ({"fields": {"to": "{to}", "text": "{text} {nme}"}}, "nme"), ({"environ": {}}, "GATE_TOKEN"),
            ({"headers": {"X-To": "{to}"}}, "headers"), ({"headers": {"X": "a\r\nb"}}, "headers"),
            ({"sucess_path": "x"}, "sucess_path"), ({"refused": ["queue"]}, "postponed"),
            ({"preset": "smsrus"}, "preset"),
            ({"server_error": "accepted"}, "server_error"), ({"error_paths": "x"}, "error_paths"),
            ({"idempotent": "yes"}, "idempotent"), ({"check_fields": {"a": "{b}"}}, "check_fields"),
        ]  # fmt: skip

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()
