"""From features in their own units to the scale in which distances between patients mean something.

For every feature: what is not known becomes the median; values beyond the 1 % and 99 % quantiles are drawn in to them
(winsorising); a skewed amount x ≥ 0 becomes log(1 + x/u), u being the 10 % quantile of its values above zero; then the
mean is taken off and the rest divided by the standard deviation. Counting x in units of u keeps zero a step away from
the smallest usual amounts instead of log u steps, and makes the result independent of the currency.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

Matrix = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Json = dict[str, Any]

TAIL = 0.01
LEAST_PATIENTS = 60
SKEWED = 1.0
LEAST_SHARE_OF_RANGE = 1e-9


class Refused(ValueError):
    """These data cannot be searched: `code` and `details` say why."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(f"{code} {details}")
        self.code = code
        self.details: Json = details


@dataclass(frozen=True)
class Column:
    """How one feature is scaled. `low`, `high`, `median`, `unit`: in its own unit; `mean`, `sd`: after log."""

    name: str
    log: bool
    unit: float
    low: float
    high: float
    median: float
    mean: float
    sd: float
    missing: float

    def scaled(self, values: Matrix) -> Floats:
        known = np.where(np.isfinite(values), values, self.median).astype(np.float64)
        drawn_in = np.clip(known, self.low, self.high)
        return ((np.log1p(drawn_in / self.unit) if self.log else drawn_in) - self.mean) / self.sd


@dataclass(frozen=True)
class Scaling:
    """Of a whole matrix, column by column."""

    columns: tuple[Column, ...]

    def scaled(self, matrix: Matrix) -> Floats:
        """Patients × features, standardised: mean 0 and standard deviation 1 over those the scaling was made of."""
        return np.column_stack([column.scaled(matrix[:, i]) for i, column in enumerate(self.columns)])

    def usual(self, matrix: Matrix) -> NDArray[np.bool_]:
        """Rows of which no value is beyond the limits."""
        low, high = (np.array([getattr(column, side) for column in self.columns]) for side in ("low", "high"))
        return np.asarray(~((matrix < low) | (matrix > high)).any(axis=1))

    def to_json(self) -> list[Json]:
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, rows: list[Json]) -> Self:
        return cls(tuple(Column(**row) for row in rows))


def prepare(matrix: Matrix, names: Sequence[str]) -> Scaling:
    """The scaling of a matrix; Refused when clusters cannot be looked for in it."""
    if not len(names):
        raise Refused("no_features")
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise ValueError(f"{len(names)} names for a matrix of {matrix.shape}")
    if len(matrix) < LEAST_PATIENTS:
        raise Refused("too_few", patients=len(matrix), least=LEAST_PATIENTS)
    columns = [_column(name, matrix[:, i]) for i, name in enumerate(names)]
    if missing := [name for name, column in zip(names, columns, strict=True) if column is None]:
        raise Refused("all_missing", features=missing)
    if constant := [column.name for column in columns if column is not None and column.sd == 0]:
        raise Refused("constant_feature", features=constant)
    return Scaling(tuple(column for column in columns if column is not None))


def _column(name: str, values: Matrix) -> Column | None:
    """None: no value at all. A standard deviation of 0: constant."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return None
    missing = 1 - len(known) / len(values)
    # Quantiles that are values of the base: the limits of whole numbers are whole numbers.
    low, median, high = np.quantile(known, (TAIL, 0.5, 1 - TAIL), method="inverted_cdf").tolist()
    filled = np.clip(np.concatenate([known, np.full(len(values) - len(known), median)]), low, high)
    log, unit = _logarithm(filled)
    # Sorted, so that the order of the rows cannot show in the last digit.
    scale = np.sort(np.log1p(filled / unit) if log else filled)
    sd = 0.0 if high - low <= LEAST_SHARE_OF_RANGE * max(abs(low), abs(high)) else float(scale.std())
    return Column(name, log, unit, low, high, median, float(scale.mean()), sd, missing)


def _logarithm(values: Floats) -> tuple[bool, float]:
    """Whether these are skewed amounts that the logarithm makes less skewed, and the unit they are counted in."""
    if values.min() < 0 or values.min() == values.max() or skew(values) < SKEWED:
        return False, 1.0
    unit = float(np.quantile(values[values > 0], 0.1, method="inverted_cdf"))
    if abs(skew(np.log1p(values / unit))) >= skew(values):
        return False, 1.0
    return True, unit
