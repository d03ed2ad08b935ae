"""Lifecycle states at every border between them."""

import numpy as np
import pytest

from segmentation.scoring import lifecycle

TODAY = 5000.0
PATIENCE = lifecycle.Patience(
    new_days=60, appointment_days=90, due_ahead_days=14, grace_days=14, lost_cycles=2, months_frequent=3,
    months_middle=6, months_rare=12, shortest_cycle_days=30,
)  # fmt: skip


def state(
    first: float | None = 800, last: float | None = 100, *, booked: float | None = None, due: float | None = None,
    cycle: float | None = None, own: float | None = None, patience: lifecycle.Patience = PATIENCE,
) -> tuple[str, str]:  # fmt: skip
    """Dates in days: visits ago, appointment ahead, due ahead (negative: past)."""

    def day(value: float | None, sign: int) -> np.ndarray:
        return np.array([np.nan if value is None else TODAY + sign * value])

    states, reasons = lifecycle.states_of(
        visit_days=np.array([0.0 if first is None else 2.0]),
        first_visit_on=day(first, -1), last_visit_on=day(last, -1),
        next_visit_on=day(booked, 1), due_on=day(due, 1),
        cycle_days=np.array([np.nan if cycle is None else float(cycle)]),
        own_interval=np.array([np.nan if own is None else float(own)]), as_of=TODAY, patience=patience,
    )  # fmt: skip
    return lifecycle.STATES[states[0]], lifecycle.REASONS[reasons[0]]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"first": None, "last": None}, ("lead", "no_visit")),
        ({"first": None, "last": None, "booked": 3}, ("lead", "no_visit")),
        ({"first": 60, "last": 60}, ("new", "first_visit")),
        ({"first": 61, "last": 61}, ("active", "recent_visit")),
        ({"first": 10, "last": 10, "booked": 5}, ("new", "has_appointment")),
        ({"first": 40, "last": 40, "due": -15, "cycle": 30}, ("overdue", "past_due")),
        ({"due": 15, "cycle": 180}, ("active", "within_cycle")),
        ({"due": 14, "cycle": 180}, ("due", "due_soon")),
        ({"due": -14, "cycle": 180}, ("due", "due_soon")),
        ({"due": -15, "cycle": 180}, ("overdue", "past_due")),
        ({"last": 400, "due": -193, "cycle": 180}, ("overdue", "past_due")),
        ({"last": 400, "due": -194, "cycle": 180}, ("lost", "missed_cycles")),
        ({"last": 2000, "due": -1500, "cycle": 180, "booked": 0}, ("active", "has_appointment")),
        ({"last": 2000, "due": -1500, "cycle": 180, "booked": 90}, ("active", "has_appointment")),
        ({"last": 2000, "due": -1500, "cycle": 180, "booked": 91}, ("lost", "missed_cycles")),
        # A service is long overdue, but the patient came last week for another.
        ({"last": 7, "due": -700, "cycle": 180}, ("due", "due_soon")),
        ({"last": 30, "due": -700, "cycle": 180}, ("overdue", "past_due")),
        # A cycle shorter than the shortest does not hurry: two missed cycles are 14 + 30 days.
        ({"last": 60, "due": -43, "cycle": 5}, ("overdue", "past_due")),
        ({"last": 60, "due": -44, "cycle": 5}, ("lost", "missed_cycles")),
        # No recall interval: 3, 6 or 12 months by the patient's own rhythm.
        ({"last": 91, "own": 60}, ("active", "recent_visit")),
        ({"last": 92, "own": 60}, ("lost", "no_visit_months")),
        ({"last": 182, "own": 61}, ("active", "recent_visit")),
        ({"last": 183, "own": 120}, ("lost", "no_visit_months")),
        ({"last": 365, "own": 121}, ("active", "recent_visit")),
        ({"last": 366}, ("lost", "no_visit_months")),
        # The doctor's word without a cycle: the second missed "cycle" is the 12 months.
        ({"last": 500, "due": -378}, ("overdue", "past_due")),
        ({"last": 500, "due": -380}, ("lost", "missed_cycles")),
    ],
)
def test_state_and_reason(facts: dict[str, float | None], expected: tuple[str, str]) -> None:
    assert state(**facts) == expected


def test_lost_after_the_first_missed_cycle_when_the_clinic_says_so() -> None:
    strict = lifecycle.Patience(**{**PATIENCE.__dict__, "lost_cycles": 1})
    assert state(last=400, due=-15, cycle=180, patience=strict) == ("lost", "missed_cycles")


def test_time_alone_goes_one_way() -> None:
    """Without a visit or a booking a patient passes the states in order and never back."""
    order = {name: position for position, name in enumerate(lifecycle.STATES)}
    seen = [order[state(first=days, last=days, due=180 - days, cycle=180)[0]] for days in range(0, 700, 3)]
    assert seen == sorted(seen)
    assert lifecycle.STATES[seen[-1]] == "lost"
