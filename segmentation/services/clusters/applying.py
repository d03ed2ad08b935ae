"""The fit in force on a night, and to which of its clusters the members of its base belong.

On the night a fit was made for, everybody is where the search has put them. On later nights a patient on the border
between two clusters stays in the one they were in (`segmentation.scoring.clusters.apply`), so nobody flits to and fro
while nothing happens. Who has left the base is in no cluster. When the base is archived or gone, nobody moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segmentation.kinds import KINDS, Cause, Outcome
from segmentation.models import ClusterFit, Segment, Segmentation
from segmentation.scoring import clusters
from segmentation.scoring.clusters.scaling import Scaling
from segmentation.selectors.clusters import base_of, in_force
from segmentation.services.clusters.features import Base, load, matrix_of
from segmentation.services.divided import Division, Held, Ids, load_held, spread

if TYPE_CHECKING:
    from segmentation.services.night import Night

Labels = NDArray[np.int8]
# So many features are named as what drew a patient from one cluster into another.
NAMED = 2
# Of the whole pull, a feature that has less than this share of it is not worth naming.
LEAST_PULL = 0.2
# Half a standard deviation from what is usual in the former cluster is called more or less.
PLAIN = 0.5


def base_in(asked: dict[str, str]) -> Base | None:
    """The base a search was asked for; None when it has been archived or is gone."""
    code = asked.get("base") or ""
    if not code:
        return Base()
    segment = base_of(code)
    return Base(segment) if segment and segment.active and segment.segmentation.active else None


def divide(night: Night, segmentation: Segmentation) -> Division | None:
    """Where everybody belongs on this night; None while no search has found clusters."""
    fit = in_force(segmentation, night.as_of)
    if fit is None:
        return None
    codes: tuple[str, ...] = tuple(fit.matching["codes"])
    segment_ids = show_only(segmentation, codes)
    held = load_held(codes, segment_ids, before=night.as_of if night.again else None)
    before = held.along(night.patients)
    base = base_in(fit.asked)
    if base is None:
        night.report(f"  {segmentation.code}: its base is gone; nobody moves")
        # Nor do those whom this very night has put there before the base was archived, when it is lived through again.
        now = load_held(codes, segment_ids).along(night.patients)
        return _division(segmentation, segment_ids, codes, held, Outcome(now, lambda rows: [{}] * len(rows)))
    outcome = _outcome(night, fit, base, before)
    return _division(segmentation, segment_ids, codes, held, outcome)


def _division(
    segmentation: Segmentation, segment_ids: dict[str, int], codes: tuple[str, ...], held: Held, outcome: Outcome
) -> Division:
    return Division(segmentation, KINDS[segmentation.kind], segment_ids, {}, held, outcome, codes)


def show_only(segmentation: Segmentation, codes: tuple[str, ...]) -> dict[str, int]:
    """Ids of all clusters there ever were, by code; those of the fit in force are shown, the others no more."""
    segments = Segment.objects.filter(segmentation=segmentation)
    segments.filter(active=True).exclude(code__in=codes).update(active=False)
    segments.filter(active=False, code__in=codes).update(active=True)
    return dict(segments.values_list("code", "id"))


def _outcome(night: Night, fit: ClusterFit, base: Base, before: Labels) -> Outcome:
    columns = list(fit.model["features"])
    frame = load(base, columns, night.as_of, among=night.patients)
    ids: Ids = frame["patient"].to_numpy()
    matrix = matrix_of(frame, columns)
    places = np.searchsorted(night.patients, ids)
    of_search = fit.as_of == night.as_of
    held = None if of_search else np.maximum(before[places], np.int8(-1))
    labels = _apply(fit, matrix, held)
    belongs = spread(night.patients, ids, labels, np.int8(-1))

    def causes(rows: NDArray[np.int64]) -> list[Cause]:
        if of_search:
            return [{"reasons": ["searched_again"]}] * len(rows)
        return _pulls(fit, ids, matrix, night.patients[rows], before[rows], belongs[rows])

    return Outcome(belongs, causes)


def _apply(fit: ClusterFit, matrix: NDArray[np.float32], before: Labels | None) -> Labels:
    return clusters.apply(fit.model, matrix, before=before) if len(matrix) else np.empty(0, np.int8)


def _pulls(
    fit: ClusterFit, ids: Ids, matrix: NDArray[np.float32], movers: Ids, old: Labels, new: Labels
) -> list[Cause]:
    """What drew each mover from the middle of the old cluster towards that of the new: the features in which they are
    so much nearer to it, (z − old)² − (z − new)² in the scale of the fit, the largest first.

    Whoever came from a cluster that is no longer there, or has left for none, has no such cause.
    """
    found: list[Cause] = [{"reasons": ["searched_again"]} if was < 0 else {} for was in old.tolist()]
    drawn = np.flatnonzero((old >= 0) & (new >= 0))
    if not len(drawn):
        return found
    scaled = Scaling.from_json(fit.model["scaling"]).scaled(matrix[np.searchsorted(ids, movers[drawn])])
    centres = np.asarray(fit.model["centres"], dtype=np.float64)
    here, there = centres[old[drawn]], centres[new[drawn]]
    pull = (scaled - here) ** 2 - (scaled - there) ** 2
    for place, row in enumerate(drawn.tolist()):
        found[row] = {"features": _named(fit.model["features"], pull[place], scaled[place] - here[place])}
    return found


def _named(names: list[str], pull: NDArray[np.float64], away: NDArray[np.float64]) -> list[list[str | int]]:
    """[[code of the feature, 1 more | −1 less | 0 different]]; of the columns of one feature the strongest speaks."""
    whole = float(pull[pull > 0].sum())
    named: dict[str, int] = {}
    for place in np.argsort(-pull, kind="stable").tolist():
        if len(named) == NAMED or pull[place] <= 0 or (named and pull[place] < LEAST_PULL * whole):
            break
        code, colon, _part = names[place].partition(":")
        named.setdefault(code, 0 if colon or abs(away[place]) < PLAIN else int(np.sign(away[place])))
    return [[code, direction] for code, direction in named.items()]
