"""BG/NBD: how often a patient comes again, and until when.

Fader, Hardie & Lee, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science
24(2), 2005. While a patient is active, visits are a Poisson process with rate λ per week; after every repeat visit the
patient leaves for good with probability p; λ ~ Gamma(r, α) and p ~ Beta(a, b) over patients, independently.

Data of a patient: `x` repeat visit days (visit days − 1), `t_x` weeks from the first visit day to the last, `t` weeks
from the first visit day to the day of the fit. Nobody is told from another by anything else.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from segmentation.scoring.ltv import expectation, likelihood
from segmentation.scoring.ltv.histories import DAYS, Histories, checked, collapsed
from segmentation.scoring.ltv.newton import Evaluation, Optimum, Prior, in_logs, maximise, with_prior

Floats = NDArray[np.float64]
Method = Literal["ml", "prior", "formula"]

# Below these nothing is fitted: four parameters of people, from people who came again.
LEAST_CUSTOMERS, LEAST_REPEATERS = 100, 20
# A year is foretold from a quarter at least.
LEAST_WEEKS = 13.0
# Where a fit of a base younger than this cannot be believed, youth is the reason that is given.
YOUNG_WEEKS = 26.0
# Bounds of r, α, a, b. A fit that ends on one of them has run along a ridge.
LOW, HIGH = np.log([1e-3, 0.05, 1e-3, 1e-3]), np.log([20.0, 1e4, 50.0, 1e3])
# Log-normal: medians and standard deviations of the logarithms. The medians are the published fit of CDNOW in weeks;
# another purchase log (UCI Online Retail: 0.775, 7.66, 0.035, 0.598) lies within about two deviations in each of them.
PRIOR = (np.log([0.2425982, 4.413684, 0.7929899, 2.426167]), np.array([1.0, 1.5, 1.5, 1.0]))
# A log-parameter known no better than to a factor of e is not known.
LARGEST_ERROR = 1.0
# How patients leave counts as seen when log(a/b) is known this well and the mean probability is not next to nothing.
LARGEST_ERROR_OF_LEAVING, LEAST_LEAVING = 0.2, 0.02
# Repeat visits of the whole base: those the fit would have expected ÷ those that there were.
CREDIBLE = (0.5, 2.0)
SAMPLE = 20_000
ALL, RATE = 4, 2  # how many of r, α, a, b are free
LONGEST_WAIT_DAYS = 36_525.0


@dataclass(frozen=True)
class Params:
    """r and α (weeks) of the rate of visits, mean r/α per week; a and b of leaving after a visit, mean a/(a + b)."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class BgNbdFit:
    """`log_likelihood` is the plain one (without prior), summed over customers; None with the method `formula`."""

    params: Params | None
    log_likelihood: float | None
    method: Method
    reason: str
    customers: int
    repeaters: int


class Forecast(NamedTuple):
    """Columns in the order of the histories; `visits` has one per horizon."""

    p_alive: Floats
    visits: list[Floats]
    days_to_next: Floats


def log_likelihood(params: Params, x: Floats, t_x: Floats, t: Floats, weights: Floats | None = None) -> float:
    """Σ weight × log-likelihood of a customer (eq. 6 of the paper)."""
    return likelihood.evaluate(np.array(astuple(params)), collapsed(x, t_x, t, weights))[0]


def fit(x: Floats, t_x: Floats, t: Floats) -> BgNbdFit:
    """Parameters of a whole base as of one day. Raises ValueError for what is not a history (NaN, t_x > t, x < 0).

    The first that can be believed: maximum likelihood; the same with the weak prior; r and α alone with the prior,
    while a and b, which a short or very regular history does not show, stay those of the prior; nothing.
    """
    data = collapsed(x, t_x, t)
    customers, repeaters = int(data.customers), int(data.repeaters)
    reason = _hopeless(data)
    if reason:
        return BgNbdFit(None, None, "formula", reason, customers, repeaters)
    plain = _optimum(data, None, ALL)
    reason = _doubt(plain, data)
    if not reason:
        return BgNbdFit(_params(plain.logs), plain.value, "ml", "", customers, repeaters)
    if _oldest(data) < YOUNG_WEEKS:
        reason = "too_short"
    found = _optimum(data, PRIOR, ALL)
    if _doubt(found, data) or not _leaving_is_seen(found):
        found = _optimum(data, PRIOR, RATE)
    if _doubt(found, data):
        return BgNbdFit(None, None, "formula", reason, customers, repeaters)
    params = _params(found.logs)
    value = likelihood.evaluate(np.array(astuple(params)), data)[0]
    return BgNbdFit(params, value, "prior", reason, customers, repeaters)


def _oldest(data: Histories) -> float:
    return max(float(np.max(data.t0, initial=0)), float(np.max(data.t, initial=0)))


def _hopeless(data: Histories) -> str:
    if data.customers < LEAST_CUSTOMERS:
        return "too_few"
    if not data.repeaters:
        return "no_repeats"
    if data.repeaters < LEAST_REPEATERS:
        return "too_few"
    return "too_short" if _oldest(data) < LEAST_WEEKS else ""


def _params(logs: Floats) -> Params:
    """Of the free log-parameters; the others are those of the prior."""
    return Params(*np.exp(np.r_[logs, PRIOR[0][len(logs) :]]).tolist())


def _optimum(data: Histories, prior: Prior | None, free: int) -> Optimum:
    """The start comes from a sample; the whole base then needs a step or two."""
    sample = data.thinned(SAMPLE)
    optimum = _maximum(sample, prior, PRIOR[0][:free])
    return optimum if sample is data else _maximum(data, prior, optimum.logs)


