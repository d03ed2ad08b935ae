"""The filters a marketer may use. Every one is bounded: whatever it is given, it answers at once and in little room."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache, wraps
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override
from liquid import Environment, Markup, RenderContext
from liquid.builtin.filters import misc, string
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context, with_environment
from liquid.undefined import is_undefined

from campaigns.rendering import names

LONGEST = 20_000  # characters of a value; a whole mail has its own limit
LARGEST = Decimal(10) ** 15
THIN, NBSP = "\u202f", "\u00a0"


def _refuse(message: str) -> FilterArgumentError:
    return FilterArgumentError(message, token=None)


def _checked(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        raise _refuse(_("the value grew too long"))
    return value


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A text filter of the library that takes and gives no more than LONGEST characters."""

    @wraps(function)
    def call(value: Any, *args: Any, **kwargs: Any) -> Any:
        for item in (value, *args):
            _checked(item)
        return _checked(function(value, *args, **kwargs))

    return call


def replace(value: Any, old: Any, new: Any = "") -> Any:
    text, old, new = str(_checked(_text(value))), str(old), str(new)
    if not old:
        raise _refuse(_("replace: what is to be replaced is empty"))
    if len(text) + text.count(old) * len(new) > LONGEST:
        raise _refuse(_("the value grew too long"))
    result = text.replace(old, new)
    return Markup(result) if isinstance(value, Markup) and isinstance(new, Markup) else result


def join(value: Any, separator: Any = ", ") -> str:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return _text(value)
    items = [_text(item) for item in list(value)[:200]]
    if sum(map(len, items)) + len(items) * len(str(separator)) > LONGEST:
        raise _refuse(_("the value grew too long"))
    return str(separator).join(items)


def _text(value: Any) -> str:
    if is_undefined(value):
        return str(value)  # raises, naming the variable
    return "" if value is None else str(value) if not isinstance(value, str) else value


# --- Numbers --------------------------------------------------------------------------------------------------
def _number(value: Any) -> Decimal:
    if is_undefined(value):
        str(value)
    try:
        number = Decimal(str(value).replace(",", ".")) if value not in (None, "") else Decimal(0)
    except InvalidOperation as error:
        raise _refuse(_("not a number: %(value)s") % {"value": str(value)[:40]}) from error
    return _in_range(number)


def _in_range(number: Decimal) -> Decimal:
    if not number.is_finite() or abs(number) > LARGEST:
        raise _refuse(_("the number is too large"))
    return number


def _plain(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number


def plus(value: Any, other: Any) -> Any:
    return _plain(_in_range(_number(value) + _number(other)))


def minus(value: Any, other: Any) -> Any:
    return _plain(_in_range(_number(value) - _number(other)))


def times(value: Any, other: Any) -> Any:
    return _plain(_in_range(_number(value) * _number(other)))


def divided_by(value: Any, other: Any) -> Any:
    divisor = _number(other)
    if not divisor:
        raise _refuse(_("division by zero"))
    return _plain(_in_range(_number(value) / divisor))


def round_(value: Any, digits: Any = 0) -> Any:
    places = min(max(int(_number(digits)), 0), 6)
    return _plain(round(_number(value), places))


# --- What the reader sees ---------------------------------------------------------------------------------------
def _language(context: RenderContext) -> str:
    language = context.globals.get("language", "ru")
    return language if isinstance(language, str) else "ru"


@with_context
def money(value: Any, *, context: RenderContext) -> str:
    """12345 → «12 345 ₽»; kopecks only when there are any."""
    if value in (None, "") and not is_undefined(value):
        return ""
    return _money(_number(value), _language(context))


@lru_cache(maxsize=4096)
def _money(number: Decimal, language: str) -> str:
    text = f"{number:,.2f}" if number != number.to_integral_value() else f"{number:,.0f}"
    if language == "ru":
        text = text.replace(".", "\0").replace(",", THIN).replace("\0", ",")
    return f"{text}{NBSP}₽"


@with_context
def day(value: Any, *, context: RenderContext) -> str:
    """A date as one says it: «5 марта» / “March 5”."""
    return _date(value, _language(context), "day")


@with_context
def date(value: Any, layout: Any = "", *, context: RenderContext) -> str:
    """A date in full, «5 марта 2026 г.»; with "short" in digits, with "time" the hours and minutes."""
    if str(layout) not in LAYOUTS or layout == "day":
        raise _refuse(_('date takes "short", "time", "weekday" or nothing'))
    return _date(value, _language(context), str(layout))


LAYOUTS = {
    "": {"ru": "j E Y г.", "en": "F j, Y"},
    "day": {"ru": "j E", "en": "F j"},
    "short": {"ru": "d.m.Y", "en": "Y-m-d"},
    "time": {"ru": "H:i", "en": "H:i"},
    "weekday": {"ru": "l", "en": "l"},
}


def _date(value: Any, language: str, layout: str) -> str:
    if is_undefined(value):
        return str(value)
    if value in (None, ""):
        return ""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value) if "T" in value else dt.date.fromisoformat(value)
        except ValueError as error:
            raise _refuse(_("not a date: %(value)s") % {"value": value[:40]}) from error
    if not isinstance(value, dt.date):
        raise _refuse(_("not a date: %(value)s") % {"value": str(value)[:40]})
    return written_date(value, language, layout)


