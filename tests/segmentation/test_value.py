"""LTV worked out by hand, and the tiers with their reasons."""

import numpy as np
import pytest

from segmentation.scoring import value
from segmentation.scoring.value import TIERS

YEAR = 365.25
TODAY = 4000.0


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def ltv(money: float, days: int, first: float, last: float, *, gone: bool = False, lifetime: float = 4.0) -> float:
    """One patient; first and last visit in days before today."""
    result = value.lifetime_value(
        array(money), array(days), array(TODAY - first), array(TODAY - last), np.array([gone]), TODAY, lifetime
    )
    return float(result[0])


def test_active_patient_of_two_years_is_extrapolated_to_the_mean_lifetime() -> None:
    """8 visits of 3 000 ₽ in 24 months: 3 000 × 4 a year × 4 years = 48 000 ₽."""
    assert ltv(24_000, 8, first=731, last=20) == 48_000


def test_part_of_a_year_counts_in_whole_months() -> None:
    """18 months: 6 visits of 2 000 ₽ = 4 a year; 2 000 × 4 × 4 = 32 000 ₽; the same a week later."""
    assert ltv(12_000, 6, first=550, last=20) == 32_000
    assert ltv(12_000, 6, first=557, last=27) == 32_000


def test_short_history_is_taken_as_a_year() -> None:
    """3 visits of 5 000 ₽ in one month are 3 a year: 5 000 × 3 × 4 = 60 000 ₽."""
    assert ltv(15_000, 3, first=30, last=2) == 60_000


def test_one_visit_is_worth_its_bill() -> None:
    assert ltv(7_000, 1, first=3, last=3) == 7_000
    assert ltv(7_000, 1, first=900, last=900) == 7_000


def test_gone_patient_is_worth_what_was_paid() -> None:
    assert ltv(90_000, 12, first=2000, last=800, gone=True) == pytest.approx(90_000, abs=0.01)


def test_patient_older_than_the_mean_lifetime_is_worth_what_was_paid() -> None:
    assert ltv(50_000, 20, first=6 * YEAR, last=10) == pytest.approx(50_000, abs=0.01)


def test_no_visit_no_ltv() -> None:
    assert np.isnan(ltv(0, 0, first=np.nan, last=np.nan))


def test_mean_lifetime_is_time_spent_by_all_over_the_number_gone() -> None:
    """Two gone after 1 and 3 years, one here for 4 years; the one-visit patient does not count: (1 + 3 + 4) / 2 = 4."""
    first = TODAY - array(5, 6, 4, 1) * YEAR
    last = TODAY - array(4, 3, 0, 1) * YEAR
    gone = np.array([True, True, False, True])
    assert value.mean_lifetime(first, last, array(5, 5, 5, 1), gone, TODAY) == pytest.approx(4.0)


def test_mean_lifetime_recovers_a_simulated_one() -> None:
    """Exponential lifetimes of 3 years, observed over 4: the estimate is within four standard errors."""
    rng = np.random.default_rng(7)
    count = 4000
    first = TODAY - rng.uniform(0, 4, count) * YEAR
    end = first + rng.exponential(3, count) * YEAR
    gone = end < TODAY
    estimate = value.mean_lifetime(first, np.minimum(end, TODAY), np.full(count, 2.0), gone, TODAY)
    assert abs(estimate - 3) < 4 * 3 / np.sqrt(gone.sum())


def test_nobody_gone_means_no_end_in_sight() -> None:
    assert value.mean_lifetime(array(0), array(100), array(3), np.array([False]), 100) == np.inf


def test_who_is_gone() -> None:
    last = TODAY - array(400, 400, 400, 300)
    due = array(np.nan, TODAY + 10, TODAY - 10, np.nan)
    assert value.is_gone(last, due, np.full(4, np.nan), TODAY, 365).tolist() == [True, False, True, False]
    assert value.is_gone(last, due, np.full(4, TODAY + 5), TODAY, 365).tolist() == [False] * 4


