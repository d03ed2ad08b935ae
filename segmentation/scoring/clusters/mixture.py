"""Gaussian mixtures with full covariances by expectation-maximisation (Dempster, Laird & Rubin 1977).

All that EM needs of the data are sums of 1, z and the products of the z, weighted by membership. With these as columns
both steps are one matrix product each, an order of magnitude faster than component by component.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.clusters.scaling import Floats

Ints = NDArray[np.int64]

FLOOR = 0.005
ROUNDS, SHORT = 60, 6
ENOUGH = 1e-4


def floors_of(z: Floats) -> Floats:
    """The least variance a cluster is taken to have in each feature.

    A value known in steps (whole numbers, yes or no) says little about anything finer than a step s: s²/4, the variance
    of a fair coin between two neighbouring values, is added to its variance everywhere. Otherwise a component could
    shrink onto a single value and win by likelihood, and a 0/1 feature would outweigh all others wherever it is the
    same within a cluster. For features measured continuously next to nothing is added. At most 1, the whole variance.
    """
    floors = []
    for column in z.T:
        values, counts = np.unique(column, return_counts=True)
        floors.append(
            np.average(np.diff(values) ** 2, weights=counts[1:] + counts[:-1]) / 4 if len(values) > 1 else 0.0
        )
    return np.minimum(FLOOR + np.array(floors), 1.0)


@cache
def pairs_of(features: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(features)
    return first, second


@dataclass(frozen=True)
class Mixture:
    """`centres` k × d, `covariances` k × d × d, `weights` k; `log_likelihood` is the mean for a patient, in nats."""

    centres: Floats
    covariances: Floats
    weights: Floats
    log_likelihood: float

    def predict(self, z: Floats) -> Ints:
        return np.asarray(self.log_density(moments(z)).argmax(axis=1), dtype=np.int64)

    def log_density(self, terms: Floats) -> Floats:
        """log(weight × density) of every component, patients × k."""
        precisions = np.linalg.inv(self.covariances)
        linear = np.einsum("kij,kj->ki", precisions, self.centres)
        first, second = pairs_of(self.centres.shape[1])
        pairs = precisions[:, first, second] * np.where(first == second, 0.5, 1.0)
        constant = np.log(self.weights) - 0.5 * np.linalg.slogdet(self.covariances)[1]
        constant -= 0.5 * (np.einsum("ki,ki->k", linear, self.centres) + self.centres.shape[1] * np.log(2 * np.pi))
        return terms @ np.hstack([constant[:, None], linear, -pairs]).T

    def bic(self, count: int) -> float:
        """Bayesian information criterion (Schwarz 1978): −2 log L + parameters × log n; the least is the best."""
        k, d = self.centres.shape
        parameters = k - 1 + k * d + k * d * (d + 1) // 2
        return float(-2 * self.log_likelihood * count + parameters * np.log(count))


def moments(z: Floats) -> Floats:
    """1, z and the products of the z (upper triangle) of every patient."""
    first, second = pairs_of(z.shape[1])
    return np.hstack([np.ones((len(z), 1)), z, z[:, first] * z[:, second]])


def fit_mixture(terms: Floats, floors: Floats, share: Floats, rounds: int) -> tuple[Mixture, Floats]:
    """At most so many rounds of EM from the memberships `share` (patients × k); it ends when a round gains < ENOUGH."""
    before = -np.inf
    for _round in range(rounds):
        mixture = _maximised(terms, floors, share, before)
        density = mixture.log_density(terms)
        top = density.max(axis=1, keepdims=True)
        share = np.exp(density - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        likelihood = float((np.log(total) + top).mean())
        if likelihood - before < ENOUGH:
            break
        before = likelihood
    return Mixture(mixture.centres, mixture.covariances, mixture.weights, likelihood), share


def _maximised(terms: Floats, floors: Floats, share: Floats, likelihood: float) -> Mixture:
    features = len(floors)
    sums = share.T @ terms
    sizes = np.maximum(sums[:, :1], 1e-9)
    centres = sums[:, 1 : features + 1] / sizes
    first, second = pairs_of(features)
    covariances = np.empty((len(sums), features, features))
    covariances[:, first, second] = sums[:, features + 1 :] / sizes - centres[:, first] * centres[:, second]
    covariances[:, second, first] = covariances[:, first, second]
    # Components of nobody keep a covariance that can be inverted.
    covariances[sizes[:, 0] < 1] = 0.0
    covariances += np.diag(floors)
    return Mixture(centres, covariances, sizes[:, 0] / sizes.sum(), likelihood)