def _maximum(data: Histories, prior: Prior | None, start: Floats) -> Optimum:
    """Over as many of the parameters as `start` has; the others stay at the median of the prior."""
    free = len(start)

    def evaluate(logs: Floats) -> Evaluation:
        params = np.exp(np.r_[logs, PRIOR[0][free:]])
        value, gradient, hessian = in_logs(params, likelihood.evaluate(params, data))
        return with_prior((value, gradient[:free], hessian[:free, :free]), logs, prior)

    low, high = LOW[:free], HIGH[:free]
    # A start on a bound would be taken for the end.
    return maximise(evaluate, np.clip(start, low + 0.5, high - 0.5), low, high, data.customers)


def _doubt(optimum: Optimum, data: Histories) -> str:
    """Why a fit cannot be believed; empty when it can."""
    if optimum.at_bound:
        return "degenerate"
    if not optimum.converged:
        return "not_converged"
    if float(np.max(optimum.standard_errors)) > LARGEST_ERROR:
        return "degenerate"
    low, high = CREDIBLE
    return "" if low <= _expected_to_actual(_params(optimum.logs), data) <= high else "degenerate"


def _leaving_is_seen(optimum: Optimum) -> bool:
    """Whether the data say how patients leave: a short history, or one more regular than chance, says "never"."""
    covariance = np.linalg.inv(-optimum.hessian)
    error = float(np.sqrt(covariance[2, 2] + covariance[3, 3] - 2 * covariance[2, 3]))
    leaving = float(expit(optimum.logs[2] - optimum.logs[3]))
    return error <= LARGEST_ERROR_OF_LEAVING and leaving >= LEAST_LEAVING


def _expected_to_actual(params: Params, data: Histories) -> float:
    """Repeat visits that the model would have expected of this base ÷ those that there were."""
    ages, weights = np.r_[data.t0, data.t], np.r_[data.w0, data.w]
    oldest = np.max(ages)
    grid = oldest * np.linspace(0, 1, 60) ** 2  # denser where the curve bends
    expected_visits = np.sum(weights * np.interp(ages, grid, expected_of_new(params, grid)))
    return float(expected_visits / (data.counts[0] @ data.counts[1]))


def p_alive(params: Params, x: Floats, t_x: Floats, t: Floats) -> Floats:
    """Probability not to have left for good (Fader, Hardie & Lee 2008, "Computing P(alive) using the BG/NBD model"):

    1 / (1 + a/(b + x − 1) · ((α + t)/(α + t_x))^(r + x)), and 1 for x = 0, because the model lets nobody leave before
    the first repeat visit. Of those who came once it therefore says nothing; see `p_comes`.
    """
    return _p_alive(params, *checked(x, t_x, t))


def _p_alive(params: Params, x: Floats, t_x: Floats, t: Floats) -> Floats:
    silence = np.log((params.alpha + t) / (params.alpha + t_x))
    odds = (params.r + x) * silence + np.log(params.a / (params.b + np.maximum(x, 1) - 1))
    return np.where(x > 0, expit(-odds), 1.0)


def p_comes(params: Params, x: Floats, t_x: Floats, t: Floats, horizon_weeks: float) -> Floats:
    """Probability of at least one visit day within the horizon after t: P(alive) · (1 − ((α + t)/(α + t + h))^(r + x)).

    The rate of an active patient is Gamma(r + x, α + t). Unlike `p_alive` it falls with silence at x = 0 too.
    """
    x, t_x, t = checked(x, t_x, t)
    stays_away = (params.r + x) * -np.log1p(horizon_weeks / (params.alpha + t))
    return np.asarray(_p_alive(params, x, t_x, t) * -np.expm1(stays_away))


def expected(params: Params, x: Floats, t_x: Floats, t: Floats, horizon_weeks: float) -> Floats:
    """Expected number of visit days within `horizon_weeks` after t, given the history (eq. 10 of the paper)."""
    x, t_x, t = checked(x, t_x, t)
    return _p_alive(params, x, t_x, t) * expectation.of_the_active(params, x, t, horizon_weeks)


def expected_of_new(params: Params, t: Floats) -> Floats:
    """Expected number of repeat visit days of a new patient within t weeks of the first visit (eq. 9 of the paper)."""
    t = np.atleast_1d(np.asarray(t, dtype=np.float64))
    r, alpha, a, b = astuple(params)
    same = np.ones(len(t))
    return expectation.series(r * same, a, (a + b - 1) * same, a + b - 1 - r, alpha * same, t)


def days_to_next(params: Params, x: Floats, t: Floats) -> Floats:
    """Median days from t to the next visit day, given that the patient has not left: 7 · (α + t) · (2^(1/(r + x)) − 1).

    The rate of an active patient is Gamma(r + x, α + t), so the waiting time is Lomax. A hundred years at most.
    """
    x, t = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
    exponent = np.minimum(np.log(2) / (params.r + x), 700)
    return np.minimum(DAYS * (params.alpha + t) * np.expm1(exponent), LONGEST_WAIT_DAYS)


def forecast(params: Params, x: Floats, t_x: Floats, t: Floats, horizons_weeks: Sequence[float]) -> Forecast:
    """All of it at once for a whole base: `p_alive`, `expected` for each horizon, `days_to_next`."""
    x, t_x, t = checked(x, t_x, t)
    alive = _p_alive(params, x, t_x, t)
    visits = [alive * expectation.of_the_active(params, x, t, horizon) for horizon in horizons_weeks]
    return Forecast(alive, visits, days_to_next(params, x, t))
