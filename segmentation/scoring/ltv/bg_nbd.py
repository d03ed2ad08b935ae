"""BG/NBD: how often a patient comes again, and until when.

Fader, Hardie & Lee, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science
24(2), 2005. While a patient is active, visits are a Poisson process with rate λ per week; after every visit the patient
leaves for good with probability p; λ ~ Gamma(r, α) and p ~ Beta(a, b) over patients, independently.

Data of a patient: `x` repeat visit days (visit days − 1), `t_x` weeks from the first visit day to the last, `t` weeks
from the first visit day to the day of the fit. Nobody is told from another by anything else.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["ml", "prior", "formula"]


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


def log_likelihood(params: Params, x: Floats, t_x: Floats, t: Floats, weights: Floats | None = None) -> float:
    """Σ weight × log-likelihood of a customer (eq. 6 of the paper)."""
    raise NotImplementedError


def fit(x: Floats, t_x: Floats, t: Floats) -> BgNbdFit:
    """Parameters of a whole base as of one day. Raises ValueError for what is not a history (NaN, t_x > t, x < 0)."""
    raise NotImplementedError


def p_alive(params: Params, x: Floats, t_x: Floats, t: Floats) -> Floats:
    """Probability not to have left for good; exactly 1 for x = 0, because the model lets nobody leave before the first
    repeat visit (Fader, Hardie & Lee 2008, "Computing P(alive) using the BG/NBD model")."""
    raise NotImplementedError


def p_comes(params: Params, x: Floats, t_x: Floats, t: Floats, horizon_weeks: float) -> Floats:
    """Probability of at least one visit day within the horizon after t; unlike p_alive it falls with silence at x = 0 too."""
    raise NotImplementedError


def expected(params: Params, x: Floats, t_x: Floats, t: Floats, horizon_weeks: float) -> Floats:
    """Expected number of visit days within `horizon_weeks` after t, given the history (eq. 10 of the paper)."""
    raise NotImplementedError


def expected_of_new(params: Params, t: Floats) -> Floats:
    """Expected number of repeat visit days of a new patient within t weeks of the first visit (eq. 9 of the paper)."""
    raise NotImplementedError


def days_to_next(params: Params, x: Floats, t: Floats) -> Floats:
    """Median days from t to the next visit day, given that the patient has not left."""
    raise NotImplementedError
