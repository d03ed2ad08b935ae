"""What a change of thresholds would do, computed by the code of the night without writing anything."""

import datetime
from dataclasses import dataclass

import numpy as np

from segmentation.kinds import KINDS, Before, Params
from segmentation.models import NightlyRun, Segmentation
from segmentation.services.divided import Held, load_held
from segmentation.services.fitting import fit_for
from segmentation.services.night import Night, owners_of_scores


@dataclass(frozen=True)
class PreviewResult:
    """`moves`: (segment now, segment then) → patients, without those who stay; None stands for "in no segment"."""

    as_of: datetime.date
    total: int
    moved: int
    moves: dict[tuple[str | None, str | None], int]
    before: dict[str, int]
    after: dict[str, int]


def preview(segmentation: Segmentation, params: Params, as_of: datetime.date | None = None) -> PreviewResult | None:
    """How many patients would move if the next night applied `params`; None before the first finished night.

    Computed on the metrics as they are; `as_of` is the last finished night unless given. Raises ValidationError when
    the params do not pass the kind's form. A million patients take a few seconds.
    """
    kind = KINDS[segmentation.kind]
    cleaned = kind.clean(params)
    last = NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of").first()
    day = as_of or (last.as_of if last else None)
    if day is None:
        return None
    # The memory of a patient is what holds now: the preview is of the night to come.
    night = Night(as_of=day)
    segment_ids = dict(segmentation.segments.values_list("code", "id")) if segmentation.pk else {}
    held: Held = load_held(kind.segments, segment_ids)
    now = held.along(night.patients)
    before = Before(now, _scores_now(night) if segmentation.pk in owners_of_scores() else {})
    fitted = fit_for(segmentation, kind, cleaned, night.frame, day)
    then = kind.apply(night.frame, cleaned, fitted["borders"], before, night.day).segments
    return _compare(kind.segments, now, then, day)


def _scores_now(night: Night) -> dict[str, np.ndarray]:
    later = Night(as_of=night.as_of + datetime.timedelta(days=1))
    later.frame = night.frame
    return later.scores_before


def _compare(codes: tuple[str, ...], now: np.ndarray, then: np.ndarray, day: datetime.date) -> PreviewResult:
    names: list[str | None] = [None, *codes]
    size = len(names)
    here, there = np.maximum(now, -1).astype(np.int64) + 1, then.astype(np.int64) + 1
    table = np.bincount(here * size + there, minlength=size * size).reshape(size, size)
    moves = {(names[i], names[j]): int(table[i, j]) for i in range(size) for j in range(size) if i != j and table[i, j]}
    return PreviewResult(
        as_of=day,
        total=len(now),
        moved=sum(moves.values()),
        moves=moves,
        before={code: int(table[i + 1].sum()) for i, code in enumerate(codes)},
        after={code: int(table[:, i + 1].sum()) for i, code in enumerate(codes)},
    )
