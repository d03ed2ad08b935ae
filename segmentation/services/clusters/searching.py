"""The search of one fit, in a worker, and the putting in place of what it found.

The search itself is no transaction, so that its progress can be seen; a lock of the session keeps a second worker
away and is given back by the server when the process dies. What was found is written in one transaction: the fit is
done, its clusters are segments, and the patients are in them as of the last night.

What a fit keeps as JSON, besides the model:
    asked     base, features, method, k, and `columns`: the columns of the matrix
    profile   `rows` (portrait), `traits` (what distinguishes each cluster), `axes` of the map, `missing` (share by
              column), `level` of stability, `doubts`, `sizes`; of a refused search only `refused`: the details
    points    [x, y, code] of a sample
    matching  `codes` of the clusters in the order of the model, `notices` [{code, new, old}] with codes of clusters,
              `before`: the fit they were compared with, `overlap` {code: share}
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from segmentation.models import ClusterFit, NightlyRun, NightlyStep, Segment, Segmentation
from segmentation.scoring import clusters
from segmentation.selectors.clusters import in_force
from segmentation.services import memberships, totals
from segmentation.services.clusters.applying import base_in
from segmentation.services.clusters.features import blocks_of, columns_for, load, matrix_of
from segmentation.services.divided import load_held
from segmentation.services.night import Night

log = logging.getLogger(__name__)
LOCK = 0x636C7573  # "clus", the first half of the advisory lock's key; the id of the fit is the second
LOCK_NOT_AVAILABLE = "55P03"
State, Outcome = ClusterFit.State, ClusterFit.Outcome
UNDER_WAY = (State.WAITING, State.RUNNING)
SEED = 1
ON_THE_MAP = 1500
# Of the progress bar, the search itself takes this much.
LOADED, SEARCHED = 5, 95
# Signs of life are no more frequent than this, and a night under way is waited for so long.
NOTE_EVERY, WAIT_FOR_NIGHT = 1.0, 900.0
# Told apart by those who do not see red and green; the colours of kept clusters are never given twice.
COLOURS = (
    "#2f6fde", "#e07b00", "#1b8a5a", "#b23fb0", "#c9971c", "#00899b", "#c2405a", "#6b5bd2", "#7a6a53", "#4f7d1e",
    "#d4589b", "#3d5a80",
)  # fmt: skip


class GoneError(Exception):
    """The clustering was archived, or its fit is gone, while the search was under way."""


class BusyError(Exception):
    """A night is being written: what was found cannot be put in place now."""


@dataclass(frozen=True)
class Data:
    """The matrix of a search: ids along its rows, sorted."""

    as_of: dt.date
    columns: list[str]
    ids: NDArray[np.int64]
    matrix: NDArray[np.float32]


def run(fit_id: int, now: dt.datetime) -> bool:
    """Search now. False: another worker is at it, or there is nothing to do."""
    with alone(fit_id) as mine:
        found = ClusterFit.objects.select_related("segmentation").filter(pk=fit_id, state__in=UNDER_WAY).first()
        if not mine or found is None:
            return False
        row = ClusterFit.objects.filter(pk=fit_id)
        row.update(state=State.RUNNING, progress=0, stage="load", started_at=now, heartbeat_at=timezone.now(), error="")
        try:
            _search(found)
        except clusters.Refused as refused:
            _fail(fit_id, refused.code, refused.details)
        except GoneError:
            _fail(fit_id, "archived")
        except Exception as error:
            # The kind of error only: the database quotes rows in its details.
            log.error("search for clusters %s failed: %s", fit_id, type(error).__name__, exc_info=error)
            _fail(fit_id, type(error).__name__)
    return True


@contextmanager
def alone(fit_id: int) -> Iterator[bool]:
    """Whether this process is the only one at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, fit_id])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, fit_id])


