"""Patients of whom it is known which cluster they belong to, and patients who belong to none."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Truth = NDArray[np.int64]
Rng = np.random.Generator


def _clouds(
    rng: Rng, people: int, k: int, features: int, apart: float, shares: list[float] | None = None
) -> tuple[Matrix, Truth]:
    """Round clouds of standard deviation 1 whose centres are at least `apart` from each other."""
    while True:
        centres = rng.normal(size=(k, features)) * apart
        distances = np.linalg.norm(centres[:, None] - centres[None], axis=2) + np.eye(k) * 1e9
        if distances.min() > apart:
            break
    truth = rng.choice(k, people, p=shares)
    return centres[truth] + rng.normal(size=(people, features)), truth


def unequal(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    return _clouds(rng, people, 3, 4, 7, [0.7, 0.2, 0.1])


def beside_noise(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    """Four clouds in three features, and three features that say nothing."""
    matrix, truth = _clouds(rng, people, 4, 3, 7)
    return np.hstack([matrix, rng.normal(size=(people, 3))]), truth


def corners(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    """Four clouds in the corners of a square: the features alone do not depend on each other."""
    truth = rng.integers(0, 4, people)
    return np.array([[0, 0], [0, 8], [8, 0], [8, 8]])[truth] + rng.normal(size=(people, 2)), truth


def logs(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    """Three long clusters side by side."""
    truth = rng.integers(0, 3, people)
    along = rng.normal(size=people) * 4
    across = along * 0.9 + truth * 4.5 + rng.normal(size=people) * 0.5
    return np.column_stack([along, across, rng.normal(size=people)]), truth


def outliers(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    """Three clouds; one patient in a hundred has figures thirty times too large."""
    matrix, truth = _clouds(rng, people, 3, 4, 6)
    matrix[rng.choice(people, people // 100, replace=False)] *= 30
    return matrix, truth


def clinic(rng: Rng, people: int) -> tuple[Matrix, Truth]:
    """Age, sex, bill, interval between visits, hour and visits of three kinds of patients."""
    truth = rng.choice(3, people, p=[0.4, 0.35, 0.25])
    return np.column_stack([
        np.clip(rng.normal(np.array([30, 48, 66])[truth], 5), 18, 90).round(),
        rng.random(people) < np.array([0.95, 0.5, 0.3])[truth],
        np.array([4000, 9000, 2500])[truth] * np.exp(rng.normal(size=people) * 0.3),
        np.array([30, 120, 300])[truth] * np.exp(rng.normal(size=people) * 0.25),
        np.clip(rng.normal(np.array([18.5, 14, 10])[truth], 1.2), 8, 21).round(),
        rng.poisson(np.array([10, 4, 3])[truth]) + 1,
    ]).astype(np.float64), truth  # fmt: skip


PLANTED: dict[str, Callable[[Rng, int], tuple[Matrix, Truth]]] = {
    "unequal": unequal, "beside_noise": beside_noise, "corners": corners, "logs": logs, "outliers": outliers,
    "clinic": clinic,
}  # fmt: skip


def _whole_numbers(rng: Rng, people: int) -> Matrix:
    """Age, visits, two yes-or-no features, the hour."""
    return np.column_stack([
        rng.integers(18, 80, people), rng.poisson(2, people) + 1, rng.random(people) < 0.6, rng.random(people) < 0.3,
        rng.integers(8, 21, people),
    ]).astype(np.float64)  # fmt: skip


def _bound_whole_numbers(rng: Rng, people: int) -> Matrix:
    """Age; visits, a yes-or-no feature that goes with them, a share in tenths."""
    hidden = rng.normal(size=people)
    return np.column_stack([
        np.clip(np.round(40 + 12 * rng.normal(size=people)), 18, 90), np.floor(np.exp(hidden * 0.8 + 0.7)),
        hidden + rng.normal(size=people) > 0.5, np.round(rng.beta(0.5, 3, people), 1),
    ]).astype(np.float64)  # fmt: skip


def _mixed(rng: Rng, people: int) -> Matrix:
    """Sex, something normal, an amount, a share that most do not have."""
    share = np.where(rng.random(people) < 0.6, 0, rng.random(people) * 0.4)
    yes = rng.random(people) < 0.5
    return np.column_stack([yes, rng.normal(size=people), np.exp(rng.normal(size=people)), share]).astype(np.float64)


def _visits(rng: Rng, people: int) -> Matrix:
    """Visits, money that grows with them, age, days since the last visit."""
    visits = rng.negative_binomial(1, 0.25, people) + 1
    money = visits * 3000 * np.exp(rng.normal(size=people) * 0.6)
    days = rng.exponential(200, people)
    return np.column_stack([visits, money, rng.integers(18, 80, people), days]).astype(np.float64)


NOISE: dict[str, Callable[[Rng, int], Matrix]] = {
    "uniform": lambda rng, people: rng.random((people, 4)),
    "uniform_square": lambda rng, people: rng.random((people, 2)),
    "gaussian": lambda rng, people: rng.normal(size=(people, 5)),
    "gaussian_8": lambda rng, people: rng.normal(size=(people, 8)),
    "correlated": lambda rng, people: rng.normal(size=(people, 5)) @ rng.normal(size=(5, 5)),
    "one_factor": lambda rng, people: rng.normal(size=(people, 1)) + 0.3 * rng.normal(size=(people, 4)),
    "log_normal": lambda rng, people: np.exp(rng.normal(size=(people, 4)) @ rng.normal(size=(4, 4)) * 0.5 + 8),
    "heavy_tails": lambda rng, people: rng.standard_t(4, size=(people, 5)),
    "whole_numbers": _whole_numbers,
    "bound_whole_numbers": _bound_whole_numbers,
    "yes_or_no": lambda rng, people: (rng.random((people, 4)) < [0.5, 0.3, 0.7, 0.2]).astype(np.float64),
    "mixed": _mixed,
    "visits": _visits,
}


def levels(rng: Rng, people: int, count: int) -> Matrix:
    """One category, a column for each of its levels; some are three times as frequent as others."""
    shares = np.linspace(1, 3, count)
    return np.eye(count)[rng.choice(count, people, p=shares / shares.sum())]


def _sex_and_channel(rng: Rng, people: int) -> tuple[Matrix, list[range]]:
    return np.column_stack([rng.random(people) < 0.6, levels(rng, people, 10)]), [range(1, 11)]


def _bill_discount_channel(rng: Rng, people: int) -> tuple[Matrix, list[range]]:
    """The bill depends on the first channel; most have no discount."""
    channel = levels(rng, people, 6)
    bill = np.exp(8 + 0.5 * channel[:, 0] + 0.6 * rng.normal(size=people))
    discount = np.where(rng.random(people) < 0.6, 0, rng.random(people) * 0.3)
    return np.column_stack([bill, discount, channel]), [range(2, 8)]


def _one_service_each(rng: Rng, people: int) -> tuple[Matrix, list[range]]:
    """Those who came once: all the money went to one service; age, and whether it was a weekend."""
    return np.column_stack([
        levels(rng, people, 5), rng.integers(18, 80, people), rng.random(people) < 0.3,
    ]), [range(5)]  # fmt: skip


def _largest_levels_only(rng: Rng, people: int) -> tuple[Matrix, list[range]]:
    """Six of ten channels have a column, beside sex and age."""
    return np.column_stack([
        levels(rng, people, 10)[:, 4:], rng.random(people) < 0.6, rng.normal(45, 14, people).round(),
    ]), [range(6)]  # fmt: skip


CATEGORIES: dict[str, Callable[[Rng, int], tuple[Matrix, list[range]]]] = {
    "sex_and_channel": _sex_and_channel, "bill_discount_channel": _bill_discount_channel,
    "one_service_each": _one_service_each, "largest_levels_only": _largest_levels_only,
}  # fmt: skip
