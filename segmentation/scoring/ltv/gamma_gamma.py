"""Gamma-Gamma: what a patient pays on a day with a visit.

Fader & Hardie, "The Gamma-Gamma Model of Monetary Value", note 025, 2013 (brucehardie.com/notes/025). Payments of a
patient vary around the patient's own mean by Gamma(p, ν); ν ~ Gamma(q, γ) over patients. Payments are assumed not to
depend on how often a patient comes.

Data of a patient: `count` transactions, `mean` payment per transaction (> 0).
"""

import math
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi, zeta

from segmentation.scoring.ltv.newton import Evaluation, Optimum, Prior, in_logs, maximise, with_prior

Floats = NDArray[np.float64]
Method = Literal["ml", "prior", "formula"]

LEAST_CUSTOMERS, LEAST_REPEATERS = 100, 20
# Bounds of p, q and γ ÷ the mean payment of the base. With q ≤ 1 the mean over patients would be infinite.
LOW, HIGH = np.log([1e-2, 1.05, 1e-4]), np.log([1e4, 1e3, 1e5])
# Log-normal, as in bg_nbd: between CDNOW (6.25, 3.74, 15.44 ÷ 35.2) and UCI Online Retail (2.62, 3.35, 314 ÷ 350).
PRIOR = (np.log([4.0, 3.5, 0.6]), np.array([1.0, 0.5, 1.0]))
LARGEST_ERROR = 1.0
# Mean payment over patients: that of the fit ÷ the plain mean of the patients' means.
CREDIBLE = (0.5, 2.0)
SAMPLE = 20_000
CHUNK = 1 << 13  # see likelihood.py


@dataclass(frozen=True)
class Params:
    """p: shape of the payments of one patient (variation 1/√p); q and γ: of the patients; γ in the unit of money."""

    p: float
    q: float
    gamma: float


@dataclass(frozen=True)
class GammaGammaFit:
    """`log_likelihood` is the plain one (without prior), summed over customers; None with the method `formula`."""

    params: Params | None
    log_likelihood: float | None
    method: Method
    reason: str
    customers: int


@dataclass(frozen=True)
class _Payments:
    """`x` transactions, `s` their sum, `w` the weight; `counts`: distinct x, customers, Σ w·ln s and Σ w·ln(s/x)."""

    x: Floats
    s: Floats
    w: Floats
    counts: tuple[Floats, Floats, Floats, Floats]


def _payments(count: Floats, mean: Floats, weights: Floats | None = None) -> _Payments:
    weights = np.ones(len(count)) if weights is None else np.asarray(weights, dtype=np.float64)
    s = count * mean
    logs = np.log(s)
    values, position = np.unique(count, return_inverse=True)
    size = len(values)
    customers = np.bincount(position, weights, size).astype(np.float64)
    log_sum = np.bincount(position, weights * logs, size).astype(np.float64)
    return _Payments(count, s, weights, (values, customers, log_sum, log_sum - customers * np.log(values)))


def _evaluate(params: Floats, data: _Payments) -> Evaluation:
    """Σ log of the density (eq. 1a of the note), gradient and Hessian by (p, q, γ); z̄ the mean, s = x·z̄ the sum:

    lnΓ(px + q) − lnΓ(px) − lnΓ(q) + q·ln γ + (px − 1)·ln z̄ + px·ln x − (px + q)·ln(γ + s)
    """
    p, q, gamma = params
    x, w, log_sum, log_mean = data.counts
    size = float(np.sum(w))
    whole, own = p * x + q, p * x
    value = float(w @ (gammaln(whole) - gammaln(own) - gammaln(q))) + size * q * np.log(gamma)
    value += float(p * (x @ log_sum) - np.sum(log_mean))
    trigamma, steps = zeta(2.0, whole), psi(whole)
    gradient = np.array(
        [
            (w * x) @ (steps - psi(own)) + x @ log_sum,
            w @ steps + size * (np.log(gamma) - psi(q)),
            size * q / gamma,
        ]
    )
    hessian = np.zeros((3, 3))
    hessian[0, 0] = (w * x * x) @ (trigamma - zeta(2.0, own))
    hessian[0, 1] = (w * x) @ trigamma
    hessian[1, 1] = w @ trigamma - size * zeta(2.0, q)
    hessian[1, 2] = size / gamma
    hessian[2, 2] = -size * q / gamma**2
    for begin in range(0, len(data.x), CHUNK):
        rows = slice(begin, begin + CHUNK)
        counts, weights, total = data.x[rows], data.w[rows], gamma + data.s[rows]
        logs, inverse = np.log(total), weights / total
        wx, square = weights * counts, inverse / total
        logs_x, logs_1, inverse_x, inverse_1 = wx @ logs, weights @ logs, counts @ inverse, np.sum(inverse)
        value -= p * logs_x + q * logs_1
        gradient -= (logs_x, logs_1, p * inverse_x + q * inverse_1)
        hessian[0, 2] -= inverse_x
        hessian[1, 2] -= inverse_1
        hessian[2, 2] += p * (counts @ square) + q * np.sum(square)
    upper = np.triu(hessian, 1)
    return float(value), gradient, np.diag(np.diag(hessian)) + upper + upper.T


