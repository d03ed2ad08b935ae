"""Maximum of a smooth function of a few log-parameters, with its gradient and Hessian known in closed form."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Evaluation = tuple[float, Floats, Floats]
Prior = tuple[Floats, Floats]  # medians of the log-parameters, and their standard deviations
LONGEST_STEP = 1.0  # in log-parameters: no factor above e in one step
ITERATIONS = 100
NEAR = 1e-3  # of a bound, in log-parameters
PATIENCE = 4  # steps along a bound; a passing touch is none
# The gain in log-likelihood that a further step could still bring, in all and per customer.
NEGLIGIBLE, NEGLIGIBLE_EACH = 1e-10, 1e-14


@dataclass(frozen=True)
class Optimum:
    """`logs`: logarithms of the parameters; `converged` is False at a bound, on a ridge or after too many steps."""

    logs: Floats
    value: float
    hessian: Floats
    converged: bool
    at_bound: bool

    @property
    def standard_errors(self) -> Floats:
        """Of the log-parameters, from the observed information; infinite where the function does not curve."""
        eigenvalues, vectors = np.linalg.eigh(-self.hessian)
        if not np.all(eigenvalues > 0):
            return np.full(len(self.logs), np.inf)
        return np.asarray(np.sqrt(np.sum(vectors**2 / eigenvalues, axis=1)))


def in_logs(params: Floats, evaluation: Evaluation) -> Evaluation:
    """Gradient and Hessian by the logarithms of the parameters instead of by the parameters."""
    value, gradient, hessian = evaluation
    slope = params * gradient
    return value, slope, hessian * np.outer(params, params) + np.diag(slope)


def with_prior(evaluation: Evaluation, logs: Floats, prior: Prior | None) -> Evaluation:
    """Log-normal knowledge about the first parameters added to a log-likelihood."""
    if prior is None:
        return evaluation
    value, gradient, hessian = evaluation
    median, deviation = (column[: len(logs)] for column in prior)
    distance = (logs - median) / deviation
    return value - float(distance @ distance) / 2, gradient - distance / deviation, hessian - np.diag(deviation**-2)


def maximise(
    evaluate: Callable[[Floats], Evaluation], start: Floats, low: Floats, high: Floats, size: float
) -> Optimum:
    """Newton's method with the curvature made negative where it is not (Nocedal & Wright, Numerical Optimization, 2006,
    §3.4), steps of bounded length, halved until they bring a gain. `evaluate` takes log-parameters; `size` is the
    number of customers behind the value."""
    enough = NEGLIGIBLE + NEGLIGIBLE_EACH * size
    logs = np.clip(start, low, high)
    value, gradient, hessian = evaluate(logs)
    converged, stuck = False, 0
    for _ in range(ITERATIONS):
        step, gain, concave = _step(gradient, hessian)
        converged = concave and gain < enough
        # At an optimum nothing can be read from the value any more, whose digits are used up; the step is still good.
        ahead = evaluate(np.clip(logs + step, low, high))
        fraction = 1.0
        while not (ahead[0] > value or (converged and np.isfinite(ahead[0]))) and fraction > 1e-6:
            fraction /= 2
            ahead = evaluate(np.clip(logs + fraction * step, low, high))
        if not (ahead[0] > value or converged):
            break
        logs = np.clip(logs + fraction * step, low, high)
        value, gradient, hessian = ahead
        stuck = stuck + 1 if _on_bound(logs, low, high) else 0
        if converged or stuck == PATIENCE:
            break
    at_bound = _on_bound(logs, low, high)
    return Optimum(logs, value, hessian, converged and not at_bound, at_bound)


def _on_bound(logs: Floats, low: Floats, high: Floats) -> bool:
    return bool(np.any((logs <= low + NEAR) | (logs >= high - NEAR)))


def _step(gradient: Floats, hessian: Floats) -> tuple[Floats, float, bool]:
    """The step, the gain that it promises, and whether the function is concave here."""
    eigenvalues, vectors = np.linalg.eigh(-hessian)
    floor = 1e-10 * max(float(np.max(np.abs(eigenvalues))), 1e-300)
    slope = vectors.T @ gradient
    step = vectors @ (slope / np.maximum(np.abs(eigenvalues), floor))
    gain = float(gradient @ step) / 2
    length = float(np.sqrt(step @ step))
    return step * min(1.0, LONGEST_STEP / max(length, 1e-300)), gain, bool(np.all(eigenvalues > floor))
