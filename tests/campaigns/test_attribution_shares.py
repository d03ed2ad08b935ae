"""Shares: published examples, exact coverage, and campaigns with a planted truth."""

import numpy as np
import pytest
from scipy import stats

from campaigns.attribution import (
    Group,
    Verdict,
    chance,
    corrected,
    enough,
    estimate,
    share_difference,
    share_interval,
    smallest_visible,
)  # fmt: skip

# R. Newcombe, Statistics in Medicine 17 (1998) 873–890, table II, method 6 (Miettinen–Nurminen).
NEWCOMBE = [
    (56, 70, 48, 80, 0.0528, 0.3382),
    (9, 10, 3, 10, 0.1700, 0.8406),
    (6, 7, 2, 7, 0.0342, 0.8534),
    (5, 56, 0, 29, -0.0326, 0.1933),
    (0, 10, 0, 20, -0.1658, 0.2844),
    (0, 10, 0, 10, -0.2879, 0.2879),
    (10, 10, 0, 20, 0.7156, 1.0000),
    (10, 10, 0, 10, 0.6636, 1.0000),
]


def group(came: int, n: int) -> Group:
    return Group(n=n, came=came)


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), NEWCOMBE)
def test_published_intervals_are_reproduced(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    found = share_difference(group(a, m), group(b, n))
    assert found.value == pytest.approx(a / m - b / n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_swapping_the_groups_mirrors_the_interval() -> None:
    one, two = group(17, 431), group(9, 60)
    there, back = share_difference(one, two), share_difference(two, one)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_wilsons_interval_of_one_share() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857–872, table I: 81/263, 15/148, 0/20, 1/29."""
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611),
                 (1, 29): (0.0061, 0.1718)}  # fmt: skip
    for (came, n), bounds in published.items():
        found = share_interval(came, n)
        assert (round(found.low, 4), round(found.high, 4)) == bounds


def test_fishers_exact_test_of_the_tea() -> None:
    """Fisher 1935: three of four cups told rightly: one-sided 17/70, two-sided 34/70."""
    assert chance(group(3, 4), group(1, 4)) == pytest.approx(34 / 70)


def weights(n: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts with all but a millionth of the probability."""
    counts = np.arange(int(stats.binom.ppf(5e-7, n, p)), int(stats.binom.ppf(1 - 5e-7, n, p)) + 1)
    return counts, stats.binom.pmf(counts, n, p)


@pytest.mark.parametrize("treated", [50, 450])
@pytest.mark.parametrize(("base", "lift"), [(0.02, 0.0), (0.05, 0.05), (0.15, 0.0)])
def test_smallest_holdouts_are_covered_exactly(treated: int, base: float, lift: float) -> None:
    """Not simulated: every possible outcome with its probability, 50 patients in the hold-out."""
    ours, theirs = weights(treated, base + lift), weights(50, base)
    keep = ours[1] > 1e-4
    covered = called = total = 0.0
    for x, px in zip(ours[0][keep], ours[1][keep], strict=True):
        for y, py in zip(*theirs, strict=True):
            if py < 1e-4:
                continue
            found = estimate(group(int(x), treated), group(int(y), 50))
            assert found.difference
            covered += px * py * (found.difference.low <= lift <= found.difference.high)
            called += px * py * found.believable
            total += px * py
    assert covered / total >= 0.94
    if not lift:
        assert called / total <= 0.05


REALISTIC = [
    # patients treated, held out, share that comes anyway, planted uplift
    (450, 50, 0.10, 0.05),
    (450, 50, 0.30, -0.10),
    (900, 100, 0.08, 0.03),
    (1_800, 200, 0.05, 0.03),
    (4_500, 500, 0.02, 0.01),
    (2_000, 500, 0.15, 0.04),
    (18_000, 2_000, 0.061, 0.023),
    (2_000, 2_000, 0.30, 0.02),
]


@pytest.mark.parametrize(("treated", "held", "base", "lift"), REALISTIC)
def test_planted_uplift_is_covered_by_95_percent_of_the_intervals(
    treated: int, held: int, base: float, lift: float
) -> None:
    """1 000 simulated campaigns each: between 93 and 97 % of the intervals hold the truth."""
    rng = np.random.default_rng(int(treated + 1_000_000 * base))
    covered = 0
    for x, y in zip(rng.binomial(treated, base + lift, 1000), rng.binomial(held, base, 1000), strict=True):
        found = share_difference(group(int(x), treated), group(int(y), held))
        covered += found.low <= lift <= found.high
    assert 930 <= covered <= 970


@pytest.mark.parametrize(("treated", "held", "base"), [row[:3] for row in REALISTIC])
def test_zero_uplift_is_called_real_in_no_more_than_5_percent(treated: int, held: int, base: float) -> None:
    rng = np.random.default_rng(int(held + 1_000_000 * base))
    called = sum(
        estimate(group(int(x), treated), group(int(y), held)).believable
        for x, y in zip(rng.binomial(treated, base, 1000), rng.binomial(held, base, 1000), strict=True)
    )
    assert called <= 50


def test_real_uplift_is_found_as_often_as_the_sample_size_promises() -> None:
    """At the size `enough` asks for, 80 % of the campaigns with this uplift are believed."""
    base, lift, part = 0.06, 0.03, 0.8
    n = enough(group(round(0.09 * 80_000_000), 80_000_000), group(round(0.06 * 20_000_000), 20_000_000)).needed
    assert n
    treated, held = round(n * part), round(n * (1 - part))
    rng = np.random.default_rng(11)
    called = sum(
        estimate(group(int(x), treated), group(int(y), held)).verdict == Verdict.GAIN
        for x, y in zip(rng.binomial(treated, base + lift, 1000), rng.binomial(held, base, 1000), strict=True)
    )
    assert 0.72 <= called / 1000 <= 0.86


def test_verdicts() -> None:
    nobody = Group()
    assert estimate(nobody, nobody).verdict == Verdict.NOTHING_YET
    assert estimate(group(10, 100), nobody, planned_holdout=False).verdict == Verdict.NO_HOLDOUT
    assert estimate(group(100, 900), group(2, 100), complete=False).verdict == Verdict.RUNNING
    assert estimate(group(100, 900), group(2, 100)).verdict == Verdict.GAIN
    assert estimate(group(20, 900), group(9, 100)).verdict == Verdict.HARM
    assert estimate(group(70, 900), group(6, 100)).verdict == Verdict.NOT_SHOWN
    assert estimate(group(3, 90), group(0, 10)).verdict == Verdict.SMALL
    assert estimate(group(1, 900), group(1, 100)).verdict == Verdict.SMALL


def test_extra_patients_are_the_difference_times_the_treated() -> None:
    found = estimate(group(90, 900), group(6, 100))
    assert found.extra and found.extra.value == pytest.approx((0.10 - 0.06) * 900)


def test_several_comparisons_hold_together() -> None:
    assert corrected(1) == 0.95
    assert corrected(5) == pytest.approx(0.99)
    one, two = group(90, 900), group(6, 100)
    wide, narrow = share_difference(one, two, corrected(5)), share_difference(one, two)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_missing_patients_and_weeks() -> None:
    found = enough(group(80, 900), group(6, 100), per_week=250)
    assert 0 < found.effect < 80 / 900 - 6 / 100  # drawn towards nothing
    assert found.needed and found.more == found.needed - 1000
    big = enough(group(1_000, 9_000), group(60, 1_000), per_week=250)
    assert (big.more, big.weeks) == (0, 0)
    assert enough(group(90, 900), group(10, 100)).needed is None  # no effect seen: no size would show it
    assert enough(group(80, 900), group(6, 100)).weeks is None  # nobody comes in
    tiny = enough(group(9_050, 90_000), group(1_000, 10_000), per_week=100)
    assert tiny.more and tiny.weeks is None  # not within three years


def test_smallest_visible_difference_shrinks_with_the_root_of_the_patients() -> None:
    assert smallest_visible(900, 100, 0.06) == pytest.approx(2 * smallest_visible(3600, 400, 0.06))
    # Fleiss: two groups of 1 000, a tenth comes: 2.8016 · √(0.09 · 2 ÷ 1 000)
    assert smallest_visible(1000, 1000, 0.1) == pytest.approx(0.03759, abs=1e-5)


def test_empty_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        share_difference(group(1, 10), Group())
    with pytest.raises(ValueError, match="no share"):
        share_interval(3, 2)
