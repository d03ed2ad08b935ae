"""A caught mail as its reader sees it: parsed only when somebody opens it."""

import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser

_PARSER = BytesParser(policy=email.policy.default)
_BASE = '<base target="_blank">'
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_LINK = re.compile(r"<(https?://[^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Letter:
    """`headers` in their order; `unsubscribe` is the address of one click (RFC 8058), empty when there is none."""

    subject: str
    sender: str
    to: str
    html: str
    plain: str
    headers: list[tuple[str, str]]
    unsubscribe: str
    size: int


def letter(raw: bytes) -> Letter:
    mail = _PARSER.parsebytes(raw)
    headers = [(name, _header(mail, name, str(value))) for name, value in mail.raw_items()]
    one_click = "one-click" in str(mail.get("List-Unsubscribe-Post", "")).lower()
    link = _LINK.search(str(mail.get("List-Unsubscribe", "")))
    return Letter(
        subject=str(mail.get("Subject", "")),
        sender=str(mail.get("From", "")),
        to=str(mail.get("To", "")),
        html=_content(mail, "html"),
        plain=_content(mail, "plain"),
        headers=headers,
        unsubscribe=link[1] if link and one_click else "",
        size=len(raw),
    )


def in_a_frame(html: str) -> str:
    """The mail with links that open beside it: in the frame itself nothing of ours may be opened."""
    head = _HEAD.search(html)
    return html[: head.end()] + _BASE + html[head.end() :] if head else _BASE + html


def _header(mail: EmailMessage, name: str, raw: str) -> str:
    try:
        return str(mail.policy.header_factory(name, raw))  # type: ignore[attr-defined]
    except (ValueError, IndexError, AttributeError):
        return raw


def _content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
