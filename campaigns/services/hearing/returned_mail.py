"""Reading what comes back to the bounce mailbox: delivery reports, complaints, and letters that are neither.

Delivery status notifications (RFC 3464), feedback reports (RFC 5965), and the plain words of servers that write neither
(qmail, old Exim). Nothing is believed that does not name a message of ours: by the signed return path it came to, or by
the Message-ID of the mail it returns. No database here.
"""

import email.policy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage, Message
from email.parser import BytesParser
from enum import StrEnum
from hashlib import blake2b

from campaigns.channels import return_path
from campaigns.channels.hiding import told
from campaigns.channels.smtp_answers import is_bounce

MOST = 1024 * 1024  # the report stands before the mail it returns
_MOST_PARTS = 200  # a report has three, and what it returns a few
_LONGEST_HEADER = 2_000  # reading one of a megabyte takes the e-mail package hours
_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "X-Failed-Recipients", "Original-Recipient")
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"\b([45]\d\d)[ -]#?((?:[45]\.\d{1,3}\.\d{1,3}\b)?[^\r\n]*)")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,118}>")
_COMPLAINTS = {"abuse", "fraud", "virus", "other", "opt-out"}
_MACHINES = re.compile(r"mailer-daemon|postmaster|mail delivery|mail-daemon", re.IGNORECASE)
_HEADERS = HeaderRegistry()
_PARSER = BytesParser(
    policy=email.policy.default.clone(header_factory=lambda name, value: _HEADERS(name, value[:_LONGEST_HEADER]))
)


class What(StrEnum):
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Returned:
    """What a returned mail says about a message: known by its number, or by the Message-ID it was sent with."""

    what: What
    event_id: str
    message_id: int | None
    sent_as: str
    permanent: bool = False
    status: str = ""
    words: str = ""


def read(raw: bytes, secrets: Iterable[str]) -> list[Returned]:
    """Everything the mail says about messages of ours; empty when it is an answer, an advertisement, an absence."""
    if raw.lower().count(b"content-type:") > _MOST_PARTS:
        return []
    try:
        mail = _PARSER.parsebytes(raw[:MOST].replace(b"\x00", b""))
        return _read(mail, raw, list(secrets))
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, IndexError):
        return []  # the e-mail package stumbles over some of what the world sends


def _read(mail: EmailMessage, raw: bytes, secrets: Sequence[str]) -> list[Returned]:
    parts = {part.get_content_type(): part for part in reversed(list(mail.walk()))}
    number, sent_as = _which(mail, parts, secrets)
    if number is None and not sent_as:
        return []
    event_id = f"mail:{blake2b(_identity(mail, raw), digest_size=16).hexdigest()}"
    if "message/feedback-report" in parts:
        return _complaint(parts["message/feedback-report"], event_id, number, sent_as)
    if "message/delivery-status" in parts:
        return _notified(parts["message/delivery-status"], event_id, number, sent_as)
    return _plain(mail, event_id, number, sent_as)


def _which(mail: EmailMessage, parts: dict[str, EmailMessage], secrets: Sequence[str]) -> tuple[int | None, str]:
    """The message it is about."""
    places = [str(value) for name in _TO for value in mail.get_all(name, [])]
    report = parts.get("message/feedback-report") or parts.get("message/delivery-status")
    original = parts.get("message/rfc822") or parts.get("text/rfc822-headers")
    inner = _text(original) if original is not None else ""
    places += [_text(report) if report is not None else "", inner[:20_000]]
    number = next((found for place in places if (found := return_path.message_of(place, secrets))), None)
    head = re.search(r"^Message-ID:\s*(<[^<>\s]{1,118}>)", inner, re.IGNORECASE | re.MULTILINE)
    sent_as = head[1] if head else ""
    if not sent_as and report is None:  # an answer names what it answers
        named = _MESSAGE_ID.search(str(mail.get("In-Reply-To", "")) or str(mail.get("References", "")))
        sent_as = named[0] if named else ""
    return number, sent_as