@lru_cache(maxsize=4096)
def written_date(value: dt.date, language: str, layout: str) -> str:
    """`layout`: a key of LAYOUTS."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    layouts = LAYOUTS[layout]
    with override(language):
        return formats.date_format(value, layouts.get(language, layouts["en"]))


@with_environment
def newline_to_br(value: Any, *, environment: Environment) -> Any:
    """Line breaks in HTML; in plain text they are line breaks already."""
    if not environment.autoescape:
        return _checked(_text(value))
    return Markup("<br />").join(str(_checked(_text(value))).splitlines())


@with_context
def age(value: Any, *, context: RenderContext) -> Any:
    """Full years between a birth date and the day of sending; of a patient `patient.age` says the same."""
    today = context.globals.get("today")
    if value in (None, "") or not isinstance(value, dt.date) or not isinstance(today, dt.date):
        return ""
    return today.year - value.year - ((today.month, today.day) < (value.month, value.day))


def plural(value: Any, *forms: Any) -> str:
    """{{ n | plural: "визит", "визита", "визитов" }}; two forms are read the English way."""
    if len(forms) not in (2, 3):
        raise _refuse(_('plural takes the forms: "визит", "визита", "визитов"'))
    number = abs(int(_number(value)))
    if len(forms) == 2:
        return _text(forms[0] if number == 1 else forms[1])
    if number % 10 == 1 and number % 100 != 11:
        return _text(forms[0])
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return _text(forms[1])
    return _text(forms[2])


def case(value: Any, which: Any = "nominative") -> str:
    """{{ patient.first_name | case: "dative" }} → Анне."""
    if str(which) not in names.CASES:
        raise _refuse(_("unknown case “%(case)s”; there are: %(all)s") % {
            "case": str(which)[:40], "all": ", ".join(names.CASES)
        })  # fmt: skip
    text = value if isinstance(value, str) else _text(value)
    return names.in_case(text, str(which))


FILTERS: dict[str, Callable[..., Any]] = {
    "case": case, "money": money, "day": day, "date": date, "plural": plural, "age": age,
    "default": misc.default, "size": misc.size, "join": join, "replace": replace,
    "plus": plus, "minus": minus, "times": times, "divided_by": divided_by, "round": round_,
    "escape": string.escape, "newline_to_br": newline_to_br,
    "capitalize": bounded(string.capitalize), "upcase": bounded(string.upcase), "downcase": bounded(string.downcase),
    "append": bounded(string.append), "prepend": bounded(string.prepend), "remove": bounded(string.remove),
    "strip": bounded(string.strip), "squish": bounded(string.squish),
    "truncate": bounded(string.truncate), "truncatewords": bounded(string.truncatewords),
}  # fmt: skip


def register(environment: Environment) -> None:
    environment.filters.clear()
    for name, function in FILTERS.items():
        environment.add_filter(name, function)