def _search(fit: ClusterFit) -> None:
    data = _load(fit)
    note = Notes(fit)
    asked = fit.asked
    methods = clusters.METHODS if asked["method"] == "auto" else (asked["method"],)
    found = clusters.search(
        data.matrix,
        data.columns,
        methods=methods,
        k=asked["k"] or None,
        seed=SEED,
        report=note.progress,
        blocks=blocks_of(data.columns),
    )
    note.progress(100, "save")
    kept: dict[str, Any] = {
        "as_of": data.as_of, "asked": {**asked, "columns": data.columns}, "patients": len(data.ids),
        "method": found.method, "k": found.k, "silhouette": found.silhouette, "separation": found.separation,
        "stability": found.stability, "tried": found.tried, "model": found.model,
    }  # fmt: skip
    if found.outcome == Outcome.NONE:
        judged = {"level": found.level, "doubts": found.doubts, "missing": found.missing}
        _finish(fit, **kept, outcome=Outcome.NONE, profile=judged)
        return
    before = in_force(fit.segmentation, data.as_of)
    matching = _match(fit, before, found, data)
    axes, points = _map(found, before, data)
    kept |= {"outcome": Outcome.FOUND, "profile": {**_profile(found, data), "axes": axes}}
    _put_in_place(fit, kept, matching, points, note)


def _load(fit: ClusterFit) -> Data:
    last = NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of").first()
    if last is None:
        raise clusters.Refused("no_night")
    base = base_in(fit.asked)
    if base is None:
        raise clusters.Refused("base_gone")
    columns = columns_for(base, fit.asked["features"])
    frame = load(base, columns, last.as_of)
    if frame.empty:
        raise clusters.Refused("base_empty")
    Notes(fit).progress(0, "load")
    return Data(last.as_of, columns, frame["patient"].to_numpy(), matrix_of(frame, columns))


class Notes:
    """Progress on the row of the fit; raises GoneError when nobody wants the result any more."""

    def __init__(self, fit: ClusterFit) -> None:
        self.fit, self.stage, self.noted = fit, "", 0.0

    def progress(self, percent: int, stage: str) -> None:
        if stage == self.stage and time.monotonic() - self.noted < NOTE_EVERY:
            return
        self.stage, self.noted = stage, time.monotonic()
        wanted = ClusterFit.objects.filter(pk=self.fit.pk, state=State.RUNNING, segmentation__active=True)
        shown = LOADED + round(percent * (SEARCHED - LOADED) / 100)
        if not wanted.update(progress=shown, stage=stage, heartbeat_at=timezone.now()):
            raise GoneError


def _profile(found: clusters.Found, data: Data) -> dict[str, Any]:
    rows = clusters.portrait(found.model, data.matrix, found.labels)
    return {
        "rows": rows, "traits": clusters.distinguishing(rows), "missing": found.missing, "level": found.level,
        "doubts": found.doubts, "sizes": found.sizes,
    }  # fmt: skip


def _map(
    found: clusters.Found, before: ClusterFit | None, data: Data
) -> tuple[dict[str, Any], list[tuple[float, float, int]]]:
    """The axes, and a sample of (x, y, label)."""
    drawn = np.random.default_rng(SEED).permutation(len(data.ids))[:ON_THE_MAP]
    axes = before.profile.get("axes") if before else None
    drawing = clusters.map2d(found.model, data.matrix[drawn], found.labels[drawn], before=axes)
    places = np.round(np.asarray(drawing.points, dtype=np.float64), 3).tolist()
    return drawing.axes, [(x, y, int(label)) for (x, y), label in zip(places, found.labels[drawn], strict=True)]


@dataclass(frozen=True)
class Followed:
    """How the clusters follow those of the fit before: for each new one the code of the old, or None."""

    old: list[str | None]
    notices: list[dict[str, Any]]
    overlap: dict[int, float]
    before: ClusterFit | None


def _match(fit: ClusterFit, before: ClusterFit | None, found: clusters.Found, data: Data) -> Followed:
    """By the patients they have in common: those who are in the clusters in force now, and where they belong anew."""
    if before is None:
        return Followed([None] * found.k, [], {}, None)
    codes: list[str] = before.matching["codes"]
    ids = dict(Segment.objects.filter(segmentation=fit.segmentation).values_list("code", "id"))
    held = load_held(tuple(codes), ids).along(data.ids)
    same = before.model["features"] == found.model["features"]
    models = {"old_model": before.model, "new_model": found.model} if same else {}
    matching = clusters.match(np.maximum(held, -1).astype(np.int8), found.labels, **models)
    old = [None if (one := matching.kept.get(label)) is None else codes[one] for label in range(found.k)]
    notices = [{**notice, "old": [codes[one] for one in notice["old"]]} for notice in matching.notices]
    return Followed(old, notices, {int(label): float(share) for label, share in matching.overlap.items()}, before)


