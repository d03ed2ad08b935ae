"""Log-likelihood of BG/NBD with its first and second derivatives, in sums over histories.

With n = r + x and x > 0 the likelihood of a customer (Fader, Hardie & Lee 2005, eq. 6) is

    Γ(n)/Γ(r) · α^r · B(a, b + x)/B(a, b) · [(α + t)^−n + a/(b + x − 1) · (α + t_x)^−n]

The factors before the bracket depend on x alone and are taken once per distinct x. The bracket is a log-sum-exp of two
terms: "has not left" and "left after the last visit"; their difference is e below, and the weight of the second one,
1/(1 + exp(−e)) = 1 − P(alive), carries the derivatives. Nothing overflows, whatever x (Fader & Hardie 2013,
"Overcoming the BG/NBD Model's #NUM! Error Problem").
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, psi, zeta

from segmentation.scoring.ltv.histories import Histories
from segmentation.scoring.ltv.newton import Evaluation

Floats = NDArray[np.float64]
# Rows at a time: the columns between stay in the processor's cache, and sums of products are too short for the linear
# algebra library to share them out to threads, which on a busy machine wait for each other much longer than they work.
CHUNK = 1 << 13


def evaluate(params: Floats, data: Histories) -> Evaluation:
    """Σ log-likelihood, its gradient and Hessian by (r, α, a, b)."""
    value, gradient, hessian = _counts_part(params, data)
    for begin in range(0, len(data.t0), CHUNK):
        value += _never_part(params, data, slice(begin, begin + CHUNK), gradient, hessian)
    for begin in range(0, len(data.x), CHUNK):
        value += _again_part(params, data, slice(begin, begin + CHUNK), gradient, hessian)
    upper = np.triu(hessian, 1)
    return float(value), gradient, np.diag(np.diag(hessian)) + upper + upper.T


def _trigamma(values: Floats | float) -> Floats:
    return np.asarray(zeta(2.0, values))


def _counts_part(params: Floats, data: Histories) -> Evaluation:
    """What depends on x alone: log of Γ(r + x)/Γ(r) · α^r · B(a, b + x)/B(a, b)."""
    r, alpha, a, b = params
    x, w = data.counts
    size = float(np.sum(w))
    value = w @ (gammaln(r + x) - gammaln(r) + betaln(a, b + x) - betaln(a, b)) + size * r * np.log(alpha)
    left, stayed = psi(a + b) - psi(a + b + x), psi(b + x) - psi(b)
    gradient = np.array(
        [w @ (psi(r + x) - psi(r)) + size * np.log(alpha), size * r / alpha, w @ left, w @ (left + stayed)]
    )
    left, stayed = _trigamma(a + b) - _trigamma(a + b + x), _trigamma(b + x) - _trigamma(b)
    hessian = np.zeros((4, 4))
    hessian[0, 0] = w @ (_trigamma(r + x) - _trigamma(r))
    hessian[0, 1], hessian[1, 1] = size / alpha, -size * r / alpha**2
    hessian[2, 2] = hessian[2, 3] = w @ left
    hessian[3, 3] = w @ (left + stayed)
    return float(value), gradient, hessian


def _never_part(params: Floats, data: Histories, rows: slice, gradient: Floats, hessian: Floats) -> float:
    """The bracket of those who never came again: (α + t)^−r."""
    r, alpha = params[0], params[1]
    end, w = alpha + data.t0[rows], data.w0[rows]
    inverse = 1 / end
    total, inverses = float(w @ np.log(end)), float(w @ inverse)
    gradient[:2] += -total, -r * inverses
    hessian[0, 1] -= inverses
    hessian[1, 1] += r * float(w @ inverse**2)
    return -r * total


def _again_part(params: Floats, data: Histories, rows: slice, gradient: Floats, hessian: Floats) -> float:
    """The bracket of those who came again."""
    r, alpha, a, b = params
    x, w = data.x[rows], data.w[rows]
    end, last = alpha + data.t[rows], alpha + data.t_x[rows]
    n, log_end = r + x, np.log(end)
    silence = log_end - np.log(last)
    end, last = 1 / end, 1 / last
    inverse = 1 / (b - 1 + x)
    e = n * silence + np.log(a * inverse)
    small = np.exp(-np.abs(e))
    gone = np.where(e > 0, 1.0, small) / (1 + small)
    value = float(w @ (np.maximum(e, 0) + np.log1p(small) - n * log_end))
    w_gone = w * gone
    w_torn = w_gone * (1 - gone)
    shift = end - last
    slope = n * shift
    w_end, gone_shift = w * end, w_gone * shift
    gone_inverse, torn_inverse, torn_silence = w_gone @ inverse, w_torn @ inverse, w_torn * silence
    torn_slope = w_torn * slope
    gradient += (
        w_gone @ silence - w @ log_end, n @ (gone_shift - w_end), np.sum(w_gone) / a, -gone_inverse,
    )  # fmt: skip
    hessian[0, 0] += torn_silence @ silence
    hessian[0, 1] += np.sum(gone_shift) - np.sum(w_end) + torn_silence @ slope
    hessian[1, 1] += n @ (w_end * end - gone_shift * (end + last)) + torn_slope @ slope
    hessian[0, 2] += np.sum(torn_silence) / a
    hessian[1, 2] += np.sum(torn_slope) / a
    hessian[2, 2] += (np.sum(w_torn) - np.sum(w_gone)) / a**2
    hessian[0, 3] -= torn_silence @ inverse
    hessian[1, 3] -= torn_slope @ inverse
    hessian[2, 3] -= torn_inverse / a
    hessian[3, 3] += (w_gone + w_torn) @ inverse**2
    return value
