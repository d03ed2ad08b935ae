"""The step "forecasts": fit rarely, write what has changed, look back from time to time.

A row of Forecast is a function of the patient's Metrics and of the fit in force: it is computed for the later of the
day of the fit and the day on which the metrics last changed. So an ordinary night writes the rows of patients for whom
something happened, a night run again finds nothing to change, and a row that is missing is found and written. A full
night writes all: one that goes back may have metrics of another content with the day they had before.
"""

import numpy as np
import pandas as pd
from django.db import connection

from segmentation.frames import copy_frame, day_number, read_frame
from segmentation.models import Forecast, LtvFit
from segmentation.services.forecasts import calibrating, fitting
from segmentation.services.forecasts.histories import COLUMNS, METRICS
from segmentation.services.forecasts.predicting import predict
from segmentation.services.night import Night

TABLE = "segmentation_forecast"
_VALUES = [field.attname for field in Forecast._meta.concrete_fields if not field.primary_key]
_NOBODYS = f"""
DELETE FROM {TABLE} AS stored
WHERE NOT EXISTS (SELECT FROM {METRICS} AS kept WHERE kept.patient_id = stored.patient_id AND kept.visit_days > 0)
"""
# Metrics of the night itself may have been written a second time with the same day: they are always looked at again.
_CHANGED = f"""
CREATE TEMPORARY TABLE night_forecasting ON COMMIT DROP AS
SELECT {", ".join(f"known.{column}" for column in COLUMNS)}
FROM {METRICS} AS known LEFT JOIN {TABLE} AS stored ON stored.patient_id = known.patient_id
WHERE known.visit_days > 0 AND (
    stored.as_of IS DISTINCT FROM GREATEST(known.as_of, %(fitted)s::date) OR known.as_of = %(night)s::date
)
"""


def refresh(night: Night) -> int:
    """Bring LtvFit, Forecast and Calibration to `night.as_of`; return how many forecasts were written or removed.

    Inside the caller's transaction. Reads no frame of the night: that is read with the forecasts, by the steps after.
    """
    fit, fresh = fitting.fit_for(night)
    if fit.visits_method == LtvFit.Method.FORMULA:
        written = Forecast.objects.all().delete()[0]
    else:
        written = _everybody(fit) if fresh or night.full else _changed(fit, night)
    calibrating.refresh(night)
    return written


def _everybody(fit: LtvFit) -> int:
    """All rows anew. Deleted and not truncated: readers go on with the rows of yesterday until this is committed."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE}")
    written = copy_frame(TABLE, _rows(fit, read_frame(METRICS, COLUMNS, where="visit_days > 0")))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")
    return written


def _changed(fit: LtvFit, night: Night) -> int:
    """The rows of those for whom something has changed since, and of nobody else."""
    with connection.cursor() as cursor:
        cursor.execute(_NOBODYS)
        removed = int(cursor.rowcount)
        cursor.execute("DROP TABLE IF EXISTS night_forecasting")
        cursor.execute(_CHANGED, {"fitted": fit.as_of, "night": night.as_of})
        rows = _rows(fit, read_frame("night_forecasting", COLUMNS))
        if rows.empty:
            return removed
        cursor.execute(f"CREATE TEMPORARY TABLE night_forecasts (LIKE {TABLE}) ON COMMIT DROP")
        copy_frame("night_forecasts", rows)
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in _VALUES)
        stored = ", ".join(f"stored.{name}" for name in _VALUES)
        given = ", ".join(f"EXCLUDED.{name}" for name in _VALUES)
        cursor.execute(
            f"INSERT INTO {TABLE} AS stored (patient_id, {', '.join(_VALUES)}) "
            f"SELECT patient_id, {', '.join(_VALUES)} FROM night_forecasts "
            f"ON CONFLICT (patient_id) DO UPDATE SET {updates} WHERE ({stored}) IS DISTINCT FROM ({given})"
        )
        written = int(cursor.rowcount)
        cursor.execute("DROP TABLE night_forecasts")
    return removed + written


def _rows(fit: LtvFit, known: pd.DataFrame) -> pd.DataFrame:
    days = np.maximum(known["as_of"].to_numpy(), day_number(fit.as_of))
    return predict(fit, known, days)
