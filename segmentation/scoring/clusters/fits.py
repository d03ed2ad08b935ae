"""A fit of either method: k-means (Lloyd 1982, started by k-means++) or a Gaussian mixture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from segmentation.scoring.clusters.mixture import ROUNDS, SHORT, Ints, Mixture, fit_mixture, moments
from segmentation.scoring.clusters.scaling import Floats

RIDGE = 1e-3
PURSUED, PURSUITS = 3000, 15


@dataclass(frozen=True)
class Fit:
    """What came of one method with one k on one set of patients."""

    centres: Floats
    mixture: Mixture | None = None

    def predict(self, z: Floats) -> Ints:
        if self.mixture is not None:
            return self.mixture.predict(z)
        return np.asarray(((self.centres**2).sum(axis=1) - 2 * z @ self.centres.T).argmin(axis=1), dtype=np.int64)


def fit_kmeans(z: Floats, floors: Floats, k: int, seed: int, starts: int) -> Fit:
    """The best of so many starts by k-means++ (Arthur & Vassilvitskii 2007)."""
    found = KMeans(k, n_init=starts, max_iter=100, tol=1e-3, random_state=seed).fit(z)
    return Fit(np.asarray(found.cluster_centers_, dtype=np.float64))


def fit_gmm(z: Floats, floors: Floats, k: int, seed: int, starts: int) -> Fit:
    """The likeliest of several short runs of EM, carried on to its end (Biernacki, Celeux & Govaert 2003).

    They start from the k-means of z, of z with its correlations taken out, and of its projections on several humps.
    The latter two find clusters that lie beside each other like logs, which k-means cuts across.
    """
    terms = moments(z)
    round_ones = without_correlations(z)
    humps = several_humps(round_ones, seed)
    starting = [z, round_ones, *(humps[:, :count] for count in range(1, min(3, z.shape[1])))]
    short = []
    for space in starting:
        share = np.eye(k)[fit_kmeans(space, floors, k, seed, starts).predict(space)]
        short.append(fit_mixture(terms, floors, share, SHORT))
    best = max(short, key=lambda run: run[0].log_likelihood)
    mixture, _share = fit_mixture(terms, floors, best[1], ROUNDS)
    return Fit(mixture.centres, mixture)


def without_correlations(z: Floats) -> Floats:
    """z turned and stretched so that its covariance is the unit matrix."""
    features = z.shape[1]
    covariance = np.cov(z.T).reshape(features, features) + RIDGE * np.eye(features)
    return np.asarray((z - z.mean(axis=0)) @ np.linalg.cholesky(np.linalg.inv(covariance)))


def several_humps(round_ones: Floats, seed: int) -> Floats:
    """Projections by kurtosis, the least first: there separate humps show (Peña & Prieto 2001).

    Found by the fixed-point iteration of independent component analysis with kurtosis as contrast (Hyvärinen 1999).
    """
    features = round_ones.shape[1]
    part = round_ones[:PURSUED]
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((features, features)))[0]
    for _round in range(PURSUITS):
        along = part @ axes.T
        left, _sizes, right = np.linalg.svd((along**3).T @ part / len(part) - 3 * axes)
        axes = left @ right
    kurtosis = ((part @ axes.T) ** 4).mean(axis=0)
    return np.asarray(round_ones @ axes[np.argsort(kurtosis)].T)


FITS: dict[str, Callable[[Floats, Floats, int, int, int], Fit]] = {"kmeans": fit_kmeans, "gmm": fit_gmm}
