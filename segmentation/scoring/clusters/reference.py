"""Data without clusters that otherwise look like these: what any method must beat.

A Gaussian copula: the features keep their own distributions and their rank correlations, but there is only one cloud.
A feature with lumps (whole numbers, zeros) keeps its distribution exactly: k-means happily finds "clusters" in a 0/1
feature, and finds the very same ones here. A feature measured continuously whose distribution has two clear humps is
smoothed until it has one (Silverman 1981), for such humps are clusters.

Categories (`categories.py`) are drawn whole, all those of a patient at once, so that levels exclude each other and go
together as they do in the data. The other features are one cloud around a middle that is moved by each level: the
location model of Olkin & Tate (1961).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from segmentation.scoring.clusters.scaling import Floats

LUMP = 0.05
FEW_VALUES = 60
CLEAR_VALLEY, LOW = 0.6, 0.05
BINS = 256
DRAWS = 4000
RIDGE = 1e-3


@dataclass(frozen=True)
class Reference:
    """`values`: each feature's distribution, sorted, one per column; `root`: square root of the correlations.

    `levels`: the categories of all patients, `moved`: by how much each of them moves the normal scores of the features;
    `categories`: where they stand among the columns.
    """

    values: Floats
    root: Floats
    levels: Floats
    moved: Floats
    categories: NDArray[np.bool_]

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        if not self.categories.any():
            return _drawn(self.values, self.root, count, rng)
        found = np.empty((count, len(self.categories)))
        levels = self.levels[rng.integers(len(self.levels), size=count)]
        found[:, self.categories] = levels
        if len(self.root):
            cloud = rng.standard_normal((count, len(self.root))) @ self.root.T + levels @ self.moved
            places = (cloud.argsort(axis=0).argsort(axis=0) + 0.5) / count * len(self.values)
            found[:, ~self.categories] = np.take_along_axis(self.values, places.astype(np.int64), axis=0)
        return found


def reference_of(
    z: Floats, known: NDArray[np.bool_], categories: NDArray[np.bool_], rng: np.random.Generator
) -> Reference:
    """The copula of scaled features `z`, its correlations corrected for what lumps take away from them.

    `known`: which values were measured; the others were filled in and are no lump of the feature's own.
    """
    levels, rest = z[:, categories], z[:, ~categories]
    if not rest.shape[1]:
        return Reference(rest, np.empty((0, 0)), levels, np.empty((levels.shape[1], 0)), categories)
    if not levels.shape[1]:
        return Reference(_smooth(z, known), _correlated(z, rng), levels, np.empty((0, z.shape[1])), categories)
    return _around_levels(rest, known[:, ~categories], levels, categories, rng)


def _around_levels(
    rest: Floats, known: NDArray[np.bool_], levels: Floats, categories: NDArray[np.bool_], rng: np.random.Generator
) -> Reference:
    """Means of the normal scores by the levels, without interactions, and the covariance of what is left over."""
    wanted_moves, wanted = _moves(_normal_scores(rest), levels)
    moved, covariance = wanted_moves, wanted
    values = np.sort(rest, axis=0)
    for _round in range(3):
        made = Reference(values, _square_root(covariance), levels, moved, categories).draw(DRAWS, rng)
        got_moves, got = _moves(_normal_scores(made[:, ~categories]), made[:, categories])
        moved, covariance = moved + wanted_moves - got_moves, covariance + wanted - got
    return Reference(_smooth(rest, known), _square_root(covariance), levels, moved, categories)


def _moves(scores: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """The regression of scores on levels, and the covariance of its residuals."""
    own = levels - levels.mean(axis=0)
    # A little ridge: the levels of one category add up to the same for everybody.
    moved = np.linalg.solve(own.T @ own + RIDGE * len(own) * np.eye(own.shape[1]), own.T @ scores)
    rest = scores - scores.mean(axis=0) - own @ moved
    return moved, rest.T @ rest / len(rest)


def _square_root(covariance: Floats) -> Floats:
    sizes, axes = np.linalg.eigh(covariance)
    return np.asarray(axes * np.sqrt(np.maximum(sizes, 0)))


def _smooth(z: Floats, known: NDArray[np.bool_]) -> Floats:
    smooth = [np.sort(np.append(one_hump(np.sort(z[known[:, i], i])), z[~known[:, i], i])) for i in range(z.shape[1])]
    return np.column_stack(smooth)


def _correlated(z: Floats, rng: np.random.Generator) -> Floats:
    """The root of the correlations that come out in drawn data as they are in `z`."""
    values = np.sort(z, axis=0)
    wanted = np.atleast_2d(np.corrcoef(_normal_scores(z).T))
    latent = wanted
    root = _root(latent)
    for _round in range(3):
        got = np.atleast_2d(np.corrcoef(_normal_scores(_drawn(values, root, DRAWS, rng)).T))
        latent = np.clip(latent + wanted - got, -0.999, 0.999)
        np.fill_diagonal(latent, 1.0)
        root = _root(latent)
    return root


def _drawn(values: Floats, root: Floats, count: int, rng: np.random.Generator) -> Floats:
    places = ndtr(rng.standard_normal((count, len(root))) @ root.T) * len(values)
    return np.take_along_axis(values, np.minimum(places.astype(np.int64), len(values) - 1), axis=0)


def _normal_scores(z: Floats) -> Floats:
    """Every value replaced by the normal quantile of its mid-rank."""
    order = np.sort(z, axis=0)
    ranks = [
        (np.searchsorted(order[:, i], z[:, i], "left") + np.searchsorted(order[:, i], z[:, i], "right")) / 2
        for i in range(z.shape[1])
    ]
    return np.asarray(ndtri((np.column_stack(ranks)) / len(z)))


def _root(correlations: Floats) -> Floats:
    """Square root of the nearest matrix with a diagonal of ones and no negative eigenvalue."""
    sizes, axes = np.linalg.eigh(correlations)
    root = axes * np.sqrt(np.maximum(sizes, 0))
    return np.asarray(root / np.sqrt((root**2).sum(axis=1, keepdims=True)))


def one_hump(ordered: Floats) -> Floats:
    """Sorted values as they are, or smoothed to one hump when they are continuous and have a clear valley."""
    values, counts = np.unique(ordered, return_counts=True)
    if len(values) < FEW_VALUES or counts.max() > LUMP * len(ordered):
        return ordered
    spread = min(float(ordered.std()), float(np.subtract(*np.quantile(ordered, (0.75, 0.25)))) / 1.349 or np.inf)
    width = 0.9 * spread * len(ordered) ** -0.2
    grid, density = _density(ordered, width)
    if _deepest(density) > CLEAR_VALLEY:
        return ordered
    while _deepest(density) < 1:
        width *= 1.15
        grid, density = _density(ordered, width)
    share = np.cumsum(density) / density.sum()
    smoothed = np.interp((np.arange(len(ordered)) + 0.5) / len(ordered), share, grid)
    return np.asarray((smoothed - smoothed.mean()) / smoothed.std() * ordered.std() + ordered.mean())


def _density(values: Floats, width: float) -> tuple[Floats, Floats]:
    low, high = values[0] - 3 * width, values[-1] + 3 * width
    counts, edges = np.histogram(values, BINS, (low, high))
    step = edges[1] - edges[0]
    reach = min(int(np.ceil(4 * width / step)), BINS)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    density = np.convolve(counts, kernel)[reach : reach + BINS]
    return (edges[:-1] + edges[1:]) / 2, density / density.sum()


def _deepest(density: Floats) -> float:
    """The lowest valley ÷ the lower of the highest points on its two sides; 1: one hump."""
    left = np.maximum.accumulate(density)
    right = np.maximum.accumulate(density[::-1])[::-1]
    rim = np.minimum(left, right)
    return float(np.min(density[rim > LOW * density.max()] / rim[rim > LOW * density.max()]))