def _put_in_place(
    fit: ClusterFit, kept: dict[str, Any], followed: Followed, points: list[tuple[float, float, int]], note: Notes
) -> None:
    """The fit done, its clusters made segments, the patients in them: one transaction, and not beside a night."""
    until = time.monotonic() + WAIT_FOR_NIGHT
    while True:
        try:
            with transaction.atomic():
                # Not the key: a night refers to this row when it ends, and what is waited for here is its end.
                segmentation = Segmentation.objects.select_for_update(no_key=True).get(pk=fit.segmentation_id)
                if not segmentation.active:
                    raise GoneError
                if base_in(fit.asked) is None:  # archived meanwhile: nobody could be put into what was found
                    raise clusters.Refused("base_gone")
                night = last_night_alone()
                codes = _segments(segmentation, followed.old)
                matching = {
                    "codes": codes, "before": followed.before and followed.before.pk,
                    "overlap": {codes[label]: share for label, share in followed.overlap.items()},
                    "notices": [
                        {**notice, "new": [codes[label] for label in notice["new"]]} for notice in followed.notices
                    ],
                }  # fmt: skip
                named = [[x, y, codes[label]] for x, y, label in points]
                _finish(fit, **kept, matching=matching, points=named)
                settle(segmentation, night)
            return
        except BusyError:
            if time.monotonic() > until:
                raise
        note.noted = 0.0
        note.progress(100, "save")
        time.sleep(NOTE_EVERY)


def last_night_alone() -> dt.date:
    """The last finished night, nobody else writing memberships until this transaction ends; BusyError otherwise.

    A later night that has written memberships and is not finished keeps the place: rows of an earlier date must not
    come in behind it.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
            cursor.execute(f"LOCK TABLE {memberships.MEMBERSHIPS} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        raise BusyError from None
    last = NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of").first()
    written = NightlyStep.objects.filter(name="memberships", finished_at__isnull=False).order_by("-run__as_of").first()
    if last is None or (written is not None and written.run.as_of > last.as_of):
        raise BusyError
    return last.as_of


def settle(segmentation: Segmentation, last: dt.date) -> None:
    """Put patients into the clusters as of the last night. Inside a transaction that writes memberships alone."""
    night = Night(as_of=last, again=True)
    division = night.late(segmentation)
    if division is not None:
        memberships.refresh_one(night, division)
        totals.refresh_one(night, division)


def _segments(segmentation: Segmentation, old: list[str | None]) -> list[str]:
    """The code of every cluster: kept ones go on with theirs, new ones get the next number, never one given before.

    The largest cluster comes first on the pages; a name or a colour somebody has chosen is left alone.
    """
    known = {segment.code: segment for segment in Segment.objects.filter(segmentation=segmentation)}
    numbers = iter(range(1 + max((int(code[1:]) for code in known), default=0), 1_000_000))
    taken = {known[code].colour for code in old if code is not None}
    free = iter([colour for colour in COLOURS if colour not in taken] or list(COLOURS))
    codes = []
    for position, code in enumerate(old):
        if code is None:
            number = next(numbers)
            code = f"c{number}"
            Segment.objects.create(
                segmentation=segmentation, code=code, position=position, colour=next(free, COLOURS[0]),
                name=f"Кластер {number}", name_en=f"Cluster {number}",
            )  # fmt: skip
        else:
            Segment.objects.filter(pk=known[code].pk).update(position=position, active=True)
        codes.append(code)
    Segment.objects.filter(segmentation=segmentation).exclude(code__in=codes).update(active=False)
    return codes


def _finish(fit: ClusterFit, **fields: Any) -> None:
    done = {"state": State.DONE, "progress": 100, "stage": "", "finished_at": timezone.now()}
    if not ClusterFit.objects.filter(pk=fit.pk, state=State.RUNNING).update(**fields, **done):
        raise GoneError


def _fail(fit_id: int, code: str, details: dict[str, Any] | None = None) -> None:
    ClusterFit.objects.filter(pk=fit_id, state__in=UNDER_WAY).update(
        state=State.FAILED, error=code[:60], profile={"refused": details or {}}, finished_at=timezone.now()
    )
