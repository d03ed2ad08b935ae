"""Money per patient and pooled campaigns: simulated clinics whose truth is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from campaigns.attribution import Group, Stratum, money_difference, payers_enough, pooled, share_difference

MEDIAN, SIGMA = 6_000.0, 0.9  # ₽ paid by those who pay: log-normal, as bills of clinics are


def pay(rng: np.random.Generator, n: int, share: float, sigma: float = SIGMA) -> Group:
    amounts: NDArray[np.float64] = rng.lognormal(np.log(MEDIAN), sigma, rng.binomial(n, share)).round(2)
    return Group(
        n=n, came=len(amounts), visits=len(amounts), paid=len(amounts), money=float(amounts.sum()),
        money2=float((amounts**2).sum()),
    )  # fmt: skip


def mean(share: float, sigma: float = SIGMA) -> float:
    return share * MEDIAN * float(np.exp(sigma**2 / 2))


@pytest.mark.parametrize(
    ("treated", "held", "base", "lift", "sigma"),
    [
        (1_800, 200, 0.05, 0.03, 0.6),
        (1_800, 200, 0.25, 0.0, 0.9),
        (4_500, 500, 0.02, 0.02, 0.9),
        (4_500, 500, 0.08, 0.04, 1.1),
        (500, 500, 0.10, 0.03, 0.9),
        (18_000, 2_000, 0.06, 0.02, 0.9),
    ],
)
def test_planted_money_is_covered(treated: int, held: int, base: float, lift: float, sigma: float) -> None:
    rng = np.random.default_rng(int(treated * sigma + 1000 * lift))
    truth = mean(base + lift, sigma) - mean(base, sigma)
    covered = 0
    for _ in range(1000):
        found = money_difference(pay(rng, treated, base + lift, sigma), pay(rng, held, base, sigma))
        covered += found.low <= truth <= found.high
    assert 930 <= covered <= 985


@pytest.mark.parametrize(("treated", "held", "base"), [(450, 50, 0.02), (450, 50, 0.10), (900, 100, 0.04)])
def test_small_holdouts_get_intervals_that_are_too_wide_rather_than_too_narrow(
    treated: int, held: int, base: float
) -> None:
    """Welch's interval covers 65–90 % here: a hold-out of 50 often has nobody who paid."""
    rng = np.random.default_rng(held)
    covered = 0
    for _ in range(1000):
        found = money_difference(pay(rng, treated, base), pay(rng, held, base))
        covered += found.low <= 0 <= found.high
    assert covered >= 940


def test_money_by_hand() -> None:
    """Two of four paid 100 and 300 against one of two who paid 200: 100 − 100; the spread from all three payers."""
    one = Group(n=4, came=2, paid=2, money=400, money2=100**2 + 300**2)
    two = Group(n=2, came=1, paid=1, money=200, money2=200**2)
    found = money_difference(one, two)
    z2 = 1.959964**2
    m1, m2 = 600 / 3, 140_000 / 3
    q1, q2 = (2 + z2 / 2) / (4 + z2), (1 + z2 / 2) / (2 + z2)
    half = (z2 * ((q1 * m2 - (q1 * m1) ** 2) / 4 + (q2 * m2 - (q2 * m1) ** 2) / 2)) ** 0.5
    assert found.value == 0
    assert found.high == pytest.approx(half, rel=1e-5)
    assert not payers_enough(one, two)


def test_refunds_count_against_the_money() -> None:
    found = money_difference(Group(n=10, paid=2, money=-500, money2=10_000 + 360_000), Group(n=10))
    assert found.value == -50


def test_nobody_paid() -> None:
    found = money_difference(Group(n=10), Group(n=10))
    assert (found.value, found.low, found.high) == (0, 0, 0)


# --- Pooled -----------------------------------------------------------------------------------------------------
def test_simpsons_paradox_does_not_fool_the_pool() -> None:
    """Both campaigns lose 5 points; thrown together the treated would look 20 points better."""
    eager = Stratum(Group(n=9000, came=4050), Group(n=1000, came=500))
    cold = Stratum(Group(n=1000, came=50), Group(n=9000, came=900))
    found = pooled([eager, cold])
    assert found
    assert (4050 + 50) / 10_000 > (500 + 900) / 10_000
    assert found.difference.value == pytest.approx(-0.05)
    assert found.difference.high < 0


