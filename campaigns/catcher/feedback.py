"""What the world outside would send back: delivery reports, complaints, bounces that come later.

Posted to our own hooks over HTTP and signed like a provider's, so that the whole loop runs on one machine.
"""

import logging
import queue
import threading
import time
import uuid
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import orjson
import urllib3

from campaigns import hook_signature
from campaigns.catcher.storage import Caught

_AFTER = 1.0  # seconds between the acceptance and the report
_BATCH = 200
_RETRIES = 5
log = logging.getLogger(__name__)


class Feedback:
    """A thread that posts. Without an address to post to it forgets everything at once."""

    def __init__(self, portal: str, secret: str) -> None:
        self._portal = portal.rstrip("/")
        self._secret = secret
        self._queue: queue.SimpleQueue[tuple[float, str, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="feedback")
        self._stopping = threading.Event()
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=20), retries=False)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What has not been posted yet is posted at once, and once."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def report(self, provider_id: str, message_id: int | None, status: str, permanent: bool = False) -> None:
        """A delivery report of an SMS."""
        event = {
            "id": uuid.uuid4().hex, "message": provider_id, "status": status, "permanent": permanent,
            "at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        self._put("sms", orjson.dumps(event))

    def complain(self, caught: Caught, back: str) -> None:
        """RFC 5965, as a mail service sends it when a reader presses "spam"."""
        self._put("mail", _complaint(caught, back))

    def bounce(self, caught: Caught, back: str) -> None:
        """RFC 3464, as a server sends it that took the mail first."""
        self._put("mail", _bounce(caught, back))

    def _put(self, kind: str, body: bytes) -> None:
        if self._portal:
            self._queue.put((time.monotonic() + _AFTER, kind, body))

    def _run(self) -> None:
        stopping = False
        while not stopping:
            taken = self._queue.get()
            reports: list[bytes] = []
            while taken is not None:
                due, kind, body = taken
                if kind == "sms":
                    reports.append(body)
                else:
                    self._wait(due)
                    self._post("/hooks/mail/", body, "message/rfc822")
                if len(reports) >= _BATCH or self._queue.empty():
                    break
                taken = self._queue.get()
            stopping = taken is None
            if reports:
                self._wait(due)
                self._post("/hooks/sms/", b'{"events":[' + b",".join(reports) + b"]}", "application/json")

    def _wait(self, until: float) -> None:
        self._stopping.wait(max(until - time.monotonic(), 0))

    def _post(self, path: str, body: bytes, kind: str) -> None:
        """A provider repeats what was not thanked for, a few times."""
        for attempt in range(_RETRIES):
            signature = hook_signature.sign(body, self._secret, int(time.time()))
            headers = {"Content-Type": kind, hook_signature.HEADER: signature}
            try:
                status = self._pool.request("POST", self._portal + path, body=body, headers=headers).status
            except (urllib3.exceptions.HTTPError, OSError):
                status = 0
            if 200 <= status < 300:
                return
            if 400 <= status < 500:
                log.warning("the portal refused a report: HTTP %s", status)
                return
            if self._stopping.wait(0.5 * 2**attempt):
                break
        log.warning("the portal does not take reports")


def _complaint(caught: Caught, back: str) -> bytes:
    fields = (
        "Feedback-Type: abuse\r\nUser-Agent: Catcher/1\r\nVersion: 1\r\n"
        f"Original-Mail-From: <{back}>\r\nArrival-Date: {format_datetime(datetime.now(UTC))}\r\n"
    )
    return _report("feedback-report", back, "A reader pressed the spam button.", fields, caught)


def _bounce(caught: Caught, back: str) -> bytes:
    fields = (
        f"Reporting-MTA: dns; catcher\r\n\r\nFinal-Recipient: rfc822; {caught.to}\r\nAction: failed\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 The mailbox does not exist\r\n"
    )
    return _report("delivery-status", back, "The mail could not be delivered.", fields, caught)


def _report(kind: str, to: str, words: str, fields: str, caught: Caught) -> bytes:
    boundary = f"=_{uuid.uuid4().hex}"
    head = EmailMessage()
    head["From"], head["To"] = "Mail Delivery System <mailer-daemon@catcher.invalid>", to
    head["Subject"] = words
    head["Message-ID"] = f"<{uuid.uuid4().hex}@catcher.invalid>"
    head["Auto-Submitted"] = "auto-replied"
    head["MIME-Version"] = "1.0"
    lines = head.as_bytes().rstrip(b"\n").replace(b"\n", b"\r\n")
    original = caught.raw[: caught.raw.find(b"\r\n\r\n") + 2]
    return (
        lines
        + f'\r\nContent-Type: multipart/report; report-type={kind}; boundary="{boundary}"\r\n\r\n'.encode()
        + f"--{boundary}\r\nContent-Type: text/plain\r\n\r\n{words}\r\n".encode()
        + f"--{boundary}\r\nContent-Type: message/{kind}\r\n\r\n{fields}\r\n".encode()
        + f"--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n".encode()
        + original
        + f"\r\n--{boundary}--\r\n".encode()
    )
