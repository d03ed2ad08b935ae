"""Cells become values without loss, or are refused with a reason."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from patients.files import values


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("29872499824296", "29872499824296"),
        ("29872499824296.0", "29872499824296"),
        (29872499824296.0, "29872499824296"),
        ("1e13", "10000000000000"),
        (1e13, "10000000000000"),
        ("1,5E+3", "1500"),
        ("9377952927E-5", "93779.52927"),
        ("00017", "00017"),
        ("1.10", "1.10"),
        ("A-12E3", "A-12E3"),
        (17, "17"),
        (" p 1 ", "p 1"),
    ],
)
def test_id_keeps_every_digit(cell: values.Cell, expected: str) -> None:
    assert values.identifier(cell) == expected


def test_id_that_a_spreadsheet_has_rounded_is_refused() -> None:
    with pytest.raises(ValueError, match="15"):
        values.identifier(1234567890123456.0)


@pytest.mark.parametrize(
    ("cell", "mark", "expected"),
    [
        ("1500.50", ".", "1500.50"),
        ("1 500,50 ₽", ",", "1500.50"),
        ("1\u202f500,5 руб.", ",", "1500.5"),
        ("1.500,50", ",", "1500.50"),
        ("1,500.50", ".", "1500.50"),
        ("1.500", ",", "1500"),
        (11.77, ",", "11.77"),
        (0.1 + 0.2, ".", "0.300000"),
        (0, ".", "0"),
        ("-3", ".", "-3"),
    ],
)
def test_number_is_read_by_its_decimal_mark(cell: values.Cell, mark: str, expected: str) -> None:
    assert values.decimal(cell, mark) == expected


@pytest.mark.parametrize(("cell", "mark"), [("1500,50", "."), ("11.77", ","), ("abc", "."), ("NaN", "."), (True, ".")])
def test_number_with_the_other_mark_is_refused_and_not_multiplied_by_a_hundred(cell: values.Cell, mark: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        values.decimal(cell, mark)


def test_half_is_no_whole_number() -> None:
    assert values.integer("62", ".") == 62
    with pytest.raises(ValueError, match=r"."):
        values.integer("62.5", ".")


@pytest.mark.parametrize(("cell", "expected"), [("Да", True), ("нет", False), ("1", True), (False, False)])
def test_yes_and_no_in_both_languages(cell: values.Cell, expected: bool) -> None:
    assert values.boolean(cell) is expected


def test_yes_or_no_refuses_the_rest() -> None:
    with pytest.raises(ValueError, match=r"."):
        values.boolean("maybe")


def test_moment_is_read_in_the_first_form_that_fits_and_gets_the_zone() -> None:
    forms = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
    zone = ZoneInfo("Asia/Novosibirsk")
    assert values.moment("03.02.2026 10:30", forms, zone).isoformat() == "2026-02-03T10:30:00+07:00"
    assert values.moment("03.02.2026", forms, None).isoformat() == "2026-02-03T00:00:00"
    assert values.moment(dt.date(2026, 2, 3), forms, None).isoformat() == "2026-02-03T00:00:00"


def test_moment_reads_serial_days_of_a_spreadsheet() -> None:
    assert values.moment(44_927.5, [], None).isoformat() == "2023-01-01T12:00:00"


def test_moment_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="%d"):
        values.moment("2026-02-03", ["%d.%m.%Y"], None)
    with pytest.raises(ValueError, match="ISO"):
        values.moment("31.02.2026", [], None)


def test_birth_date_gives_back_the_age_on_that_day() -> None:
    seen = dt.datetime(2016, 4, 29)  # noqa: DTZ001
    born = dt.date.fromisoformat(values.born(62, seen))
    assert born == dt.date(1954, 1, 1)
    assert seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day)) == 62
    with pytest.raises(ValueError, match=r"."):
        values.born(-1, seen)
