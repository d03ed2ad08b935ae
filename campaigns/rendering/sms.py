"""How many parts an SMS takes: 3GPP TS 23.038 (alphabets) and TS 23.040 (concatenated messages).

A message in the GSM 7-bit default alphabet holds 160 septets, or 153 per part when it is split; characters of the
extension table take two. One character outside both turns the whole message into UCS-2: 70 units, or 67 per part;
characters beyond the basic plane (emoji) take two. Neither an extension pair nor a surrogate pair is ever cut in two.
"""

from dataclasses import dataclass
from decimal import Decimal

GSM, UCS2 = "GSM-7", "UCS-2"
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Parts:
    """`units` are septets or UTF-16 code units; `room` is how many more fit into the last part."""

    encoding: str
    units: int
    parts: int
    room: int

    def cost(self, price: Decimal) -> Decimal:
        return price * self.parts


def parts(text: str) -> Parts:
    if all(char in BASIC or char in EXTENSION for char in text):
        return _split(GSM, [2 if char in EXTENSION else 1 for char in text], 160, 153)
    return _split(UCS2, [2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67)


def _split(encoding: str, widths: list[int], alone: int, each: int) -> Parts:
    units = sum(widths)
    if units <= alone:
        return Parts(encoding, units, 1 if units else 0, alone - units)
    count, filled = 1, 0
    for width in widths:
        if filled + width > each:
            count, filled = count + 1, 0
        filled += width
    return Parts(encoding, units, count, each - filled)


def outsiders(text: str) -> list[str]:
    """The characters that keep a text from the cheaper alphabet, each once, in order."""
    return list(dict.fromkeys(char for char in text if char not in BASIC and char not in EXTENSION))
