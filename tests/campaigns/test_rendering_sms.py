"""SMS parts, against the tables of 3GPP TS 23.038 (alphabets) and TS 23.040 (concatenation)."""

import pytest

from campaigns.rendering.sms import BASIC, EXTENSION, GSM, UCS2, outsiders, parts


def test_the_alphabet_has_its_128_places() -> None:
    # 127 characters and the escape to the extension table, which has ten.
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count", "room"),
    [
        ("", GSM, 0, 0, 160),
        ("a" * 160, GSM, 160, 1, 0),
        ("a" * 161, GSM, 161, 2, 145),
        ("a" * 306, GSM, 306, 2, 0),
        ("a" * 307, GSM, 307, 3, 152),
        ("я" * 70, UCS2, 70, 1, 0),
        ("я" * 71, UCS2, 71, 2, 63),
        ("я" * 134, UCS2, 134, 2, 0),
        ("я" * 135, UCS2, 135, 3, 66),
        ("@£$¥èéùìòÇ ΔΦΓΛΩΠΨΣΘΞ Æß É ¡ÄÖÑÜ§¿äöñüà", GSM, 39, 1, 121),
        ("€", GSM, 2, 1, 158),
        ("^{}\\[~]|€", GSM, 18, 1, 142),
        ("€" * 80, GSM, 160, 1, 0),
        # A pair is never cut: 76 of them fit into 153 septets, one septet stays empty.
        ("€" * 153, GSM, 306, 3, 151),
        ("a" * 152 + "€" + "a" * 10, GSM, 164, 2, 141),
        ("😀" * 35, UCS2, 70, 1, 0),
        ("😀" * 36, UCS2, 72, 2, 61),
        ("я" * 66 + "😀" + "я" * 5, UCS2, 73, 2, 60),
        ("a" * 70 + "ё", UCS2, 71, 2, 63),
        ("`", UCS2, 1, 1, 69),  # not in the table
        ("ç", UCS2, 1, 1, 69),  # only the capital is
    ],
)
def test_parts(text: str, encoding: str, units: int, count: int, room: int) -> None:
    found = parts(text)
    assert (found.encoding, found.units, found.parts, found.room) == (encoding, units, count, room)


def test_what_makes_a_text_dear_is_named() -> None:
    assert outsiders("Hi “you” – €5") == ["“", "”", "–"]