def _complaint(part: EmailMessage, event_id: str, number: int | None, sent_as: str) -> list[Returned]:
    kind = re.search(r"^Feedback-Type:\s*([\w-]+)", _text(part), re.IGNORECASE | re.MULTILINE)
    if kind is None or kind[1].lower() not in _COMPLAINTS:  # "not-spam", "auth-failure", "dmarc"
        return []
    return [Returned(What.COMPLAINED, event_id, number, sent_as, permanent=True, status=kind[1].lower())]


def _notified(part: EmailMessage, event_id: str, number: int | None, sent_as: str) -> list[Returned]:
    """A mail of ours has one recipient, so the first group of fields with an action is about it."""
    fields = _text(part)
    action = re.search(r"^Action:\s*(\w+)", fields, re.IGNORECASE | re.MULTILINE)
    status = re.search(r"^Status:\s*([245]\.\d{1,3}\.\d{1,3})", fields, re.IGNORECASE | re.MULTILINE)
    diagnostic = re.search(
        r"^Diagnostic-Code:\s*(?:[\w-]+;)?\s*(.*(?:\r?\n[ \t].*)*)", fields, re.IGNORECASE | re.MULTILINE
    )
    words = " ".join(diagnostic[1].split()) if diagnostic else ""
    code = status[1] if status else ""
    what = {
        "failed": What.BOUNCED, "delayed": What.DEFERRED, "delivered": What.DELIVERED, "relayed": What.DELIVERED,
    }.get(action[1].lower() if action else "")  # fmt: skip
    if what is None:
        return []
    permanent = what == What.BOUNCED and _is_permanent(code, words)
    return [Returned(what, event_id, number, sent_as, permanent, code, told(words))]


def _plain(mail: EmailMessage, event_id: str, number: int | None, sent_as: str) -> list[Returned]:
    """Words of a server. People answer too, and their machines do when they are away: those are no bounces."""
    automatic = str(mail.get("Auto-Submitted", "no")).lower()
    from_machine = bool(_MACHINES.search(str(mail.get("From", "")))) or str(mail.get("Return-Path", "")).strip() == "<>"
    if not from_machine or (automatic.startswith("auto-replied") and not mail.get("X-Failed-Recipients")):
        return []
    body = mail.get_body(("plain", "html"))
    text = _text(body)[:20_000] if body is not None else ""
    answer = _REPLY.search(text)
    if answer is None:
        return []
    words = f"{answer[1]} {answer[2]}"
    found = _STATUS.search(words)
    status = found[0] if found else ""
    what = What.BOUNCED if answer[1].startswith("5") else What.DEFERRED
    permanent = what == What.BOUNCED and _is_permanent(status, words)
    return [Returned(what, event_id, number, sent_as, permanent, status, told(words))]


def _is_permanent(status: str, words: str) -> bool:
    """Whether nobody has the address: the same rule as for a refusal in the conversation."""
    code = re.match(r"\s*(5\d\d)\b", words)
    said = words if _STATUS.search(words) else f"{status} {words}"
    if code is None and not status.startswith("5"):
        return False
    return is_bounce(int(code[1]) if code else 550, said)


def _identity(mail: EmailMessage, raw: bytes) -> bytes:
    """The same mail read twice is one event: by its own Message-ID, or by what it says."""
    own = str(mail.get("Message-ID", "")).strip()
    return own.encode("utf-8", "replace") if own else raw


def _text(part: Message) -> str:
    """The text of a part, also of one that holds messages (reports are parsed into header groups)."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n".join(item.as_string() if hasattr(item, "as_string") else str(item) for item in payload)
    decoded = part.get_payload(decode=True)
    if not isinstance(decoded, bytes):
        return str(payload)
    return decoded.decode(part.get_content_charset() or "utf-8", errors="replace")
