"""Which columns are categories: they divide patients by themselves, so their divisions are no discovery.

Every division of the levels of a category is perfectly stable and has gaps with nobody in them: between "came from the
website" and "came from friends" there is nobody. So categories are kept as they are, all of them together, in the data
without structure (`reference.py`), and weigh little in the distances.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.clusters.scaling import Matrix, Scaling

# Yes or no, and grades of up to so many values.
FEW_LEVELS = 5
# A feature of several columns is a category when so many have all or nothing in each of them.
ALL_OR_NOTHING = 0.8
# In a distance a whole category weighs half as much as an amount: it may go with clusters and shall not hide them.
WEIGHT = 0.5


def categories_of(matrix: Matrix, names: Sequence[str], blocks: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """For every column, whether it is (a level of) a category.

    `blocks`: names of columns that stand for one feature together: a channel of several, shares of money by service.
    Shares spread over several services are amounts; of those who came once each has one service, which is a category.
    """
    found = np.array([len(np.unique(column[np.isfinite(column)])) <= FEW_LEVELS for column in matrix.T])
    for block in blocks:
        places = [place for place, name in enumerate(names) if name in block]
        if places:
            known = matrix[:, places][np.isfinite(matrix[:, places]).all(axis=1)]
            found[places] = bool(len(known)) and float(np.isin(known, (0, 1)).all(axis=1).mean()) >= ALL_OR_NOTHING
    return found


def weighed(scaling: Scaling, blocks: Sequence[Sequence[str]], categories: NDArray[np.bool_]) -> Scaling:
    """The scaling with the columns of one category weighing as half a feature: their variances add up to WEIGHT²."""
    columns = []
    for column, category in zip(scaling.columns, categories, strict=True):
        count = next((len(block) for block in blocks if column.name in block), 1) if category else 1
        columns.append(replace(column, sd=column.sd * (float(np.sqrt(count)) / WEIGHT if category else 1.0)))
    return Scaling(tuple(columns))
