"""A sample that depends on what the rows hold and not on where they stand."""

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.clusters.scaling import Matrix

_ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)


def sample_rows(matrix: Matrix, size: int, seed: int) -> NDArray[np.int64]:
    """Positions of `size` rows (all when there are fewer), in an order made of their contents.

    The rows are put in the order of a hash of their values; equal rows stand together and may be exchanged freely.
    From that order the sample is drawn by `seed`, every row with the same chance. So the rows shuffled, or patients
    numbered anew, give the same sample, and sums over it are taken in the same order to the last digit.
    """
    order = np.argsort(_hash(matrix), kind="stable")
    if len(order) <= size:
        return order
    return order[np.sort(np.random.default_rng([seed, 0]).choice(len(order), size, replace=False))]


def _hash(matrix: Matrix) -> NDArray[np.uint64]:
    keys = np.zeros(len(matrix), np.uint64)
    for i in range(matrix.shape[1]):
        # +0.0: zero has one sign; every kind of "not known" is the same.
        values = np.where(np.isfinite(matrix[:, i]), matrix[:, i], np.nan).astype(np.float64) + 0.0
        keys ^= values.view(np.uint64)
        keys *= np.uint64(_ODD[0])
        keys ^= keys >> np.uint64(29)
        keys *= np.uint64(_ODD[1])
        keys ^= keys >> np.uint64(32)
    return keys
