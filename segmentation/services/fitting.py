"""Borders that follow the base: fitted rarely, kept with the night that fitted them, applied in between."""

import datetime
from typing import Any

import pandas as pd

from segmentation.frames import day_number
from segmentation.kinds import Kind, Params
from segmentation.models import NightlyRun, Segmentation

# A clinic that has just imported its history must not keep the borders of the ten patients it tried out first.
GROWTH = 2


def last_fit(segmentation: Segmentation, as_of: datetime.date) -> dict[str, Any] | None:
    """The fit in force on `as_of`: of that night itself if it has fitted already, else of the last night before."""
    runs = NightlyRun.objects.filter(as_of__lte=as_of, fitted__has_key=segmentation.code).order_by("-as_of")
    fitted = runs.values_list("fitted", flat=True).first()
    return fitted[segmentation.code] if fitted else None


def fit_for(
    segmentation: Segmentation, kind: Kind, params: Params, frame: pd.DataFrame, as_of: datetime.date,
    *, refit: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The fit to apply on `as_of`: {"on", "params", "visited", "borders"}.

    A new one when there is none, when asked for, when the thresholds have been edited since, when the last is
    `refit_every_days` old, or when the base has doubled.
    """
    visited = int((frame["visit_days"] > 0).sum())
    last = last_fit(segmentation, as_of)
    if last and not refit and last["params"] == params and visited < GROWTH * last["visited"]:
        age = as_of - datetime.date.fromisoformat(last["on"])
        if age.days < segmentation.refit_every_days:
            return last
    borders = kind.fit(frame, params, day_number(as_of))
    return {"on": as_of.isoformat(), "params": params, "visited": visited, "borders": borders}
