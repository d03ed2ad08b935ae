"""Metrics per patient, by set-based SQL; only for patients for whom something changed, or for all."""

import datetime


def refresh(as_of: datetime.date, *, full: bool, previous: datetime.date | None) -> int:
    """Bring Metrics and ServiceRhythm to the end of `as_of`; return how many rows were written.

    Runs inside the caller's transaction. `previous` is the date of the last finished night. Patients recomputed: those
    in the log of changes (its rows are consumed here) and those for whom the passing of time alone moves a number.
    With `full`, or without `previous`, or when `as_of` is before it: everybody.
    """
    raise NotImplementedError
