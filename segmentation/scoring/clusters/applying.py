"""Which cluster every patient belongs to: the nearest centre, or the most probable component.

Both are the least of k scores. With z the scaled features, KMeans compares |z − c|² less |z|², which is the same for
all clusters: |c|² − 2 c·z. A Gaussian component of weight w, mean m and precision P (inverse of the covariance) has

    −2 log w − log |P| + (z − m)ᵀ P (z − m)

which is linear in 1, z and the products of the z. So either is one small matrix product for a chunk of patients, with
filling in, winsorising and the logarithm done before it in a buffer that stays in the processor's cache.
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmentation.scoring.clusters.scaling import Floats, Json, Labels, Matrix, Scaling

CHUNK = 1 << 14
# Standard deviations between a patient and the plane half-way between two centres; odds of two Gaussian components.
MARGIN = 0.1
MARGIN_ODDS = 1.5
Small = NDArray[np.float32]


def apply(model: Json, matrix: Matrix, *, before: Labels | None = None) -> Labels:
    """The cluster 0..k−1 of every row of `matrix`, whose columns are `model["features"]`.

    Who was in another cluster `before` and is beyond the border by less than the margin stays where they were: within
    MARGIN standard deviations of the middle between two centres (k-means), at odds under MARGIN_ODDS (mixtures).
    """
    scaling = Scaling.from_json(model["scaling"])
    features = len(scaling.columns)
    if matrix.ndim != 2 or matrix.shape[1] != features:
        raise ValueError(f"{features} features are needed, the matrix has {matrix.shape}")
    weights, products = _scores(model, scaling)
    slack = _slack(model)
    labels = np.zeros(len(matrix), np.int8)
    size = min(CHUNK, max(len(matrix), 1))
    terms = np.ones((weights.shape[1], size), np.float32)  # the features, a line of ones, the products
    scores, least = np.empty((len(weights), size), np.float32), np.empty(size, np.float32)
    mask = np.empty(size, np.bool_)
    # The products are small: threads would wait for each other.
    with threadpool_limits(1, "blas"):
        for start in range(0, len(matrix), size):
            rows = slice(start, min(start + size, len(matrix)))
            count = rows.stop - start
            filled = terms[:, :count]
            _scale(scaling, matrix[rows], filled, mask[:count])
            for feature, (first, last) in enumerate(products):
                np.multiply(filled[feature], filled[feature:features], out=filled[first:last])
            found = np.matmul(weights, filled, out=scores[:, :count])
            _least(found, labels[rows], least[:count], mask[:count])
            if before is not None:
                _stay(found, labels[rows], before[rows], slack)
    return labels


def _scale(scaling: Scaling, rows: Matrix, out: Small, mask: NDArray[np.bool_]) -> None:
    """`rows` into the first lines of `out`: filled in, winsorised, the logarithm taken, the mean taken off.

    The standard deviation is in the weights, log u in the mean: a pass less over every line.
    """
    for i, column in enumerate(scaling.columns):
        line = out[i]
        line[...] = rows[:, i]
        np.isfinite(line, out=mask)
        if not mask.all():
            np.logical_not(mask, out=mask)
            np.copyto(line, np.float32(column.median), where=mask)
        np.clip(line, np.float32(column.low), np.float32(column.high), out=line)
        if column.log:
            line += np.float32(column.unit)
            np.log(line, out=line)
        line -= np.float32(column.mean + (np.log(column.unit) if column.log else 0.0))


def _least(scores: Small, labels: Labels, least: Small, mask: NDArray[np.bool_]) -> None:
    """Position of the least score of every column; of equal ones the first.

    Positions rise, so the largest position that was less than all before it is the label; argmin along the short side
    and assignment under a mask each cost several times as much.
    """
    least[...] = scores[0]
    less = mask.view(np.int8)
    for position in range(1, len(scores)):
        np.less(scores[position], least, out=mask)
        np.multiply(less, np.int8(position), out=less)
        np.maximum(labels, less, out=labels)
        np.minimum(scores[position], least, out=least)


def _stay(scores: Small, labels: Labels, before: Labels, slack: Floats) -> None:
    moved = np.flatnonzero((before >= 0) & (before < len(scores)) & (before != labels))
    old, new = before[moved], labels[moved]
    near = scores[old, moved] - scores[new, moved] < slack[old, new]
    labels[moved[near]] = old[near]


def _slack(model: Json) -> Floats:
    """By how much the score of the old cluster may be above that of the new one, for each pair."""
    centres = np.asarray(model["centres"], dtype=np.float64)
    if model["method"] == "gmm":
        return np.full((len(centres), len(centres)), 2 * np.log(MARGIN_ODDS))
    return np.asarray(2 * MARGIN * np.linalg.norm(centres[:, None] - centres[None], axis=2))


def _scores(model: Json, scaling: Scaling) -> tuple[Small, list[tuple[int, int]]]:
    """k × terms: what to multiply the terms with, and where among them the products of each feature stand."""
    sd = np.array([column.sd for column in scaling.columns])
    centres = np.asarray(model["centres"], dtype=np.float64)
    if model["method"] == "kmeans":
        return np.hstack([-2 * centres / sd, (centres**2).sum(axis=1)[:, None]]).astype(np.float32), []
    covariances = np.asarray(model["covariances"], dtype=np.float64)
    precisions = np.linalg.inv(covariances)
    linear = np.einsum("kij,kj->ki", precisions, centres)
    first, second = np.triu_indices(len(sd))
    pairs = precisions[:, first, second] * np.where(first == second, 1.0, 2.0) / (sd[first] * sd[second])
    constant = np.einsum("ki,ki->k", linear, centres) + np.linalg.slogdet(covariances)[1]
    constant -= 2 * np.log(np.asarray(model["weights"]))
    weights = np.hstack([-2 * linear / sd, constant[:, None], pairs]).astype(np.float32)
    # The upper triangle, row by row: a feature with itself and those after it.
    ends = len(sd) + 1 + np.cumsum(np.arange(len(sd), 0, -1))
    return weights, list(zip([len(sd) + 1, *ends[:-1].tolist()], ends.tolist(), strict=True))
