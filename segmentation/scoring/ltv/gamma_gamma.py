"""Gamma-Gamma: what a patient pays on a day with a visit.

Fader & Hardie, "The Gamma-Gamma Model of Monetary Value", note 025, 2013 (brucehardie.com/notes/025). Payments of a
patient vary around the patient's own mean by Gamma(p, ν); ν ~ Gamma(q, γ) over patients. Payments are assumed not to
depend on how often a patient comes.

Data of a patient: `count` transactions, `mean` payment per transaction (> 0).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["ml", "prior", "formula"]


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


def log_likelihood(params: Params, count: Floats, mean: Floats, weights: Floats | None = None) -> float:
    """Σ weight × log of the density of a customer's mean payment (eq. 1a of the note)."""
    raise NotImplementedError


def fit(count: Floats, mean: Floats) -> GammaGammaFit:
    """Parameters of a whole base. Raises ValueError for a count below 1 or a mean not above 0: leave those out."""
    raise NotImplementedError


def expected_mean(params: Params, count: Floats, mean: Floats) -> Floats:
    """Expected payment per transaction of a patient, given what was paid; count 0 (mean then ignored): of anybody."""
    raise NotImplementedError
