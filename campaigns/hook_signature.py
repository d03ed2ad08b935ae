"""Signatures of what comes in over the hooks: `t=<unix time>,v1=<HMAC-SHA256 of "<t>.<body>">` in one header.

The time is signed with the body and has to be recent: what was recorded on the way cannot be played back later.
"""

import hmac
import re

HEADER = "X-Signature"
WINDOW = 300  # seconds a clock may differ
_PATTERN = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(body: bytes, secret: str, now: int) -> str:
    return f"t={now},v1={_mac(body, secret, now)}"


def is_good(header: str, body: bytes, secret: str, now: int) -> bool:
    """Whether the body comes from somebody who has the secret, and comes now. Never true without a secret."""
    found = _PATTERN.fullmatch(header.strip())
    if not found or not secret or abs(int(found[1]) - now) > WINDOW:
        return False
    return hmac.compare_digest(_mac(body, secret, int(found[1])), found[2])


def _mac(body: bytes, secret: str, when: int) -> str:
    return hmac.digest(secret.encode(), b"%d." % when + body, "sha256").hex()
