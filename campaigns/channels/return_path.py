"""Variable envelope return paths: the address a bounce comes back to says which message bounced.

`bounces+41-1f3a9c07d2@mail.clinic.example`: the number of the message and 40 bits of HMAC, so that nobody can make an
address of ours suppressed by writing to the bounce mailbox. Lower case only: some servers change the case.
"""

import hmac
import re
from collections.abc import Iterable

_PATTERN = re.compile(r"[^\s<>@]+\+(\d{1,19})-([0-9a-f]{10})@", re.IGNORECASE)


def written(bounces: str, message_id: int, secret: str) -> str:
    """The return path of a message, of the mailbox that collects bounces."""
    local, _at, domain = bounces.rpartition("@")
    return f"{local}+{message_id}-{_mac(message_id, secret)}@{domain}"


def message_of(text: str, secrets: Iterable[str]) -> int | None:
    """The message whose return path stands in this text (a header, an address), None when none of ours does."""
    known = list(secrets)
    for found in _PATTERN.finditer(text):
        message_id = int(found[1])
        if any(hmac.compare_digest(_mac(message_id, secret), found[2].lower()) for secret in known):
            return message_id
    return None


def _mac(message_id: int, secret: str) -> str:
    return hmac.digest(secret.encode(), f"campaigns.return_path:{message_id}".encode(), "sha256").hex()[:10]