PATIENCE = value.Patience(
    cancelled_share=0.5, cancelled_events=3, complaints=2, discount_share=0.3, discount_visits=3, loss_visits=2,
    margin=0.1,
)  # fmt: skip


def bits(was: bool = False, **facts: float) -> set[str]:
    values = {
        "cancelled_365": 0.0, "visits_365": 4.0, "complaints_365": 0.0, "discount_share": 0.0, "visits": 4.0,
        "margin": 100.0,
    } | facts  # fmt: skip
    found = value.unprofitable_reasons(
        **{name: array(number) for name, number in values.items()}, was_unprofitable=np.array([was]), patience=PATIENCE
    )
    return {name for bit, name in enumerate(value.UNPROFITABLE) if found[0] & 1 << bit}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, set()),
        ({"cancelled_365": 1, "visits_365": 0, "visits": 1}, set()),  # one cancellation condemns nobody
        ({"cancelled_365": 2, "visits_365": 1}, set()),
        ({"cancelled_365": 3, "visits_365": 3}, {"cancels_often"}),
        ({"cancelled_365": 3, "visits_365": 4}, set()),
        ({"complaints_365": 1}, set()),
        ({"complaints_365": 2}, {"complains"}),
        ({"discount_share": 0.3, "visits": 3}, {"discount_hunter"}),
        ({"discount_share": 0.9, "visits": 2}, set()),
        ({"discount_share": np.nan}, set()),
        ({"margin": -1, "visits": 2}, {"negative_margin"}),
        ({"margin": -1, "visits": 1}, set()),
        ({"margin": -1, "complaints_365": 3}, {"negative_margin", "complains"}),
    ],
)
def test_reasons_need_enough_events(facts: dict[str, float], expected: set[str]) -> None:
    assert bits(**facts) == expected


def test_the_unprofitable_must_improve_clearly() -> None:
    assert bits(discount_share=0.28) == set()
    assert bits(was=True, discount_share=0.28) == {"discount_hunter"}
    assert bits(was=True, discount_share=0.26) == set()


def tier(worth: float, days: int = 5, reasons: int = 0, before: str | None = None) -> tuple[str | None, list[str]]:
    index = np.array([TIERS.index(before) if before else -1], dtype=np.int8)
    tiers, found = value.tiers_of(
        array(worth), array(days), np.array([reasons], dtype=np.uint8), (3000, 100_000), index, 0.1
    )
    code = TIERS[tiers[0]] if tiers[0] >= 0 else None
    return code, [name for bit, name in enumerate(value.REASONS) if found[0] & 1 << bit]


@pytest.mark.parametrize(
    ("worth", "days", "reasons", "expected"),
    [
        (np.nan, 0, 0, (None, [])),
        (150_000, 5, 0, ("vip", ["high_ltv"])),
        (150_000, 1, 0, ("vip", ["high_ltv"])),
        (50_000, 5, 0, ("stable", ["regular"])),
        (50_000, 1, 0, ("one_off", ["single_visit"])),
        (2_000, 2, 0, ("one_off", ["low_ltv"])),
        (50_000, 5, 0b0001, ("unprofitable", ["cancels_often"])),
        (50_000, 5, 0b0110, ("unprofitable", ["complains", "discount_hunter"])),
        (150_000, 5, 0b0010, ("vip", ["high_ltv"])),  # a VIP who complains is listened to
        (150_000, 5, 0b1000, ("unprofitable", ["negative_margin"])),
    ],
)
def test_tier_and_its_reasons(worth: float, days: int, reasons: int, expected: tuple[str | None, list[str]]) -> None:
    assert tier(worth, days, reasons) == expected


def test_tier_on_a_border_keeps_its_place() -> None:
    assert tier(105_000, before="stable")[0] == "stable"
    assert tier(111_000, before="stable")[0] == "vip"
    assert tier(95_000, before="vip")[0] == "vip"
    assert tier(89_000, before="vip")[0] == "stable"
