"""How the portal writes numbers, money, shares and dates for its reader. Templates use these as filters of `portal`."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils import formats, timezone, translation
from django.utils.translation import gettext, ngettext, pgettext

Number = int | float | Decimal
THIN = "\u202f"  # narrow no-break space: groups of digits stay together
NBSP = "\u00a0"
MINUS = "\u2212"
DASH = "—"


def _decimal_mark() -> str:
    return "," if translation.get_language() == "ru" else "."


def _grouped(value: Number, decimals: int = 0) -> str:
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN).replace(".", _decimal_mark())
    negative = value < 0 and any(char in "123456789" for char in text)
    return (MINUS if negative else "") + text


def number(value: Number | None, decimals: int = 0) -> str:
    """12345 → «12 345»; nothing → «—»."""
    return DASH if value is None else _grouped(value, decimals)


def money(value: Number | None, decimals: int = 0) -> str:
    """12345 → «12 345 ₽»."""
    return DASH if value is None else f"{_grouped(value, decimals)}{NBSP}₽"


def money_short(value: Number | None) -> str:
    """12345678 → «12,3 млн ₽»: for tiles, where the last digits only distract. Below 100 000 in full."""
    if value is None:
        return DASH
    units: list[tuple[int, int, str]] = [
        (1_000_000_000, 1_000_000_000, pgettext("amount", "bn")),
        (1_000_000, 1_000_000, pgettext("amount", "M")),
        (100_000, 1_000, pgettext("amount", "k")),
    ]
    for least, unit, word in units:
        if abs(float(value)) >= least:
            scaled = float(value) / unit
            return f"{_grouped(scaled, 0 if abs(scaled) >= 100 else 1)}{NBSP}{word}{NBSP}₽"
    return money(value)


def share(value: float | None, decimals: int = 0) -> str:
    """0.34 → «34 %». A share too small to show is not called nothing: «< 1 %»."""
    if value is None:
        return DASH
    percent = float(value) * 100
    least = 10**-decimals
    if 0 < percent < least / 2:
        return f"<{NBSP}{_grouped(least, decimals)}{NBSP}%"
    return f"{_grouped(percent, decimals)}{NBSP}%"


def _signed(value: Number, text: str) -> str:
    return text if value < 0 or not any(char in "123456789" for char in text) else f"+{text}"


def signed(value: Number | None, decimals: int = 0) -> str:
    """1200 → «+1 200»; −3 → «−3»."""
    return DASH if value is None else _signed(value, _grouped(value, decimals))


def signed_money(value: Number | None) -> str:
    return DASH if value is None else _signed(value, money(value))


def signed_share(value: float | None, decimals: int = 1) -> str:
    """A relative change: 0.021 → «+2,1 %»."""
    return DASH if value is None else _signed(value, f"{_grouped(value * 100, decimals)}{NBSP}%")


def points(value: float | None, decimals: int = 1) -> str:
    """The difference of two shares: 0.041 → «+4,1 п. п.»."""
    if value is None:
        return DASH
    return f"{_signed(value, _grouped(float(value) * 100, decimals))}{NBSP}{gettext('pp')}"


def day(value: dt.date | dt.datetime | None) -> str:
    """A date in the reader's language: «5 марта 2026 г.» / «March 5, 2026»."""
    return DASH if value is None else formats.date_format(_here(value), "DATE_FORMAT")


def _here(value: dt.date | dt.datetime) -> dt.date | dt.datetime:
    """Of a moment, the day it is in the clinic: Django brings it to local time for filters that ask, not for these."""
    return timezone.localtime(value) if isinstance(value, dt.datetime) and timezone.is_aware(value) else value


def short_day(value: dt.date | dt.datetime | None) -> str:
    """A date for tables: 05.03.2026 in Russian, 2026-03-05 in English."""
    if value is None:
        return DASH
    value = _here(value)
    return f"{value:%d.%m.%Y}" if translation.get_language() == "ru" else f"{value:%Y-%m-%d}"


def month(value: dt.date | None) -> str:
    """A month in the reader's language: «март 2026 г.» / «March 2026»."""
    return DASH if value is None else formats.date_format(value, "YEAR_MONTH_FORMAT")


def duration(seconds: float | None) -> str:
    """75 → «1 мин 15 с»."""
    if seconds is None:
        return DASH
    whole = round(seconds)
    if whole < 60:
        return gettext("%(n)s s") % {"n": whole}
    if whole < 3600:
        return gettext("%(m)s min %(s)s s") % {"m": whole // 60, "s": whole % 60}
    return gettext("%(h)s h %(m)s min") % {"h": whole // 3600, "m": whole % 3600 // 60}


def days(value: Number | None) -> str:
    """14 → «14 дней»."""
    if value is None:
        return DASH
    return ngettext("%(n)s day", "%(n)s days", round(value)) % {"n": _grouped(round(value))}


def patients_count(value: int) -> str:
    """1234 → «1 234 пациента»."""
    return ngettext("%(n)s patient", "%(n)s patients", value) % {"n": _grouped(value)}


def age(born: dt.date | None, on: dt.date) -> str:
    """Full years on a date."""
    if born is None:
        return DASH
    return str(on.year - born.year - ((on.month, on.day) < (born.month, born.day)))


def on_colour(colour: str) -> str:
    """White on #rrggbb when it reads well enough (4.5 : 1 of WCAG), else black or white, whichever reads better."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    white, black = 1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05
    return "#ffffff" if white >= min(4.5, black) else "#000000"


def by_kind(value: Any, kind: str) -> str:
    """A figure of a table, by the kind of its column: number, decimal, money, share, change (a share with its sign),
    date; anything else is text."""
    writers: dict[str, Callable[[Any], str]] = {
        "money": money, "share": share, "change": signed_share, "number": number, "date": short_day
    }  # fmt: skip
    if kind == "decimal":
        return number(value, 1)
    return writers[kind](value) if kind in writers else str(DASH if value is None else value)


def percentage_points(value: int) -> str:
    """4 → «4 процентных пункта»."""
    return ngettext("%(n)s point", "%(n)s points", value) % {"n": value}


def moves_count(value: int) -> str:
    """12 → «12 переходов»."""
    return ngettext("%(n)s move", "%(n)s moves", value) % {"n": _grouped(value)}


def of_segmentation(part: float | None) -> str:
    """0.12 → «12 % пациентов этого деления»: a share says of what."""
    return "" if part is None else gettext("%(share)s of the segmented patients") % {"share": share(part)}


def of_money(part: float | None) -> str:
    """0.12 → «12 % дохода за год»."""
    return "" if part is None else gettext("%(share)s of the income of the year") % {"share": share(part)}


def css_number(value: float) -> str:
    """A number as style sheets write it, whatever the reader's language."""
    return f"{value:.4f}"


def css_percent(value: float | None) -> str:
    """A share 0…1 as a width; more than the whole is the whole."""
    return f"{min(max(value or 0.0, 0.0), 1.0) * 100:.2f}%"
