"""How numbers, money, shares and dates are written in both languages."""

import datetime as dt
from typing import Any

import pytest
from django.utils import translation

from patients import wording

N, T = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("writer", "value", "russian", "english"),
    [
        (wording.number, 1234567, f"1{T}234{T}567", f"1{T}234{T}567"),
        (wording.number, None, "—", "—"),
        (wording.money, -1500, f"−1{T}500{N}₽", f"−1{T}500{N}₽"),
        (wording.money_short, 99_999, f"99{T}999{N}₽", f"99{T}999{N}₽"),
        (wording.money_short, 12_345_678, None, f"12.3{N}M{N}₽"),
        (wording.money_short, 250_400, None, f"250{N}k{N}₽"),
        (wording.money_short, -3_400_000_000, None, f"−3.4{N}bn{N}₽"),
        (wording.share, 0.344, f"34{N}%", f"34{N}%"),
        (wording.share, 0.0004, f"<{N}1{N}%", f"<{N}1{N}%"),
        (wording.share, 0, f"0{N}%", f"0{N}%"),
        (wording.signed, 12, "+12", "+12"),
        (wording.signed, 0, "0", "0"),
        (wording.signed, -0.2, "0", "0"),
        (wording.points, -0.0061, None, f"−0.6{N}pp"),
        (wording.signed_share, 0.0212, f"+2,1{N}%", f"+2.1{N}%"),
        (wording.short_day, dt.date(2026, 3, 5), "05.03.2026", "2026-03-05"),
        (wording.short_day, dt.datetime(2026, 3, 4, 22, 0, tzinfo=dt.UTC), "05.03.2026", "2026-03-05"),
        (wording.day, dt.datetime(2026, 3, 4, 22, 0, tzinfo=dt.UTC), None, "March 5, 2026"),
        (wording.duration, 59.4, None, "59 s"),
        (wording.duration, 3725, None, "1 h 2 min"),
        (wording.css_percent, 1.7, "100.00%", "100.00%"),
    ],
)
def test_figures_are_written_for_the_reader(writer: Any, value: Any, russian: str | None, english: str) -> None:
    with translation.override("en"):
        assert writer(value) == english
    if russian is not None:
        with translation.override("ru"):
            assert writer(value) == russian


@pytest.mark.parametrize(
    ("born", "years"), [(dt.date(2000, 11, 21), "26"), (dt.date(2000, 11, 22), "25"), (dt.date(2024, 2, 29), "2")]
)
def test_age_is_in_full_years(born: dt.date, years: str) -> None:
    assert wording.age(born, dt.date(2026, 11, 21)) == years


def _contrast(one: str, two: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#777777", "#2f855a", "#e4b429", "#6b3fc0", "#bb5527"])
def test_text_on_a_segments_colour_can_be_read(colour: str) -> None:
    assert _contrast(wording.on_colour(colour), colour) >= 4.5
