"""Undo the nights from a date on, so that they can be lived through again."""

import datetime

from django.db import connection, transaction

from segmentation.models import (
    BaseTotal,
    Calibration,
    Forecast,
    LearnedCycle,
    LtvFit,
    NightlyRun,
    RfmCell,
    SegmentTotal,
)

SCORES = ("r", "f", "m", "profit_band")


@transaction.atomic
def rewind(as_of: datetime.date) -> None:
    """Take back everything the nights of `as_of` and later concluded.

    Memberships return exactly to what they were. Scores return to what held before they last changed; the caller then
    scores the night before `as_of` once more, from there. That is exact for a patient whose scores changed once since
    `as_of`; for the others it may differ within the margin of a border, where either score is right. Metrics are
    recomputed by the caller, who first learns the return intervals as of that night if they were learned later: only
    the last ones are kept.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM segmentation_membership WHERE entered_on >= %s", [as_of])
        cursor.execute("UPDATE segmentation_membership SET left_on = NULL WHERE left_on >= %s", [as_of])
        before = ", ".join(f"{name} = COALESCE({name}_before, 0)" for name in SCORES[:3])
        nothing = ", ".join(f"{name}_before = NULL" for name in SCORES)
        cursor.execute("DELETE FROM segmentation_score WHERE changed_on >= %s AND r_before IS NULL", [as_of])
        cursor.execute(
            f"UPDATE segmentation_score SET {before}, profit_band = profit_band_before, {nothing}, changed_on = NULL "
            "WHERE changed_on >= %s",
            [as_of],
        )
    for model in (SegmentTotal, RfmCell, BaseTotal, NightlyRun, Forecast, LtvFit, Calibration):
        model.objects.filter(as_of__gte=as_of).delete()
    LearnedCycle.objects.filter(fitted_on__gte=as_of).delete()
