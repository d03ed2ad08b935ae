"""The model of the bill: formula, derivatives, recovery, and what cannot be fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from segmentation.scoring.ltv import gamma_gamma
from segmentation.scoring.ltv.gamma_gamma import Params
from segmentation.scoring.ltv.level import FEWEST, bill_level

TRUTH = Params(p=4.0, q=3.5, gamma=5000.0)


def paid(customers: int, seed: int, truth: Params = TRUTH, most: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Transactions, their mean, and what these customers pay per transaction in the long run."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, most, customers).astype(float)
    rate = rng.gamma(truth.q, 1 / truth.gamma, customers)
    return count, rng.gamma(truth.p * count, 1 / rate) / count, truth.p / rate


def test_log_likelihood_is_equation_1a() -> None:
    count, mean, _ = paid(200, 1)
    p, q, gamma = 3.0, 2.5, 4000.0
    log = (
        gammaln(p * count + q) - gammaln(p * count) - gammaln(q) + q * np.log(gamma) + (p * count - 1) * np.log(mean)
        + p * count * np.log(count) - (p * count + q) * np.log(gamma + mean * count)
    )  # fmt: skip
    assert gamma_gamma.log_likelihood(Params(p, q, gamma), count, mean) == pytest.approx(np.sum(log), rel=1e-12)
    weights = count % 3
    assert gamma_gamma.log_likelihood(Params(p, q, gamma), count, mean, weights) == pytest.approx(weights @ log)


@given(st.lists(st.floats(-1.5, 2.5), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_derivatives_are_those_of_finite_differences(logs: list[float]) -> None:
    count, mean, _ = paid(60, 2)
    data, params = gamma_gamma._payments(count, mean / 7000), np.exp(logs)
    _, gradient, hessian = gamma_gamma._evaluate(params, data)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-5 * params[place]
        above, below = gamma_gamma._evaluate(params + step, data), gamma_gamma._evaluate(params - step, data)
        width, size = 2 * step[place], 1e-8 * (1 + abs(above[0]))
        assert gradient[place] == pytest.approx((above[0] - below[0]) / width, rel=1e-5, abs=size / width * 1e-3 + 1e-5)
        assert hessian[place] == pytest.approx(
            (above[1] - below[1]) / width, rel=1e-4, abs=1e-4 * np.abs(hessian).max()
        )


@pytest.mark.parametrize("truth", [TRUTH, Params(12.0, 6.0, 400.0), Params(1.2, 2.5, 9e6)])
def test_parameters_are_recovered_in_any_unit_of_money(truth: Params) -> None:
    count, mean, own = paid(20_000, 3, truth)
    fit = gamma_gamma.fit(count, mean)
    assert (fit.method, fit.reason) == ("ml", "")
    assert vars(fit.params) == pytest.approx(vars(truth), rel=0.15)
    expected = gamma_gamma.expected_mean(fit.params, count, mean)
    for group in (count == 1, count > 8, mean > 2 * np.mean(mean)):
        assert np.mean(expected[group]) == pytest.approx(np.mean(own[group]), rel=0.05)
    roubles, kopecks = gamma_gamma.fit(count[:3000], mean[:3000]), gamma_gamma.fit(count[:3000], mean[:3000] * 100)
    assert kopecks.params.gamma == pytest.approx(roubles.params.gamma * 100)
    assert kopecks.log_likelihood == pytest.approx(roubles.log_likelihood - 3000 * np.log(100))


def test_expected_mean_lies_between_the_own_and_the_common_one() -> None:
    common = TRUTH.p * TRUTH.gamma / (TRUTH.q - 1)
    count, mean = np.array([0.0, 1, 5, 500]), np.array([np.nan, 1000, 1000, 1000])
    expected = gamma_gamma.expected_mean(TRUTH, count, mean)
    assert expected[0] == pytest.approx(common)
    assert (np.diff(expected) < 0).all()
    assert expected[3] == pytest.approx(1000, rel=0.01)


def test_refunded_patient_is_expected_to_pay_little_and_never_less_than_nothing() -> None:
    nothing, refunded = gamma_gamma.expected_mean(TRUTH, np.array([3, 3]), np.array([0, -9e9]))
    assert 0 < refunded == nothing < TRUTH.p * TRUTH.gamma / (TRUTH.q - 1) / 4


@pytest.mark.parametrize(
    ("count", "mean", "reason"),
    [
        ([1, 2, 3, 4, 5], [900, 1000, 800, 700, 100], "too_few"),
        (np.ones(500), np.linspace(100, 9000, 500), "no_repeats"),
        (np.r_[np.ones(500), [2]], np.linspace(100, 9000, 501), "too_few"),
    ],
)
def test_too_little_to_fit(count: list[float], mean: list[float], reason: str) -> None:
    fit = gamma_gamma.fit(count, mean)
    assert (fit.method, fit.reason, fit.params, fit.log_likelihood) == ("formula", reason, None, None)


@pytest.mark.parametrize(
    "mean",
    [
        np.full(600, 1500.0),  # one price
        np.where(np.arange(600) % 2, 1500.0, 1500.01),
        np.where(np.arange(600) % 100, 1000.0, 1e8),  # a few millionaires
        np.exp(np.linspace(-20, 20, 600)),  # no mean to speak of
        np.random.default_rng(1).pareto(0.7, 600) + 1,
        1000 + np.arange(600) % 3 * 1e-9,
    ],
)
def test_odd_money_gives_a_sober_number_or_none(mean: np.ndarray) -> None:
    count = 1.0 + np.arange(600) % 5
    fit = gamma_gamma.fit(count, mean)
    assert fit.method != "ml" or fit.params.q > 1.05
    if fit.params is None:
        assert fit.reason in {"degenerate", "not_converged"}
        return
    expected = gamma_gamma.expected_mean(fit.params, count, mean)
    assert np.all(np.isfinite(expected))
    assert np.min(expected) >= np.min(mean) * 0.5
    assert np.max(expected) <= np.max(mean) * 1.5
    assert np.mean(expected) == pytest.approx(np.mean(mean), rel=0.5)


@pytest.mark.parametrize("mean", [[0, 5], [-1, 5], [np.nan, 5], [np.inf, 5], [5]])
def test_what_is_no_payment_is_refused(mean: list[float]) -> None:
    with pytest.raises(ValueError, match=r"count|paid"):
        gamma_gamma.fit([1, 2], mean)


def test_the_level_of_bills_by_hand() -> None:
    """60 patients paid 1 100 ₽ on one day where 1 000 was expected, 40 paid 7 200 on three days of 2 000 each, 10 came
    and paid nothing of 500, one was refunded 500, one who did not come paid 9 999:
    (66 000 + 288 000 − 500) ÷ (60 000 + 240 000 + 5 000 + 1 000) = 353 500 ÷ 306 000."""
    parts = [(60, 1.0, 1_100.0, 1_000.0), (40, 3.0, 7_200.0, 2_000.0), (10, 1.0, 0.0, 500.0), (1, 2.0, -500.0, 500.0),
             (1, 0.0, 9_999.0, 700.0)]  # fmt: skip
    days, money, bill = np.concatenate([np.tile(row, (n, 1)) for n, *row in parts]).T
    assert bill_level(days, money, bill) == pytest.approx(353_500 / 306_000)
    assert bill_level(days[1:], money[1:], bill[1:]) == 1  # 99 payers
    assert bill_level(days, 5 * money, bill) == 2 and bill_level(days, money / 5, bill) == 0.5
    assert bill_level(days, money, 0 * bill) == 1 and bill_level(*np.empty((3, 0))) == 1
    assert FEWEST == 100
