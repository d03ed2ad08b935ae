"""How good a division is: silhouette, separation, stability.

Silhouette and separation are measured in the scale in which the clusters are round on average (the pooled covariance
within clusters is the unit), so that long clusters are judged by their thickness, not by their length.
"""

from itertools import combinations

import numpy as np

from segmentation.scoring.clusters.mixture import Ints
from segmentation.scoring.clusters.scaling import Floats

GRID = np.linspace(-0.5, 1.5, 81)
BANDWIDTH = 0.12
LEVELS = (("very_stable", 0.85), ("stable", 0.7), ("shaky", 0.5))


def level_of(stability: float) -> str:
    """Stability in a code: a figure of 0..1 says little to those who do not know it."""
    return next((code for code, least in LEVELS if stability >= least), "none")


def within(z: Floats, floors: Floats, labels: Ints, k: int) -> tuple[Floats, Floats]:
    """Centres and the pooled covariance within clusters."""
    shares = np.eye(k)[labels]
    centres = (shares.T @ z) / np.maximum(shares.sum(axis=0), 1)[:, None]
    rest = z - centres[labels]
    return centres, rest.T @ rest / len(z) + np.diag(floors)


def silhouette(z: Floats, floors: Floats, labels: Ints, k: int) -> float:
    """Mean of (b − a) ÷ max(a, b), −1..1 (Rousseeuw 1987).

    a: mean distance to the others of the own cluster; b: to those of the nearest other cluster; a patient alone in a
    cluster counts 0. With fewer than two clusters: −1.
    """
    sizes = np.bincount(labels, minlength=k)
    if (sizes > 0).sum() < 2:
        return -1.0
    around = (z @ np.linalg.cholesky(np.linalg.inv(within(z, floors, labels, k)[1]))).astype(np.float32)
    squares = (around**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * around @ around.T, 0))
    np.fill_diagonal(distances, 0)
    sums = (distances @ np.eye(k, dtype=np.float32)[labels]).astype(np.float64)
    rows = np.arange(len(z))
    own = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    means[rows, labels] = np.inf
    other = means.min(axis=1)
    values = (other - own) / np.maximum(np.maximum(other, own), 1e-12)
    return float(np.where(sizes[labels] > 1, values, 0.0).mean())


def separation(z: Floats, floors: Floats, labels: Ints, k: int) -> float:
    """How empty it is between the two clusters that are the least apart: 0 (no valley) to 1 (nobody there).

    For a pair, patients of both are projected on Fisher's direction; 1 − (the least density between the two peaks) ÷
    (the lower peak). A single hump cut in two by force has its highest density at the cut, so its separation is 0.
    """
    centres, pooled = within(z, floors, labels, k)
    sizes = np.bincount(labels, minlength=k)
    if sizes.min() == 0:
        return 0.0
    parts = [z[labels == i] for i in range(k)]
    own = [(part - centres[i]).T @ (part - centres[i]) / len(part) for i, part in enumerate(parts)]
    return min(_valley(i, j, parts, own, centres, pooled) for i, j in combinations(range(k), 2))


def _valley(i: int, j: int, parts: list[Floats], own: list[Floats], centres: Floats, pooled: Floats) -> float:
    apart = centres[j] - centres[i]
    direction = np.linalg.solve((own[i] + own[j]) / 4 + pooled / 2, apart)
    length = float(direction @ apart)
    if length <= 0:
        return 0.0
    along = (np.concatenate([parts[i], parts[j]]) - centres[i]) @ direction / length
    step = GRID[1] - GRID[0]
    counts = np.histogram(along, np.append(GRID - step / 2, GRID[-1] + step / 2))[0]
    kernel = np.exp(-0.5 * (np.arange(-20, 21) * step / BANDWIDTH) ** 2)
    density = np.convolve(counts, kernel, mode="same")
    left, right = GRID < 0.5, GRID >= 0.5
    peaks = int(np.argmax(np.where(left, density, -1))), int(np.argmax(np.where(right, density, -1)))
    lower = min(density[peaks[0]], density[peaks[1]])
    return float(1 - density[peaks[0] : peaks[1] + 1].min() / lower) if lower > 0 else 0.0


def agreement(first: Ints, second: Ints) -> float:
    """Adjusted Rand index of two divisions of the same people (Hubert & Arabie 1985)."""
    return mean_agreement(np.stack([first, second]), int(max(first.max(), second.max())) + 1)


def mean_agreement(divisions: Ints, k: int) -> float:
    """Mean adjusted Rand index over all pairs of divisions (rows) of the same people, each in clusters 0..k−1.

    ARI = (Σ C(n_ij, 2) − E) ÷ (½ (Σ C(a_i, 2) + Σ C(b_j, 2)) − E) with E = Σ C(a_i, 2) Σ C(b_j, 2) ÷ C(n, 2): 1 for
    equal divisions, 0 on average for divisions made at random.
    """
    count, people = divisions.shape
    shares = (divisions[:, None, :] == np.arange(k)[None, :, None]).reshape(count * k, people).astype(np.float32)
    table = (shares @ shares.T).astype(np.float64).reshape(count, k, count, k)
    both = (table * (table - 1) / 2).sum(axis=(1, 3))
    sizes = shares.sum(axis=1, dtype=np.float64).reshape(count, k)
    single = (sizes * (sizes - 1) / 2).sum(axis=1)
    expected = single[:, None] * single[None] / (people * (people - 1) / 2)
    most = (single[:, None] + single[None]) / 2
    room = most - expected
    index = np.where(room > 1e-9, (both - expected) / np.where(room > 1e-9, room, 1), 1.0)
    return float(index[np.triu_indices(count, 1)].mean())
