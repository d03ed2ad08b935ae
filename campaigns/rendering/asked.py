"""A text and what it is for, as the checks look at it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.rendering import wording
from campaigns.rendering.problems import Problem, place


@dataclass(frozen=True, slots=True)
class Asked:
    """A text and what it is for. `sensitive`: the clinic's services that must not be named in the open."""

    channel: str
    purpose: str
    language: str
    subject: str
    preheader: str
    body: str
    sensitive: Sequence[wording.Sensitive] = ()
    # Of the offer of a campaign, when it is known: whether its service is sensitive. None: not known yet.
    offer_is_sensitive: bool | None = None

    @property
    def marketing(self) -> bool:
        return self.purpose == "marketing"

    @property
    def open_fields(self) -> dict[str, str]:
        """What others can read: on a locked screen, in a list of mails."""
        if self.channel == "email":
            return {"subject": self.subject, "preheader": self.preheader}
        return {"body": self.body} if self.channel == "sms" else {}


def at(code: str, severity: str, field: str, source: str, index: int, message: str) -> Problem:
    """A problem at a place of the source, by its index."""
    line, column = place(source, index)
    return Problem(code, severity, field, line, message, column)


def only_words(source: str) -> str:
    """The text with Liquid, addresses and tags blanked out; every position stays."""
    blank = re.sub(r"\{\{[\s\S]{0,600}?\}\}|\{%[\s\S]{0,600}?%\}", lambda m: " " * len(m[0]), source)
    blank = re.sub(r"https?://[^\s()\"'<>]+", lambda m: " " * len(m[0]), blank)
    return re.sub(r"</?[a-zA-Z][^<>]{0,2000}>", lambda m: " " * len(m[0]), blank)
