"""RFM scores: borders, ties, lateness, memory, and the table of cells."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.scoring import rfm
from segmentation.scoring.hysteresis import band_of, quantile_borders, sticky_band_of

NOBODY = np.zeros(0, dtype=np.int8)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def unknown(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.int8)


@pytest.mark.parametrize(
    ("cell", "segment"),
    [
        ("555", "champions"), ("444", "champions"), ("544", "champions"),
        ("155", "cant_lose"), ("244", "cant_lose"), ("144", "cant_lose"),
        ("344", "loyal"), ("355", "loyal"), ("552", "loyal"), ("425", "loyal"), ("334", "loyal"),
        ("511", "new"), ("515", "new"), ("513", "new"),
        ("521", "promising"), ("433", "promising"), ("551", "promising"),
        ("411", "needs_attention"), ("415", "needs_attention"),
        ("311", "needs_attention"), ("333", "needs_attention"), ("315", "needs_attention"),
        ("233", "at_risk"), ("115", "at_risk"), ("253", "at_risk"), ("151", "at_risk"),
        ("211", "hibernating"), ("223", "hibernating"), ("232", "hibernating"),
        ("111", "lost"), ("123", "lost"), ("141", "lost"),
    ],
)  # fmt: skip
def test_cell_belongs_to_its_segment(cell: str, segment: str) -> None:
    r, f, m = (int(score) for score in cell)
    assert rfm.cell_segment(r, f, m) == segment
    assert rfm.SEGMENTS[rfm.CELLS[r, f, m]] == segment


def test_every_cell_has_exactly_one_segment_and_every_segment_a_cell() -> None:
    cells = [rfm.CELLS[r, f, m] for r, f, m in itertools.product(range(1, 6), repeat=3)]
    assert len(cells) == 125
    assert set(cells) == set(range(len(rfm.SEGMENTS)))


def test_patient_without_a_visit_is_in_no_cell() -> None:
    zero = unknown(1)
    assert rfm.segments_of(zero, zero, zero).tolist() == [-1]


def test_more_recency_never_makes_a_segment_worse_off() -> None:
    """Within the same frequency and money, a better R never turns a living segment into a lost one."""
    gone = {"lost", "hibernating", "at_risk", "cant_lose"}
    for r, f, m in itertools.product(range(1, 5), range(1, 6), range(1, 6)):
        if rfm.cell_segment(r, f, m) not in gone:
            assert rfm.cell_segment(r + 1, f, m) not in gone


def test_borders_cut_ten_different_values_into_fifths() -> None:
    values = np.arange(1.0, 11.0)
    assert rfm.fit_borders(values) == [2, 4, 6, 8]
    assert band_of(values, [2, 4, 6, 8]).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_ties_share_the_lower_score() -> None:
    visits = floats(1, 1, 1, 1, 1, 1, 2, 3, 4, 9)
    borders = rfm.fit_borders(visits)
    assert borders == [1, 1, 1, 3]
    assert band_of(visits, borders).tolist() == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]


def test_a_base_of_equals_is_not_praised() -> None:
    same = np.full(7, 3.0)
    assert set(band_of(same, rfm.fit_borders(same)).tolist()) == {1}


def test_an_empty_base_can_be_fitted() -> None:
    assert rfm.fit_borders(floats()) == [0, 0, 0, 0]
    assert quantile_borders(floats(np.nan), (0.5,)) == [0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_equal_values_never_get_different_scores_and_order_is_kept(values: list[float]) -> None:
    array = np.array(values + values)
    scores = band_of(array, rfm.fit_borders(array))
    assert (scores[: len(values)] == scores[len(values) :]).all()
    order = np.argsort(array, kind="stable")
    assert (np.diff(scores[order].astype(int)) >= 0).all()
    assert scores.min() >= 1
    assert scores.max() <= 5


def test_recency_in_own_cycles() -> None:
    days = floats(120, 120, 120, 20)
    cycle = floats(365, 30, np.nan, 5)
    cycles = rfm.cycles_since(days, cycle, default_cycle=240, shortest_cycle=30)
    assert cycles == pytest.approx([120 / 365, 4.0, 0.5, 20 / 30])


def test_yearly_check_up_is_fresh_in_month_four_and_a_monthly_course_is_not() -> None:
    cycles = rfm.cycles_since(floats(120, 120), floats(365, 30), default_cycle=365, shortest_cycle=30)
    late = rfm.is_late(floats(np.nan, np.nan), cycles, 1000)
    assert rfm.recency_score(cycles, [1, 1.5, 2, 3], late, unknown(2), 0.1).tolist() == [5, 1]


def test_a_base_in_which_everybody_is_late_does_not_look_fresh() -> None:
    days = np.arange(400.0, 500.0)
    late = rfm.is_late(np.full(100, 900.0), np.full(100, 0.5), as_of=1000)
    scores = rfm.recency_score(days, rfm.fit_borders(days), late, unknown(100), 0.1)
    assert scores.max() == 4
    assert scores.min() == 1


def test_memory_does_not_shield_the_late() -> None:
    before = np.array([5], dtype=np.int8)
    assert rfm.recency_score(floats(1.05), [1, 1.5, 2, 3], np.array([False]), before, 0.1).tolist() == [5]
    assert rfm.recency_score(floats(1.05), [1, 1.5, 2, 3], np.array([True]), before, 0.1).tolist() == [4]


@given(
    border=st.floats(1, 1e6),
    margin=st.floats(0.01, 0.5),
    start=st.integers(1, 2),
    # Not the very ends: there rounding decides on which side a value lies.
    swings=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=30),
)
def test_swinging_within_the_margin_moves_once_at_most(
    border: float, margin: float, start: int, swings: list[float]
) -> None:
    """Values between border × (1 − margin) and border × (1 + margin), in any order."""
    band = np.array([start], dtype=np.int8)
    seen = [start]
    for swing in swings:
        value = floats(border * (1 + margin * (2 * swing - 1)))
        band = sticky_band_of(value, [border], band, margin)
        seen.append(int(band[0]))
    assert sum(a != b for a, b in itertools.pairwise(seen)) <= 1
    inside = [swing for swing in swings if 0.001 < swing < 0.999]
    if inside == swings:
        assert len(set(seen)) == 1


@given(
    borders=st.lists(st.floats(1, 1e6), min_size=4, max_size=4).map(sorted),
    value=st.floats(0, 2e6),
    before=st.integers(0, 5),
    margin=st.floats(0, 0.5),
)
def test_memory_is_applied_once(borders: list[float], value: float, before: int, margin: float) -> None:
    """The same value again changes nothing: a night run twice ends in the same scores."""
    once = sticky_band_of(floats(value), borders, np.array([before], dtype=np.int8), margin)
    assert sticky_band_of(floats(value), borders, once, margin).tolist() == once.tolist()


def test_a_clear_change_moves_at_once_and_over_several_bands() -> None:
    borders, before = [10.0, 20.0, 30.0, 40.0], np.array([1, 1, 5, 2], dtype=np.int8)
    assert sticky_band_of(floats(11.5, 45, 5, 10.5), borders, before, 0.1).tolist() == [2, 5, 1, 2]


def test_nobody_stays_in_a_band_that_a_refit_has_emptied() -> None:
    assert sticky_band_of(floats(1), [1, 1, 2, 4], np.array([2], dtype=np.int8), 0.1).tolist() == [1]


def test_unknown_values_have_no_band() -> None:
    assert sticky_band_of(floats(np.nan), [1, 2], np.array([2], dtype=np.int8), 0.1).tolist() == [0]
