"""Nights for tests: everything a night has written, in a form that can be compared."""

import datetime
from typing import Any

from clinic_crm.nightly import run_night
from patients.models import Patient
from segmentation.models import (
    BaseTotal,
    Calibration,
    Forecast,
    LearnedCycle,
    LtvFit,
    Membership,
    Metrics,
    RfmCell,
    Score,
    SegmentTotal,
)  # fmt: skip

D = datetime.date
DAY = datetime.timedelta(days=1)


def night(as_of: D, **how: Any) -> None:
    run_night(as_of, report=lambda _line: None, **how)


def rows(model: Any, *without: str) -> list[tuple[Any, ...]]:
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in without]
    return sorted(model.objects.values_list(*names), key=repr)


def everything(*, ids: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the night but the notes of when they were written."""
    key = () if ids else ("id",)
    return {
        "learned cycles": rows(LearnedCycle, "id"),
        "metrics": rows(Metrics),
        "scores": rows(Score),
        "memberships": rows(Membership, *key),
        "segment totals": rows(SegmentTotal, "id"),
        "cells": rows(RfmCell, "id"),
        "base": rows(BaseTotal, "id"),
        "forecasts": rows(Forecast),
        "fits": rows(LtvFit, "id", "seconds"),
        "calibrations": rows(Calibration, "id"),
    }


def story(patient: Patient, segmentation: str) -> list[tuple[Any, ...]]:
    """(segment, came from, entered, left, cause) of one patient, in order."""
    held = Membership.objects.filter(patient=patient, segmentation__code=segmentation).order_by("entered_on")
    return list(held.values_list("segment__code", "came_from__code", "entered_on", "left_on", "cause"))


def segment(patient: Patient, segmentation: str) -> str | None:
    return (
        Membership.objects.filter(patient=patient, segmentation__code=segmentation, left_on=None)
        .values_list("segment__code", flat=True)
        .first()
    )
