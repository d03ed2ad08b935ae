"""What a server's refusal means: a person to suppress, a mail to try later, or settings to correct.

Codes: RFC 5321 (three digits), RFC 3463 and its registry (X.Y.Z).
"""

import re
from typing import TYPE_CHECKING

from campaigns.channels.base import Receipt, Status
from campaigns.channels.hiding import told

if TYPE_CHECKING:
    from campaigns.channels.smtp import Mail

STAGES = ("sender", "recipient", "data")

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# Bad mailbox, bad domain, bad syntax, moved away, null MX; mailbox disabled.
_NOBODY_THERE = {(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)}
# "Other", address, protocol, policy: their words have to say it. The rest is not about who is there.
_SAYS_LITTLE = {0, 1, 5, 7}
# What servers say without such a code, or with a wrong one: Yandex answers "550 5.7.1 No such user!".
_NOBODY_WORDS = re.compile(
    r"no such (user|mailbox|recipient|person|address)|(user|mailbox|recipient|account|address)[^.;]{0,40}"
    r"(unknown|not found|doesn'?t exist|does not exist|not exist|invalid|disabled|inactive|unavailable)"
    r"|(unknown|invalid|unrouteable|nonexistent) (user|mailbox|recipient|account|address)",
    re.IGNORECASE,
)  # fmt: skip
_POLICY_WORDS = re.compile(r"spam|block|reject.*policy|policy|reputation|blacklist|denied", re.IGNORECASE)


def is_bounce(code: int, words: str) -> bool:
    """Whether the answer says that nobody has this address. A refusal by policy says nothing about the address."""
    if not 500 <= code < 600:
        return False
    found = _ENHANCED.search(words)
    if found and found[1] == "5":
        subject, detail = int(found[2]), int(found[3])
        if (subject, detail) in _NOBODY_THERE:
            return True
        if subject not in _SAYS_LITTLE:
            return False
    elif code not in (550, 551, 553):
        return False
    return bool(_NOBODY_WORDS.search(words)) and not _POLICY_WORDS.search(words)


def receipt(mail: "Mail", stage: str, code: int, words: bytes) -> Receipt:
    """The receipt for a refusal at this stage of the conversation."""
    said = words.decode("utf-8", errors="replace")
    error = told(f"{code} {said}", mail.envelope)
    if code < 500:
        return Receipt(mail.message_id, Status.POSTPONED, error=error)
    if stage == "sender":  # it would refuse every mail of ours
        return Receipt(mail.message_id, Status.FAILED, error=error)
    return Receipt(mail.message_id, Status.REFUSED, error=error, bounce=is_bounce(code, said))
