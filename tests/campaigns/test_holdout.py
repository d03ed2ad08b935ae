"""Hold-out and variants: fair, independent, and the same in SQL and in Python."""

import itertools
from collections import Counter

import pytest
from django.db import connection

from campaigns.planning.holdout import DIGEST_SQL, held_out, held_out_sql, variant, variant_sql

MANY = range(1, 100_001)
# Upper 0.1 % points of the chi-square distribution by degrees of freedom.
UNLIKELY = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}


def chi_square(observed: list[int], expected: list[float]) -> float:
    return sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))


@pytest.mark.parametrize("percent", [1, 10, 37, 50, 90])
def test_hold_out_has_its_share(percent: int) -> None:
    held = sum(held_out("autumn", patient, percent) for patient in MANY)
    expected = len(MANY) * percent / 100
    assert chi_square([held, len(MANY) - held], [expected, len(MANY) - expected]) < UNLIKELY[1]


@pytest.mark.parametrize("weights", [[1, 1], [1, 2, 3], [9, 1], [1, 1, 1, 1, 1]])
def test_variants_have_the_shares_of_their_weights(weights: list[int]) -> None:
    drawn = Counter(variant("autumn", patient, weights) for patient in MANY)
    expected = [len(MANY) * weight / sum(weights) for weight in weights]
    assert chi_square([drawn[i] for i in range(len(weights))], expected) < UNLIKELY[len(weights) - 1]


def test_nobody_and_a_single_variant() -> None:
    assert not any(held_out("s", patient, 0) for patient in range(1, 2000))
    assert {variant("s", patient, [3]) for patient in range(1, 200)} == {0}


def test_salts_and_the_two_draws_are_independent_of_each_other() -> None:
    def table(first: list[bool], second: list[bool]) -> float:
        counts = Counter(zip(first, second, strict=True))
        p, q = sum(first) / len(first), sum(second) / len(second)
        cells = [(a, b) for a, b in itertools.product((True, False), repeat=2)]
        expected = [len(first) * (p if a else 1 - p) * (q if b else 1 - q) for a, b in cells]
        return chi_square([counts[cell] for cell in cells], expected)

    autumn = [held_out("autumn", patient, 30) for patient in MANY]
    winter = [held_out("winter", patient, 30) for patient in MANY]
    letters = [variant("autumn", patient, [1, 1]) == 0 for patient in MANY]
    assert table(autumn, winter) < UNLIKELY[1]
    assert table(autumn, letters) < UNLIKELY[1]


def test_a_larger_hold_out_contains_the_smaller_one() -> None:
    assert all(held_out("s", patient, 20) for patient in range(1, 5000) if held_out("s", patient, 10))


@pytest.mark.django_db
@pytest.mark.parametrize("salt", ["", "autumn", "соль: 1", "a'b%"])
def test_the_database_decides_as_python_does(salt: str) -> None:
    weights = [3, 1, 2]
    choices = variant_sql("digest", [(10 + i, weight) for i, weight in enumerate(weights)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT n, {held_out_sql('digest', 17)}, {choices} "
            f"FROM (SELECT n, {DIGEST_SQL.format(patient='n')} AS digest FROM "
            "(SELECT generate_series(1, 3000) UNION ALL SELECT 9223372036854775807) g(n)) drawn",
            {"salt": salt},
        )
        for patient, held, letter in cursor.fetchall():
            assert held == held_out(salt, patient, 17)
            assert letter == 10 + variant(salt, patient, weights)