def test_one_campaign_alone_has_the_interval_of_a_campaign() -> None:
    one, two = Group(n=43, came=21), Group(n=4)
    found, alone = pooled([Stratum(one, two)]), share_difference(one, two)
    assert found
    assert (found.difference.low, found.difference.high) == pytest.approx((alone.low, alone.high))
    assert found.extra.low == pytest.approx(43 * alone.low)


def test_large_campaigns_with_one_holdout_share_agree_with_mantel_and_haenszel() -> None:
    """Weights, the variance of Sato (Biometrics 45 (1989) 1323) and the test of Cochran, Mantel, Haenszel, by hand."""
    strata = [
        Stratum(Group(n=9_000, came=900), Group(n=1_000, came=80)),
        Stratum(Group(n=18_000, came=5_400), Group(n=2_000, came=560)),
    ]
    found = pooled(strata)
    assert found
    w = [9_000 * 1_000 / 10_000, 18_000 * 2_000 / 20_000]
    value = (w[0] * 0.02 + w[1] * 0.02) / sum(w)
    p = q = excess = variance = 0.0
    for stratum in strata:
        n1, x1, n0, x0 = stratum.treated.n, stratum.treated.came, stratum.holdout.n, stratum.holdout.came
        n, came = n1 + n0, x1 + x0
        p += (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2
        q += (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * n)
        excess += x1 - n1 * came / n
        variance += n1 * n0 * came * (n - came) / (n**2 * (n - 1))
    half = 1.959964 * (value * p + q) ** 0.5 / sum(w)
    assert found.difference.value == pytest.approx(value)
    assert found.difference.high - found.difference.low == pytest.approx(2 * half, rel=0.02)
    assert found.chance == pytest.approx(stats.chi2.sf((abs(excess) - 0.5) ** 2 / variance, 1), rel=0.02)
    assert found.extra.value == pytest.approx(0.02 * 27_000)
    assert found.unlike == pytest.approx(1.0)


def test_the_whole_is_the_sum_of_its_campaigns() -> None:
    rng = np.random.default_rng(3)
    strata = [Stratum(pay(rng, 900, 0.1), pay(rng, 100, 0.05)), Stratum(pay(rng, 500, 0.2), pay(rng, 300, 0.25))]
    found = pooled(strata)
    parts = [pooled([stratum]) for stratum in strata]
    assert found
    assert found.extra.value == pytest.approx(sum(part.extra.value for part in parts if part))
    assert found.money.value == pytest.approx(sum(part.money.value for part in parts if part))
    assert found.difference.value * 1400 == pytest.approx(found.extra.value)


SIZES = [(450, 50), (900, 100), (2_000, 200), (300, 60), (5_000, 500), (800, 200)]
BASES = [0.05, 0.12, 0.03, 0.25, 0.06, 0.09]


@pytest.mark.parametrize("lift", [0.0, 0.015])
def test_pooled_campaigns_cover_the_truth_and_call_nothing_real(lift: float) -> None:
    """Six unlike campaigns a year, 1 000 years: shares, all extra patients and all extra money."""
    rng = np.random.default_rng(5)
    shares = extras = money = real = 0
    patients = sum(n for n, _held in SIZES)
    for _ in range(1000):
        strata = [
            Stratum(pay(rng, n, base + lift), pay(rng, held, base))
            for (n, held), base in zip(SIZES, BASES, strict=True)
        ]  # fmt: skip
        found = pooled(strata)
        assert found
        shares += found.difference.low <= lift <= found.difference.high
        extras += found.extra.low <= lift * patients <= found.extra.high
        money += found.money.low <= mean(lift) * patients <= found.money.high
        real += found.real
    assert 930 <= shares <= 970
    assert 930 <= extras <= 975
    assert 930 <= money <= 980
    assert real <= 50 if lift == 0 else real > 300


def test_campaigns_that_differ_say_so() -> None:
    unlike = [
        Stratum(Group(n=900, came=180), Group(n=100, came=5)),
        Stratum(Group(n=900, came=18), Group(n=100, came=9)),
    ]
    found = pooled(unlike)
    assert found and found.unlike is not None and found.unlike < 0.05


def test_campaigns_without_holdout_are_left_out() -> None:
    assert pooled([Stratum(Group(n=900, came=100), Group())]) is None
    found = pooled([Stratum(Group(n=900, came=100), Group()), Stratum(Group(n=90, came=9), Group(n=10, came=1))])
    assert found and found.campaigns == 1 and found.treated.n == 90
