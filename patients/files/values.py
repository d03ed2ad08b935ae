"""One cell becomes one value of the API: ids, numbers, dates, yes/no. A cell that cannot is a `ValueError`."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

Cell = str | int | float | bool | date | datetime | time | timedelta | None

_WHOLE = re.compile(r"[+-]?\d+\.0+\Z")
_EXPONENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d{1,2}\Z")
_CURRENCY = re.compile(r"(?:₽|руб\.?|р\.|RUB)\s*\Z", re.IGNORECASE)
_SPACES = dict.fromkeys(map(ord, " \u00a0\u2009\u202f\t"))
_TRUE = {"1", "true", "yes", "y", "да", "д", "истина", "+"}
_FALSE = {"0", "false", "no", "n", "нет", "н", "ложь", "-"}
# Excel keeps 15 digits of a number; what is longer has been rounded before we see it.
_EXCEL_DIGITS = 15
# A spreadsheet's 0.1 + 0.2 is 0.30000000000000004.
_FRACTION_DIGITS = 6
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a serial number of a spreadsheet knows no zone


def text(cell: Cell) -> str:
    """The cell as a reader of the file sees it, without surrounding spaces."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e18 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)


def identifier(cell: Cell) -> str:
    """An id, undamaged by spreadsheets: `29872499824296.0` and `1e13` are whole numbers, `00017` keeps its zeros.

    A number whose digits a spreadsheet has rounded away is refused: two patients would become one.
    """
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) >= 10**_EXCEL_DIGITS:
            raise ValueError(_("The spreadsheet has rounded this number; ids longer than 15 digits must be text."))
        return text(cell)
    word = text(cell)
    if _WHOLE.match(word):
        return word.split(".", 1)[0]
    if _EXPONENT.match(word):
        return _without_exponent(word)
    return word


def _without_exponent(word: str) -> str:
    plain = format(Decimal(word.replace(",", ".")), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def decimal(cell: Cell, mark: str) -> str:
    """A number as the API reads it: spaces between thousands and a currency sign are dropped, the mark is a dot."""
    if isinstance(cell, bool):
        raise ValueError(_("Not a number."))
    word = repr(cell) if isinstance(cell, int | float) else _plain(text(cell), mark)
    try:
        number = Decimal(word)
    except InvalidOperation:
        raise ValueError(_("Not a number.")) from None
    if not number.is_finite() or abs(number.adjusted()) > 15:
        raise ValueError(_("Not a number."))
    if number.as_tuple().exponent < -_FRACTION_DIGITS:  # type: ignore[operator]
        number = round(number, _FRACTION_DIGITS)
    return format(number, "f")


def _plain(word: str, mark: str) -> str:
    """`1 500,50 ₽` as `1500.50`. The other mark may only part thousands: `11.77` is no 1177 where `,` is the mark."""
    word = _CURRENCY.sub("", word).translate(_SPACES)
    other = "." if mark == "," else ","
    if other in word:
        whole, _mark, fraction = word.partition(mark)
        if other in fraction or not re.fullmatch(rf"[+-]?\d{{1,3}}(?:{re.escape(other)}\d{{3}})+", whole):
            raise ValueError(_("Not a number; the decimal mark of this mapping is “%(mark)s”.") % {"mark": mark})
        word = word.replace(other, "")
    return word.replace(mark, ".")


def integer(cell: Cell, mark: str) -> int:
    number = Decimal(decimal(cell, mark))
    if number != number.to_integral_value():
        raise ValueError(_("Not a whole number."))
    return int(number)


def boolean(cell: Cell) -> bool:
    word = text(cell).casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(_("Neither yes nor no."))


def moment(cell: Cell, formats: Sequence[str], zone: ZoneInfo | None) -> datetime:
    """A point in time; one written without a zone is meant in `zone`, or left to the branch when that is empty."""
    if isinstance(cell, datetime):
        found = cell
    elif isinstance(cell, date):
        found = datetime.combine(cell, time())
    elif isinstance(cell, float) and 1 <= cell < 2_958_466:  # Excel's serial days up to the year 9999
        found = _EXCEL_EPOCH + timedelta(seconds=round(cell * 86_400))
    else:
        found = _parsed(text(cell), tuple(formats))
    return found.replace(tzinfo=zone) if zone and found.tzinfo is None else found


@lru_cache(maxsize=16_384)  # days repeat from row to row, and strptime is what a row costs most
def _parsed(word: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        try:
            return datetime.strptime(word, form)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            continue
    if not formats:
        try:
            return datetime.fromisoformat(word)
        except ValueError:
            pass
    raise ValueError(_("Not a date of the form %(forms)s.") % {"forms": " / ".join(formats) or "ISO 8601"})


def born(age: int, seen: datetime) -> str:
    """1 January of the year in which a person of this age on that day would have been born at the latest.

    The true birth date is up to a year earlier or later; the age on the day itself comes out as given.
    """
    year = seen.year - age
    if age < 0 or year < 1:
        raise ValueError(_("An age is not negative."))
    return f"{year:04d}-01-01"
