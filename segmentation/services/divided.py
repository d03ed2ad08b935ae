"""One segmentation on one night: where everybody was and where they belong."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.frames import read_groups
from segmentation.kinds import Kind, Outcome
from segmentation.models import Segmentation

FOREIGN = -2  # a segment the kind no longer yields
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """Who is in which segment: one row per patient, segments as indices of the kind."""

    patients: Ids
    segments: NDArray[np.int8]

    def along(self, patients: Ids) -> NDArray[np.int8]:
        """For each of the sorted `patients` the segment held, −1 for none."""
        return spread(patients, self.patients, self.segments, np.int8(-1))

    def missing_in(self, patients: Ids) -> NDArray[np.bool_]:
        """Which holders are not among the sorted `patients`: erased, merged or deleted since."""
        return ~np.isin(self.patients, patients, assume_unique=True)


@dataclass
class Division:
    """One segmentation on this night: where everybody was and where they belong."""

    segmentation: Segmentation
    kind: Kind
    segment_ids: dict[str, int]
    fitted: dict[str, Any]
    before: Held
    outcome: Outcome
    found: tuple[str, ...] | None = None  # the segments of a kind that has no fixed list of them

    @property
    def segments(self) -> tuple[str, ...]:
        """Codes by index."""
        return self.kind.segments if self.found is None else self.found

    @property
    def code(self) -> str:
        return self.segmentation.code

    def id_table(self) -> NDArray[np.int64]:
        """Segment id by index."""
        return np.array([self.segment_ids[code] for code in self.segments], dtype=np.int64)


def spread(patients: Ids, ids: Ids, values: NDArray[Any], missing: Any) -> NDArray[Any]:
    """`values` (one per id, in any order) along the sorted `patients`."""
    if np.array_equal(ids, patients):  # on most nights nobody has come or gone
        return values.copy()
    result = np.full(len(patients), missing, dtype=values.dtype)
    if not len(patients) or not len(ids):
        return result
    position = np.minimum(np.searchsorted(patients, ids), len(patients) - 1)
    known = patients[position] == ids
    result[position[known]] = values[known]
    return result


def load_held(codes: tuple[str, ...], segment_ids: dict[str, int], before: datetime.date | None = None) -> Held:
    """The open memberships of a segmentation; with `before` those that were open on the day before it.

    Segments are told by their place in `codes`; one that is not there is FOREIGN.
    """
    if not segment_ids:
        return Held(np.empty(0, np.int64), np.empty(0, np.int8))
    ids = ",".join(str(value) for value in segment_ids.values())
    # By segment, not by segmentation: answered by the partial index membership_open without touching the table.
    lasting = f"entered_on < '{before}' AND (left_on IS NULL OR left_on >= '{before}')" if before else "left_on IS NULL"
    held, patients = read_groups(
        f"segment_id, patient_id FROM segmentation_membership WHERE segment_id IN ({ids}) AND {lasting}"
    )
    places = {code: place for place, code in enumerate(codes)}
    pairs = sorted((value, places.get(code, FOREIGN)) for code, value in segment_ids.items())
    known, indices = np.array(pairs, dtype=np.int64).T
    return Held(patients, indices[np.searchsorted(known, held)].astype(np.int8))
