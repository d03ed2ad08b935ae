"""What gateways post about the fate of an SMS, and how one knows that it comes from them. No database here.

- `signed`: ours, for the catcher and for whoever can be told a format (docs/channels.md): JSON, HMAC in a header.
- `smsru`: form fields data[n] = "sms_status\\n<id>\\n<status>\\n<unix time>", hash = sha256(api_id + all of data).
- `smsc`: form fields id, phone, status, time, err; sha1 or md5 of "id:phone:status:<secret>".
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils.dateparse import parse_datetime

from campaigns import hook_signature
from campaigns.models import MessageEvent

Kind = MessageEvent.Kind
MOST = 10_000  # reports in one request
LONGEST_ID = 120  # Message.provider_id
_FIRST_YEAR = 2000  # a time before it is a mistake, and too early a one cannot be stored
_KINDS = {"delivered": Kind.DELIVERED, "undelivered": Kind.BOUNCED, "deferred": Kind.DEFERRED}
_SMSRU_LOST = {"104", "105", "106", "107", "108", "150"}
_SMSC_LOST = {"3", "20", "22", "23", "24", "25"}


class WrongSignature(Exception):
    """Whoever posted this does not know the secret."""


class Unreadable(ValueError):
    """What is wrong with the body, field by field: {"events.3.status": ["…"]}."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("unreadable")
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message. `permanent`: nobody will ever be reached there."""

    event_id: str
    provider_id: str
    kind: str
    at: datetime
    code: str = ""
    permanent: bool = False


def signed(body: bytes, signature: str, secret: str, now: datetime) -> list[Report]:
    """`{"events": [{"id", "message", "status", "at", "code", "permanent"}]}`."""
    if not hook_signature.is_good(signature, body, secret, int(now.timestamp())):
        raise WrongSignature
    try:
        posted = orjson.loads(body)
    except ValueError:
        raise Unreadable({"body": ["is no JSON"]}) from None
    events = posted.get("events") if isinstance(posted, dict) else None
    if not isinstance(events, list) or len(events) > MOST:
        raise Unreadable({"events": [f"must be a list of at most {MOST} events"]})
    errors: dict[str, list[str]] = {}
    reports = [_read(event, f"events.{number}", errors) for number, event in enumerate(events)]
    if errors:
        raise Unreadable(errors)
    return [report for report in reports if report is not None]


def _read(event: Any, place: str, errors: dict[str, list[str]]) -> Report | None:
    if not isinstance(event, dict):
        errors[place] = ["must be an object"]
        return None
    at = _moment(event.get("at"))
    kind = _KINDS.get(str(event.get("status")))
    texts = {name: str(event.get(name) or "").strip() for name in ("id", "message")}
    for name, most in (("id", 100), ("message", LONGEST_ID)):
        if not texts[name] or len(texts[name]) > most or "\x00" in texts[name]:
            errors[f"{place}.{name}"] = [f"must be text of 1 to {most} characters"]
    if kind is None:
        errors[f"{place}.status"] = [f"must be one of: {', '.join(_KINDS)}"]
    if at is None:
        errors[f"{place}.at"] = ["must be a time with its zone: 2026-01-31T12:00:00+03:00"]
    if kind is None or at is None:
        return None
    code = "".join(filter(str.isprintable, str(event.get("code") or "")))[:40]
    return Report(f"sms:{texts['id']}", texts["message"], kind, at, code, event.get("permanent") is True)


def _moment(value: Any) -> datetime | None:
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None and at.year >= _FIRST_YEAR else None


def smsru(form: Mapping[str, str], api_id: str, now: datetime) -> list[Report]:
    """https://sms.ru/api: "callback"."""
    entries = [value for name, value in sorted(form.items(), key=_place) if name.startswith("data[")]
    expected = hashlib.sha256((api_id + "".join(entries)).encode()).hexdigest()
    if not api_id or not hmac.compare_digest(expected.encode(), form.get("hash", "").encode()):
        raise WrongSignature
    return list(_smsru(entries, now))


def _place(field: tuple[str, str]) -> int:
    number = field[0].removeprefix("data[").removesuffix("]")
    return _whole(number)


def _smsru(entries: list[str], now: datetime) -> Iterator[Report]:
    for entry in entries:
        word, number, status, when, *_rest = [*entry.split("\n"), "", "", "", ""]
        kind = Kind.DELIVERED if status in ("103", "110") else Kind.BOUNCED if status in _SMSRU_LOST else None
        if word == "sms_status" and _is_id(number) and kind:
            yield Report(f"smsru:{number}:{status}", number, kind, _unix(when, now), status)


def smsc(form: Mapping[str, str], secret: str, now: datetime) -> list[Report]:
    """https://smsc.ru/api/http/miscellaneous/callback/"""
    number, status = form.get("id", ""), form.get("status", "")
    text = f"{number}:{form.get('phone', '')}:{status}:{secret}".encode()
    sums = (("sha1", hashlib.sha1(text)), ("md5", hashlib.md5(text)))
    given = [(form[name], made.hexdigest()) for name, made in sums if form.get(name)]
    if not secret or not given or not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in given):
        raise WrongSignature
    kind = Kind.DELIVERED if status in ("1", "2") else Kind.BOUNCED if status in _SMSC_LOST else None
    if not _is_id(number) or kind is None:
        return []
    gone = status == "22" or (kind == Kind.BOUNCED and form.get("err") == "1")
    code = status + (f"/{form['err']}" if form.get("err") else "")
    return [Report(f"smsc:{number}:{status}", number, kind, _unix(form.get("ts", ""), now), code[:40], gone)]


def _is_id(text: str) -> bool:
    """Whether a message of ours may have it; what a gateway never gives out is about nothing."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


def _unix(text: str, now: datetime) -> datetime:
    """The time given, unless it is none or lies in the future."""
    seconds = _whole(text.strip())
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= now.timestamp() else now


def _whole(text: str) -> int:
    """A short whole number, 0 for anything else: not all that Python calls digits is one, and not of any length."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
