"""Where a patient stands on the way from lead to lost. Dates are day numbers, durations days; NaN: none.

No memory is needed against flapping: only a visit, a booking or the passing of time moves a patient.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.hysteresis import Floats

STATES = ("lead", "new", "active", "due", "overdue", "lost")
REASONS = (
    "no_visit", "first_visit", "has_appointment", "within_cycle", "recent_visit", "due_soon", "past_due",
    "missed_cycles", "no_visit_months",
)  # fmt: skip
DAYS_IN_MONTH = 30.4375


@dataclass(frozen=True)
class Patience:
    """How long the clinic waits.

    `lost_cycles`: cycles missed in a row. For patients to whom no recall interval applies, months without a visit:
    `months_frequent` for those who come at least every 60 days, `months_middle` for those who come at least every 120
    days, `months_rare` for all others (a single visit included).
    """

    new_days: int
    appointment_days: int
    due_ahead_days: int
    grace_days: int
    lost_cycles: int
    months_frequent: int
    months_middle: int
    months_rare: int
    shortest_cycle_days: int


def missed_cycles(due_on: Floats, last_visit_on: Floats, cycle_days: Floats, as_of: float, grace_days: float) -> Floats:
    """How many due dates have passed unused: at `due_on`, then one more with every cycle; 0 within the grace days.

    A visit after the due date, for whatever service, starts the count anew: a service is due, the patient is not gone.
    """
    late = as_of - np.fmax(due_on, last_visit_on) - grace_days
    return np.where(late > 0, np.floor(np.nan_to_num(late / cycle_days)) + 1, 0.0)


def patience_days(own_interval: Floats, patience: Patience) -> Floats:
    """Days without a visit after which a patient with no recall interval is lost: 3, 6 or 12 months by own rhythm."""
    months = np.select(
        [own_interval <= 60, own_interval <= 120],
        [patience.months_frequent, patience.months_middle],
        patience.months_rare,
    )
    return np.asarray(months * DAYS_IN_MONTH, dtype=np.float64)


def states_of(
    *, visit_days: Floats, first_visit_on: Floats, last_visit_on: Floats, next_visit_on: Floats, due_on: Floats,
    cycle_days: Floats, own_interval: Floats, as_of: float, patience: Patience,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:  # fmt: skip
    """State (index into STATES) and its reason (index into REASONS); the first rule that fits:

    1. lead: no completed visit yet;
    2. new / active: an appointment within `appointment_days` keeps a patient, however late (new while the first visit
       is `new_days` old);
    3. lost: `lost_cycles` due dates missed; without a due date: no visit for 3, 6 or 12 months by own rhythm;
    4. overdue: the due date and the grace days are over;
    5. due: the due date is at most `due_ahead_days` away;
    6. new: the first visit was at most `new_days` ago;
    7. active: the others.

    The doctor's word gives a due date to a patient without a cycle; then the cycle is the 3, 6 or 12 months.
    """
    days = as_of - last_visit_on
    months = patience_days(own_interval, patience)
    has_due = ~np.isnan(due_on)
    cycle = np.where(np.isnan(cycle_days), months, np.maximum(cycle_days, patience.shortest_cycle_days))
    missed = np.where(has_due, missed_cycles(due_on, last_visit_on, cycle, as_of, patience.grace_days), 0)
    fresh = as_of - first_visit_on <= patience.new_days
    booked = (next_visit_on >= as_of) & (next_visit_on - as_of <= patience.appointment_days)
    rules: list[tuple[NDArray[np.bool_], str, str]] = [
        (visit_days <= 0, "lead", "no_visit"),
        (booked & fresh, "new", "has_appointment"),
        (booked, "active", "has_appointment"),
        (has_due & (missed >= patience.lost_cycles), "lost", "missed_cycles"),
        (~has_due & (days > months), "lost", "no_visit_months"),
        (missed >= 1, "overdue", "past_due"),
        (has_due & (due_on - as_of <= patience.due_ahead_days), "due", "due_soon"),
        (fresh, "new", "first_visit"),
        (has_due, "active", "within_cycle"),
    ]
    masks = [mask for mask, _state, _reason in rules]
    state = np.select(masks, [STATES.index(name) for _m, name, _r in rules], STATES.index("active"))
    reason = np.select(masks, [REASONS.index(name) for _m, _s, name in rules], REASONS.index("recent_visit"))
    return state.astype(np.int8), reason.astype(np.int8)
