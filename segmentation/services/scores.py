"""The step "scores": what each kind concludes about each patient; only rows that changed are written."""

import numpy as np
import pandas as pd
from django.db import connection
from numpy.typing import NDArray

from segmentation.frames import copy_frame
from segmentation.services.divided import spread
from segmentation.services.night import SCORES, Night

TEXTS = ("value_reasons", "lifecycle_reason")
_COLUMNS = (*SCORES, "ltv", *TEXTS, "changed_on", *(f"{name}_before" for name in SCORES))


def refresh(night: Night) -> int:
    """Bring Score to `night.as_of`; return how many rows were written. Inside the caller's transaction."""
    fresh = _conclusions(night)
    known = night.scores
    rows = _changed(night, fresh)
    if len(known):
        gone = known["patient"].to_numpy()[~np.isin(known["patient"], night.patients, assume_unique=True)]
        _upsert(rows)
        _remove(gone)
        return len(rows) + len(gone)
    return copy_frame("segmentation_score", rows)


def _conclusions(night: Night) -> pd.DataFrame:
    """The columns of Score along the frame; a column no active segmentation fills has its empty value."""
    count = len(night.frame)
    none = np.zeros(count, dtype=np.int8)
    columns: dict[str, object] = {"patient": night.patients, **dict.fromkeys(SCORES, none)}
    columns["ltv"] = np.full(count, np.nan)
    columns["value_reasons"] = pd.Categorical.from_codes(none, pd.Index(["{}"]))
    columns["lifecycle_reason"] = pd.Categorical.from_codes(none, pd.Index([""]))
    for division in night.divisions:
        columns |= division.outcome.scores
    return pd.DataFrame(columns)


def _changed(night: Night, fresh: pd.DataFrame) -> pd.DataFrame:
    """The rows to write, with the memory of what held before this night."""
    known, patients = night.scores, night.patients
    ids = known["patient"].to_numpy()
    exists = spread(patients, ids, np.ones(len(ids), dtype=bool), False)
    differs = ~exists
    moved = ~exists
    for name in SCORES:
        differs |= spread(patients, ids, known[name].to_numpy(), np.int8(0)) != fresh[name].to_numpy()
        moved |= night.scores_before[name] != fresh[name].to_numpy()
    old_ltv, new_ltv = spread(patients, ids, known["ltv"].to_numpy(), np.nan), fresh["ltv"].to_numpy()
    differs |= ~((old_ltv == new_ltv) | (np.isnan(old_ltv) & np.isnan(new_ltv)))
    for name in TEXTS:
        differs |= _text_differs(patients, ids, known[name], fresh[name])
    since = spread(patients, ids, known["changed_on"].to_numpy(dtype=np.float64), np.nan)
    today = moved | (since == night.day)
    rows = fresh.assign(changed_on=_dates(np.where(today, night.day, since)))
    for name in SCORES:
        old = spread(patients, ids, known[f"{name}_before"].to_numpy(), np.int8(0))
        rows[f"{name}_before"] = _nullable(np.where(today, night.scores_before[name], old))
    rows = rows[differs].rename(columns={"patient": "patient_id"})
    return rows.assign(profit_band=_nullable(rows["profit_band"].to_numpy()))


def _text_differs(
    patients: NDArray[np.int64], ids: NDArray[np.int64], known: pd.Series, fresh: pd.Series
) -> NDArray[np.bool_]:
    """Compare as numbers: one code per distinct text on either side."""
    codes = {text: code for code, text in enumerate(fresh.cat.categories)}
    table = np.array([codes.get(text, -1) for text in known.cat.categories], dtype=np.int32)
    held = table[known.cat.codes.to_numpy()]
    return np.asarray(spread(patients, ids, held, np.int32(-1)) != fresh.cat.codes.to_numpy())


def _dates(days: NDArray[np.float64]) -> NDArray[np.datetime64]:
    known = np.where(np.isnan(days), 0, days).astype("datetime64[D]").astype("datetime64[s]")
    return np.where(np.isnan(days), np.datetime64("NaT", "s"), known)


def _nullable(scores: NDArray[np.int8]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(scores.astype(np.int8), scores == 0)


def _upsert(rows: pd.DataFrame) -> None:
    if rows.empty:
        return
    columns = ", ".join(_COLUMNS)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE night_scores (LIKE segmentation_score) ON COMMIT DROP")
        copy_frame("night_scores", rows)
        cursor.execute(
            f"INSERT INTO segmentation_score (patient_id, {columns}) SELECT patient_id, {columns} FROM night_scores "
            f"ON CONFLICT (patient_id) DO UPDATE SET {updates}"
        )
        cursor.execute("DROP TABLE night_scores")


def _remove(patients: NDArray[np.int64]) -> None:
    if len(patients):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM segmentation_score WHERE patient_id = ANY(%s)", [patients.tolist()])
