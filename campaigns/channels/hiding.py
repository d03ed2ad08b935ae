"""What a provider said, without what must not be stored: addresses, phones, secrets, the text itself."""

import re
from collections.abc import Iterable

from campaigns.channels.base import Envelope

LENGTH = 200
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")
_PHONE = re.compile(r"\+?\d[\d\s().-]{8,}\d")
_LINK = re.compile(r"https?://\S+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_ECHO = 12  # so many letters in a row of our own text are an echo of it, not a coincidence
_HIDDEN = "…"


def told(words: str | bytes, envelope: Envelope | None = None, secrets: Iterable[str] = ()) -> str:
    """The provider's words, fit to be stored and shown."""
    if isinstance(words, bytes):
        words = words.decode("utf-8", errors="replace")
    words = _CONTROL.sub(" ", words)
    for secret in secrets:
        if len(secret) >= 3:
            words = words.replace(secret, _HIDDEN)
    if envelope is not None:
        words = _without_envelope(words, envelope)
    words = _LINK.sub(_HIDDEN, _PHONE.sub(_HIDDEN, _ADDRESS.sub(_HIDDEN, words)))
    return " ".join(words.split())[:LENGTH]


def _without_envelope(words: str, envelope: Envelope) -> str:
    local, _at, _domain = envelope.to.partition("@")
    for mine in (envelope.to, envelope.to.lstrip("+"), local if len(local) >= 3 else ""):
        if mine:
            words = re.sub(re.escape(mine), _HIDDEN, words, flags=re.IGNORECASE)
    if any(_echoes(words, said) for said in (envelope.text, envelope.subject)):
        return ""
    return words


def _echoes(words: str, said: str) -> bool:
    if len(said) < _ECHO:
        return bool(said) and said in words
    return any(said[at : at + _ECHO] in words for at in range(len(said) - _ECHO + 1))
