"""Whose value is falling: planted patients, why they fall, and that nobody flits to and fro."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.kinds import KINDS
from segmentation.kinds.falling import patience
from segmentation.scoring.falling import SEGMENTS, Judgement, Past, judge

TODAY = 20_000.0
DEFAULTS = patience(KINDS["falling"].defaults())
FALLING, STEADY = SEGMENTS.index("falling"), SEGMENTS.index("steady")

# Three years with the clinic, 12 visits of 5 000 ₽ a year: 60 000 ₽ a year before the last one. The forecast of one who
# has not left: 11 visits of 5 000 ₽.
REGULAR = {
    "first_visit_on": TODAY - 365 - 730.5, "last_visit_on": TODAY - 20, "next_visit_on": np.nan, "due_on": np.nan,
    "visits": 36, "visit_days": 36, "visits_365": 12, "money": 180_000, "money_365": 60_000,
    "p_alive": 0.98, "visits_12m": 0.98 * 11, "bill": 5_000,
}  # fmt: skip


def past(*patients: dict[str, Any]) -> Past:
    rows = [REGULAR | one for one in patients]
    return Past(**{name: np.array([row[name] for row in rows], dtype=np.float64) for name in REGULAR})


def judged(was_falling: bool = False, **differs: Any) -> Judgement:
    return judge(past(differs), np.array([was_falling]), TODAY, DEFAULTS)


def silent(p_alive: float, days: float = 200) -> dict[str, Any]:
    return {
        "p_alive": p_alive, "visits_12m": p_alive * 11, "last_visit_on": TODAY - days, "visits_365": 9, "visits": 33,
        "visit_days": 33, "money": 165_000, "money_365": 45_000,
    }  # fmt: skip


def in_last_year(visits: int, money: int) -> dict[str, Any]:
    return {
        "visits_365": visits, "visits": 24 + visits, "visit_days": 24 + visits, "money_365": money,
        "money": 120_000 + money,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("what", "segment", "reasons"),
    [
        ({}, STEADY, None),
        (silent(0.1), FALLING, ["silent"]),
        # 12 visits a year before, 3 in the last one: by chance less than once in a hundred.
        (in_last_year(3, 15_000), FALLING, ["comes_rarer"]),
        # As often as ever, 2 000 ₽ each time.
        (in_last_year(12, 24_000), FALLING, ["pays_less"]),
        # A third less is not half.
        (in_last_year(12, 40_000), STEADY, None),
        # Eight instead of twelve may be chance.
        (in_last_year(8, 40_000), STEADY, None),
        # Silent, but booked; silent, but nothing is due yet.
        (silent(0.1) | {"next_visit_on": TODAY + 5}, STEADY, None),
        (silent(0.1) | {"due_on": TODAY + 40}, STEADY, None),
        (silent(0.1) | {"due_on": TODAY - 40}, FALLING, ["silent"]),
    ],
)  # fmt: skip
def test_planted_patients(what: dict[str, Any], segment: int, reasons: list[str] | None) -> None:
    found = judged(**what)
    assert found.segments[0] == segment
    assert found.was[0] == pytest.approx(60_000)
    if reasons:
        assert found.reasons(0) == reasons


def test_silent_and_rarer_before_that_have_both_causes_the_larger_first() -> None:
    """P(alive) 0.5 leaves 5.5 visits of 11; the 2 of the last year are 2.75 times less than that, and 2 ÷ 5.5 < 0.5."""
    found = judged(**(silent(0.5) | in_last_year(2, 10_000)))
    assert found.reasons(0) == ["comes_rarer", "silent"]
    assert found.expected[0] == pytest.approx(2 * 5_000)


@pytest.mark.parametrize(
    "what",
    [
        {"first_visit_on": TODAY - 700},  # less than a year of past before the last one
        {"visits": 14, "visit_days": 14, "visits_365": 12},  # two visits before it
        {"money": 45_000},  # nothing paid before it
        {"last_visit_on": TODAY - 366},  # gone, not falling
        {"p_alive": np.nan, "visits_12m": np.nan, "bill": np.nan},  # no forecast
        {"p_alive": np.nan},  # nothing is known of the silence
        {"bill": np.nan},  # no model of the bill
    ],
)
def test_of_too_little_nothing_is_said(what: dict[str, Any]) -> None:
    assert judged(**(silent(0.1) | what)).segments[0] == -1


def test_small_sums_are_no_alarm() -> None:
    """A tenth of the money: 6 000 ₽ a year cannot fall by 10 000 ₽."""
    small = silent(0.1) | {"money": 16_500, "money_365": 4_500, "bill": 500}
    assert judged(**small).segments[0] == STEADY


def test_whoever_is_falling_stays_so_within_the_margin() -> None:
    """The border is 30 000 ₽ of 60 000; back at 36 000 ₽."""
    for share, before, segment in (
        (0.53, False, FALLING), (0.56, False, STEADY), (0.56, True, FALLING), (0.64, True, FALLING),
        (0.67, True, STEADY),
    ):  # fmt: skip
        assert judged(before, **silent(share)).segments[0] == segment, (share, before)


def test_a_value_that_swings_within_the_margin_moves_once() -> None:
    before, moves = False, 0
    for share in (0.6, 0.53, 0.56, 0.54, 0.53, 0.6, 0.54):
        now = bool(judged(before, **silent(share)).segments[0] == FALLING)
        moves += now != before
        before = now
    assert moves == 1 if before else moves == 0


@settings(max_examples=150, deadline=None)
@given(
    alive=st.floats(0.001, 1), later=st.floats(0, 1), days=st.integers(0, 300), more=st.integers(0, 60),
    visits=st.integers(0, 15), money=st.integers(0, 200_000), held=st.booleans(),
    due=st.one_of(st.none(), st.integers(-100, 100)),
)  # fmt: skip
def test_more_silence_never_makes_a_fall_go_away(
    alive: float, later: float, days: int, more: int, visits: int, money: int, held: bool, due: int | None
) -> None:
    """The same past, seen after more silence: P(alive) is smaller, what was due ahead may have passed."""
    now = REGULAR | in_last_year(visits, money) | {
        "last_visit_on": TODAY - days, "p_alive": alive, "visits_12m": alive * 11,
        "due_on": np.nan if due is None else TODAY + due,
    }  # fmt: skip
    longer = now | {
        "last_visit_on": TODAY - days - more, "p_alive": alive * later, "visits_12m": alive * later * 11,
        "due_on": now["due_on"] - more,
    }  # fmt: skip
    found = judge(past(now, longer), np.array([held, held]), TODAY, DEFAULTS)
    assert found.expected[1] <= found.expected[0] * (1 + 1e-9)
    if found.segments[0] == FALLING:
        assert found.segments[1] == FALLING


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 0.99), st.booleans())
def test_judged_twice_is_judged_the_same(alive: float, held: bool) -> None:
    once = judged(held, **silent(alive)).segments[0]
    assert judged(bool(once == FALLING), **silent(alive)).segments[0] == once


def test_thresholds_of_the_clinic_count() -> None:
    found = judge(past(silent(0.4)), np.array([False]), TODAY, replace(DEFAULTS, drop=0.7))
    assert found.segments[0] == STEADY


def test_cause_is_said_in_words_with_both_sums() -> None:
    kind = KINDS["falling"]
    with translation.override("en"):
        said = kind.reason({"reasons": ["silent", "pays_less"], "was": 60_000, "expected": 5_500})
        assert said.startswith("has fallen silent; pays less per visit: ")
        assert "60" in said and "5" in said
        assert kind.reason(None) == ""
        assert "50 %" in kind.describe({})
