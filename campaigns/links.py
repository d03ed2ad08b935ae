"""The addresses in messages: short signed tokens that name a message and what may be done with it, and nobody.

A token is a number written in 62 letters and digits (no `-` or `_` at its end for a phone to lose): 80 bits of
HMAC-SHA256 in front of the number of the message. The key is derived from SECRET_KEY and the purpose, so that the
token of one page opens no other; with SECRET_KEY_FALLBACKS tokens of the keys before are still read. RFC 2104 asks for
80 bits at least, and whoever guesses has to ask us each time.

Opens are not counted: a picture in a mail is fetched by the mail service (Apple Mail Privacy Protection does so for
every mail) and not by its reader, so there is no address for it. What counts is people's clicks and visits.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

from campaigns.models.policy import Policy

Purpose = Literal["unsubscribe", "preferences", "link", "score", "appointment"]

MAC_BYTES = 10
POSITIONS = 1 << 12  # links of one text
LONGEST = 48
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_TEST = "x"
_MAC_BITS = 8 * MAC_BYTES


class Signed(NamedTuple):
    """What a token names."""

    message_id: int
    position: int = 0


def base_url() -> str:
    """Where the links of messages lead: the clinic's word in the rules of sending, else PUBLIC_URL. No slash behind."""
    own = Policy.objects.filter(pk=1).values_list("public_url", flat=True).first()
    return str(own or settings.PUBLIC_URL).rstrip("/")


def unsubscribe_url(base: str, message_id: int) -> str:
    return base + _path("unsubscribe") + token("unsubscribe", message_id)


def preferences_url(base: str, message_id: int) -> str:
    return base + _path("preferences") + token("preferences", message_id)


def score_url(base: str, message_id: int) -> str:
    """The page on which the patient says how likely they are to recommend the clinic."""
    return base + _path("score") + token("score", message_id)


def appointment_url(base: str, message_id: int, wish: str = "") -> str:
    """The page of the appointment the message is about; `wish` is what its reader came for: confirm, move, cancel."""
    return base + _path("appointment") + token("appointment", message_id) + (f"?do={wish}" if wish else "")


# The addresses a text may ask for by name; each belongs to the reader of one message.
PERSONAL: dict[str, Callable[[str, int], str]] = {
    "unsubscribe_url": unsubscribe_url,
    "consent_url": preferences_url,
    "score_url": score_url,
    "appointment_url": appointment_url,
    "confirm_url": partial(appointment_url, wish="confirm"),
    "move_url": partial(appointment_url, wish="move"),
    "cancel_url": partial(appointment_url, wish="cancel"),
}


def link_url(base: str, message_id: int, position: int) -> str:
    return base + _path("link") + token("link", message_id, position)


def token(purpose: Purpose, message_id: int, position: int = 0) -> str:
    return _signed(settings.SECRET_KEY, purpose, _content(purpose, message_id, position))


def read(word: str, purpose: Purpose) -> Signed | None:
    """What the token names, or None: it is not ours, or of another purpose."""
    number = _number(word)
    if number is None:
        return None
    content = number >> _MAC_BITS
    found = None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        # The whole word is compared, so that no other spelling of the same number is a token too.
        if hmac.compare_digest(_signed(secret, purpose, content).encode(), word.encode()):
            found = content
    if not found:
        return None
    return Signed(*divmod(found, POSITIONS)) if purpose == "link" else Signed(found)


def disguised(address: str) -> str:
    """The address as tests and previews show it: of the same length, with a token that is none."""
    head, slash, word = address.partition("?")[0].rpartition("/")
    return head + slash + _TEST * len(word) + address[len(head + slash + word) :]


def is_test(word: str) -> bool:
    """Whether it stands in a test or a preview: no token is so regular."""
    return MAC_BYTES <= len(word) <= LONGEST and not word.strip(_TEST)


def is_page(url: str) -> bool:
    """Whether a browser may be led there: a page of the web with a host, and an address that can be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def with_marks(url: str, marks: dict[str, str]) -> str:
    """The address with utm marks; those that stand in it already stay as they are."""
    parts = urlsplit(url)
    present = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in marks.items() if value and name not in present})
    return parts._replace(query="&".join(filter(None, (parts.query, added)))).geturl() if added else url


def _content(purpose: Purpose, message_id: int, position: int) -> int:
    if message_id < 1 or not 0 <= position < POSITIONS:
        raise ValueError(f"no token for message {message_id}, link {position}")
    return message_id * POSITIONS + position if purpose == "link" else message_id


def _signed(secret: str, purpose: Purpose, content: int) -> str:
    mac = hmac.digest(_key(secret, purpose), b"%d" % content, "sha256")[:MAC_BYTES]
    return _word((content << _MAC_BITS) | int.from_bytes(mac))


@lru_cache(maxsize=32)
def _key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"campaigns.links.{purpose}".encode(), "sha256")


@lru_cache(maxsize=8)
def _path(purpose: Purpose) -> str:
    """The address of the page without its token."""
    return reverse(purpose, args=["t"])[:-1]


def _word(number: int) -> str:
    letters = []
    while number:
        number, pair = divmod(number, 62 * 62)
        letters.append(_PAIRS[pair])
    return "".join(reversed(letters)).lstrip("0")


def _number(word: str) -> int | None:
    if not word or len(word) > LONGEST:
        return None
    number = 0
    for letter in word:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number * 62 + value
    return number
