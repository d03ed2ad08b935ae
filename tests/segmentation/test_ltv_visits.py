"""The model of visits: its formulas against other ways to compute them, its predictions against simulated futures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma

from segmentation.scoring.ltv import bg_nbd, expectation, likelihood
from segmentation.scoring.ltv.bg_nbd import Params
from segmentation.scoring.ltv.histories import collapsed
from tests.segmentation.ltv_bases import Base, simulated

TRUTHS = [Params(0.25, 4.4, 0.8, 2.4), Params(1.2, 18.0, 0.5, 3.0), Params(0.5, 8.0, 1.4, 2.0)]
# mpmath with 60 digits: r, alpha, a, b, x, t, horizon, visits expected of somebody who has not left.
EXACT = [
    (0.2425982, 4.413684, 0.7929899, 2.426167, 26, 31, 52, 26.5845907416272),
    (0.2425982, 4.413684, 1, 2.426167, 0, 10, 156.5, 1.227458808992193),  # removable singularity
    (0.2425982, 4.413684, 1.0000001, 2.426167, 3, 10, 156.5, 10.67039079721064),
    (0.775, 7.661, 0.035, 0.598, 0, 0, 156.5, 13.91385280510226),
    (0.5, 20, 0.25, 0.75, 0, 5, 52, 0.8289502955439108),  # a + b = 1
    (20, 200, 0.5, 0.5, 0, 100, 156.5, 3.528871933903931),  # terms of both signs
    (19, 1, 0.3, 0.4, 1, 2, 52, 86.34996092583836),
    (0.3, 0.3, 0.6, 2, 0, 0, 156.5, 15.59704259067717),  # z = 0.998
    (0.4, 6, 50, 900, 5, 60, 156.5, 8.961319804230408),
    (0.4, 6, 0.001, 0.001, 2, 60, 156.5, 5.684910152757968),
    (0.6, 12, 0.7, 2.8, 3000, 208, 1, 13.61746173072868),
    (2, 0.5, 30, 1, 0, 0, 156.5, 1.034471492047833),
]  # fmt: skip


@pytest.fixture(scope="module", params=TRUTHS, ids=lambda truth: f"r={truth.r}")
def world(request: pytest.FixtureRequest) -> tuple[Params, Base]:
    return request.param, simulated(request.param, 20_000, weeks=150, ahead=52, seed=5)


@pytest.mark.parametrize("case", EXACT)
def test_expectation_has_all_its_digits(case: tuple[float, ...]) -> None:
    r, alpha, a, b, x, t, horizon, exact = case
    params = Params(r, alpha, a, b)
    alone = expectation.of_the_active(params, np.array([float(x)]), np.array([float(t)]), horizon)
    assert alone == pytest.approx([exact], rel=1e-12)
    ages = np.r_[float(t), np.linspace(0, 208, 400)]
    interpolated = expectation.of_the_active(params, np.full(401, float(x)), ages, horizon)
    assert interpolated[0] == pytest.approx(exact, rel=1e-11)


def test_expectation_of_a_new_patient_is_that_of_a_history_without_a_past() -> None:
    params, none = TRUTHS[0], np.zeros(1)
    assert bg_nbd.expected(params, none, none, none, 30) == pytest.approx(bg_nbd.expected_of_new(params, [30.0]))


def test_log_likelihood_is_equation_6() -> None:
    base, params = simulated(TRUTHS[1], 300, weeks=60, ahead=0, seed=2), Params(0.9, 11.0, 0.7, 1.9)
    r, alpha, a, b = vars(params).values()
    x, t_x, t = base.history
    shared = gamma(r + x) * alpha**r / gamma(r) * gamma(a + b) * gamma(b + x) / (gamma(b) * gamma(a + b + x))
    left = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * (alpha + t_x) ** -(r + x), 0)
    likelihoods = shared * ((alpha + t) ** -(r + x) + left)
    assert bg_nbd.log_likelihood(params, x, t_x, t) == pytest.approx(np.sum(np.log(likelihoods)), rel=1e-12)
    alive = (alpha + t) ** -(r + x) / ((alpha + t) ** -(r + x) + left)
    assert bg_nbd.p_alive(params, x, t_x, t) == pytest.approx(alive, rel=1e-12)


@given(st.lists(st.floats(-2.5, 2.5), min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
def test_derivatives_are_those_of_finite_differences(logs: list[float]) -> None:
    data = collapsed(*simulated(TRUTHS[1], 60, weeks=60, ahead=0, seed=3).history)
    params = np.exp(logs)
    _, gradient, hessian = likelihood.evaluate(params, data)
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-5 * params[place]
        above, below = likelihood.evaluate(params + step, data), likelihood.evaluate(params - step, data)
        width = 2 * step[place]
        size = 1 + np.abs(above[0]) * 1e-6
        assert gradient[place] * params[place] == pytest.approx(
            (above[0] - below[0]) / width * params[place], rel=1e-5, abs=1e-5 * size
        )
        assert hessian[place] == pytest.approx(
            (above[1] - below[1]) / width, rel=1e-4, abs=1e-4 * np.abs(hessian).max()
        )


def test_parameters_are_recovered(world: tuple[Params, Base]) -> None:
    truth, base = world
    fit = bg_nbd.fit(*base.history)
    assert fit.method == "ml"
    assert vars(fit.params) == pytest.approx(vars(truth), rel=0.2)
    assert fit.log_likelihood >= bg_nbd.log_likelihood(truth, *base.history)


def test_future_is_as_expected(world: tuple[Params, Base]) -> None:
    """Sums over the base and over those alike: P(alive), visits, P(comes), and a median that halves the waiting."""
    truth, base = world
    alive, (visits,), days = bg_nbd.forecast(truth, *base.history, [52.0])
    comes = bg_nbd.p_comes(truth, *base.history, 52)
    for group in (base.x == 0, (base.x > 0) & (alive < 0.5), (base.x > 0) & (alive >= 0.5), base.x >= 3):
        assert np.mean(alive[group]) == pytest.approx(np.mean(base.alive[group]), abs=0.025)
        assert np.mean(comes[group]) == pytest.approx(np.mean(base.wait[group] <= 52), abs=0.025)
        error = 4 * np.std(base.later[group]) * np.sqrt(np.sum(group))
        assert np.sum(visits[group]) == pytest.approx(np.sum(base.later[group]), abs=error)
    soon = base.alive & (days <= 364)
    assert np.mean(base.wait[soon] * 7 <= days[soon]) == pytest.approx(0.5, abs=0.03)


def test_order_does_not_matter_and_a_weight_is_a_repeated_row() -> None:
    x, t_x, t = simulated(TRUTHS[1], 2000, weeks=100, ahead=0, seed=8).history
    t_x, t = np.floor(t_x * 7) / 7, np.ceil(t * 7) / 7
    fit = bg_nbd.fit(x, t_x, t)
    order = np.random.default_rng(1).permutation(len(x))
    assert vars(bg_nbd.fit(x[order], t_x[order], t[order]).params) == pytest.approx(vars(fit.params), rel=1e-12)
    weights = np.arange(1.0, 1 + len(x)) % 4
    repeated = np.repeat(np.arange(len(x)), weights.astype(int))
    assert bg_nbd.log_likelihood(TRUTHS[0], x, t_x, t, weights) == pytest.approx(
        bg_nbd.log_likelihood(TRUTHS[0], x[repeated], t_x[repeated], t[repeated]), rel=1e-13
    )
    # The same histories in times that are no whole days: nothing is collapsed.
    loose = bg_nbd.log_likelihood(TRUTHS[0], x, t_x * (1 - 1e-7), t)
    assert loose == pytest.approx(bg_nbd.log_likelihood(TRUTHS[0], x, t_x, t), rel=1e-7)


def test_a_sample_only_starts_the_fit() -> None:
    """A base of 30 000 different rows ends at the same top as from any other start."""
    base = simulated(TRUTHS[2], 30_000, weeks=150, ahead=0, seed=4)
    fit = bg_nbd.fit(*base.history)
    gradient = likelihood.evaluate(np.array(list(vars(fit.params).values())), collapsed(*base.history))[1]
    assert np.max(np.abs(gradient * list(vars(fit.params).values()))) / 30_000 < 1e-10
