"""Satisfaction × profit: the whole truth table."""

import numpy as np
import pytest

from segmentation.scoring import satisfaction
from segmentation.scoring.satisfaction import GROUPS, MOODS

TODAY = 1000.0
LIMITS = {"answer_days": 365, "happy_from": 9, "unhappy_to": 6}


@pytest.mark.parametrize(
    ("score", "answered", "complaints", "mood"),
    [
        (10, 10, 0, "happy"), (9, 364, 0, "happy"), (8, 10, 0, "neutral"), (7, 10, 0, "neutral"),
        (6, 10, 0, "unhappy"), (0, 10, 0, "unhappy"),
        (10, 10, 1, "unhappy"), (np.nan, np.nan, 1, "unhappy"), (10, 700, 2, "unhappy"),
        (np.nan, np.nan, 0, "no_answer"), (10, 365, 0, "no_answer"), (0, 366, 0, "no_answer"),
    ],
)  # fmt: skip
def test_mood(score: float, answered: float, complaints: int, mood: str) -> None:
    found = satisfaction.mood_of(
        np.array([score]), np.array([TODAY - answered]), np.array([float(complaints)]), TODAY, **LIMITS
    )
    assert MOODS[found[0]] == mood


@pytest.mark.parametrize(
    ("mood", "groups"),
    [
        ("happy", ["b", "v", "a"]),
        ("neutral", ["v", "v", "v"]),
        ("unhappy", ["g", "d", "d"]),
        ("no_answer", ["unknown"] * 3),
    ],
)
def test_group_by_mood_and_profit_band(mood: str, groups: list[str]) -> None:
    found = satisfaction.groups_of(np.full(3, MOODS.index(mood), dtype=np.int8), np.array([1, 2, 3], dtype=np.int8))
    assert [GROUPS[index] for index in found] == groups


def test_without_a_visit_in_no_group() -> None:
    for mood in range(len(MOODS)):
        found = satisfaction.groups_of(np.array([mood], dtype=np.int8), np.array([0], dtype=np.int8))
        assert found.tolist() == [-1]


def test_profit_borders_are_those_of_the_year_s_visitors() -> None:
    margin = np.array([0.0] * 90 + [float(n) for n in range(1, 11)])
    visits = np.array([0.0] * 90 + [1.0] * 10)
    assert satisfaction.fit_profit_borders(margin, visits, 0.3, 0.2) == [3, 8]