def _checked(count: Floats, mean: Floats) -> tuple[Floats, Floats]:
    count, mean = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (count, mean))
    if count.shape != mean.shape or count.ndim != 1:
        raise ValueError("count and mean must be of one length")
    if not (np.all(np.isfinite(count)) and np.all(np.isfinite(mean))):
        raise ValueError("count and mean must be finite")
    return count, mean


def log_likelihood(params: Params, count: Floats, mean: Floats, weights: Floats | None = None) -> float:
    """Σ weight × log of the density of a customer's mean payment (eq. 1a of the note)."""
    return _evaluate(np.array(astuple(params)), _payments(*_checked(count, mean), weights))[0]


def fit(count: Floats, mean: Floats) -> GammaGammaFit:
    """Parameters of a whole base. Raises ValueError for a count below 1 or a mean not above 0: leave those out."""
    count, mean = _checked(count, mean)
    if np.any(count < 1) or np.any(mean <= 0):
        raise ValueError("only customers who have paid can be fitted")
    customers = len(count)
    if customers < LEAST_CUSTOMERS:
        return GammaGammaFit(None, None, "formula", "too_few", customers)
    repeaters = int(np.sum(count > 1))
    if repeaters < LEAST_REPEATERS:
        # One payment each cannot tell how much one patient varies from how much patients differ.
        return GammaGammaFit(None, None, "formula", "too_few" if repeaters else "no_repeats", customers)
    scale = float(np.mean(mean))
    data = _payments(count, mean / scale)
    optimum = _optimum(data, None)
    reason = _doubt(optimum)
    method: Method = "ml"
    if reason:
        method, optimum = "prior", _optimum(data, PRIOR)
        if _doubt(optimum):
            return GammaGammaFit(None, None, "formula", reason, customers)
    p, q, gamma = np.exp(optimum.logs).tolist()
    value = _evaluate(np.exp(optimum.logs), data)[0] if reason else optimum.value
    return GammaGammaFit(Params(p, q, gamma * scale), value - customers * math.log(scale), method, reason, customers)


def _optimum(data: _Payments, prior: Prior | None) -> Optimum:
    start = PRIOR[0]
    every = -(-len(data.x) // SAMPLE)
    if every > 1:
        # The payments of one count stand together, so that the sample is spread over the counts.
        rows = np.argsort(data.x, kind="stable")[every // 2 :: every]
        sample = _payments(data.x[rows], data.s[rows] / data.x[rows], data.w[rows])
        start = _maximum(sample, prior, start).logs
    return _maximum(data, prior, start)


def _maximum(data: _Payments, prior: Prior | None, start: Floats) -> Optimum:
    def evaluate(logs: Floats) -> Evaluation:
        params = np.exp(logs)
        return with_prior(in_logs(params, _evaluate(params, data)), logs, prior)

    return maximise(evaluate, np.clip(start, LOW + 0.02, HIGH - 0.5), LOW, HIGH, len(data.x))


def _doubt(optimum: Optimum) -> str:
    """Why a fit cannot be believed; empty when it can. The payments are in units of their mean."""
    if optimum.at_bound:
        return "degenerate"
    if not optimum.converged:
        return "not_converged"
    p, q, gamma = np.exp(optimum.logs)
    low, high = CREDIBLE
    credible = low <= p * gamma / (q - 1) <= high and float(np.max(optimum.standard_errors)) <= LARGEST_ERROR
    return "" if credible else "degenerate"


def expected_mean(params: Params, count: Floats, mean: Floats) -> Floats:
    """Expected payment per transaction of a patient, given what was paid (eq. 5 of the note):

    p·(γ + x·z̄) / (p·x + q − 1): a weighted mean of the patient's own mean and that of all, p·γ/(q − 1). With count 0
    (the mean is then ignored) it is that of all. Who was given back more than was paid counts as having paid nothing.
    """
    count, mean = np.asarray(count, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    total = np.where(count > 0, count * np.maximum(mean, 0.0), 0.0)
    return np.asarray(params.p * (params.gamma + total) / (params.p * count + params.q - 1))
