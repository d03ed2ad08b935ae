"""Return intervals as mathematics: published numbers, hand-made clinics, simulated truth."""

import numpy as np
import pytest

from segmentation.scoring import cycles
from segmentation.scoring.cycles import Learned, Uses

# Weeks in remission with 6-mercaptopurine, Freireich 1963, as printed in textbooks of survival analysis.
RELAPSED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
STILL_WELL = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
SURVIVAL = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
ERRORS = {6: 0.0764, 7: 0.0869, 10: 0.0963, 13: 0.1068, 16: 0.1141, 22: 0.1282, 23: 0.1346}


def test_published_curve_and_greenwoods_errors() -> None:
    days = np.array(RELAPSED + STILL_WELL)
    curve = cycles.kaplan_meier(days, np.arange(21) < 9, 35)
    for day, survival in SURVIVAL.items():
        assert 1 - curve.share[day] == pytest.approx(survival, abs=0.0006)
        assert (1 - curve.share[day]) * curve.greenwood[day] ** 0.5 == pytest.approx(ERRORS[day], abs=0.0001)


def test_uses_of_a_day_that_is_not_over_are_not_watched_and_the_last_of_each_waits() -> None:
    person, day = np.array([1, 1, 1, 2, 3]), np.array([0, 30, 90, 80, 100])
    uses, seen = cycles.follow(person, day, 100)
    assert uses.days.tolist() == [30, 60, 10, 20]
    assert uses.again.tolist() == [True, True, False, False]
    assert uses.watched.tolist() == [100, 70, 10, 20] and seen.tolist() == [True, True, True, True, False]


def simulated(
    chance: np.random.Generator, cycle: float, *, people: int = 200, leave: float = 0.2, spread: float = 0.2,
    own: float = 0.0, years: float = 3,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """(person, day, end): people begin at any time, leave for good after any use with one chance, scatter around a
    cycle that is a little different for each."""
    end = round(365 * years)
    gaps = chance.lognormal(0, spread, (people, 60)) * (cycle * chance.lognormal(0, own, (people, 1)))
    first = chance.integers(0, end, (people, 1))
    days = np.hstack([first, first + np.cumsum(np.maximum(np.rint(gaps), 1).astype(int), axis=1)])
    stays = np.cumprod(chance.random((people, 60)) >= leave, axis=1).astype(bool)
    took_place = np.hstack([np.ones((people, 1), bool), stays]) & (days <= end)
    return np.nonzero(took_place)[0], days[took_place], end


def learned(person: np.ndarray, day: np.ndarray, end: int, group: np.ndarray | None = None) -> Learned | None:
    uses, seen = cycles.follow(person, day, end)
    return cycles.learn(uses, np.zeros(len(uses), int) if group is None else group[seen])


def test_truth_is_found_where_means_of_what_was_seen_are_wrong() -> None:
    """A cycle of 400 days watched for three years: the slow ones are not back yet, and a third never comes."""
    person, day, end = simulated(np.random.default_rng(1), 400, people=4000, leave=0.33, spread=0.35)
    uses, _seen = cycles.follow(person, day, end)
    cycle = cycles.learn(uses, np.zeros(len(uses), int))
    assert cycle
    assert abs(cycle.everybody.days - 400) < 10
    assert cycle.everybody.returning == pytest.approx(0.67, abs=0.03)
    only_seen, as_if_all_were_back = uses.days[uses.again], uses.days
    assert np.median(only_seen) < 380 and np.median(as_if_all_were_back) < 350


def test_patients_who_leave_for_good_do_not_lengthen_the_interval() -> None:
    found = [
        learned(*simulated(np.random.default_rng(2), 150, people=3000, leave=leave)) for leave in (0.05, 0.25, 0.5)
    ]  # fmt: skip
    assert all(one and abs(one.everybody.days - 150) <= 3 for one in found)
    shares = [one.everybody.returning for one in found if one]
    assert shares == pytest.approx([0.95, 0.75, 0.5], abs=0.03)


@pytest.mark.parametrize(("own", "leave"), [(0.0, 0.3), (0.15, 0.1)])
def test_the_interval_of_the_median_holds_95_times_in_100(own: float, leave: float) -> None:
    """Also when patients differ, so that the intervals of one are alike. What a clinic watched for ever would find is
    what it finds on a hundred times as many patients."""
    chance = np.random.default_rng(3)
    large = learned(*simulated(chance, 300, people=20_000, own=own, leave=leave))
    assert large
    truth, held, rounds = large.everybody.days, 0, 300
    for _ in range(rounds):
        found = learned(*simulated(chance, 300, people=300, own=own, leave=leave))
        assert found
        held += found.everybody.error_from <= truth <= found.everybody.error_to
    assert 0.93 <= held / rounds <= 0.975


def test_the_patient_is_the_unit() -> None:
    """Everybody's uses written down twice are no news; taken for strangers they would halve the variance."""
    person, day, end = simulated(np.random.default_rng(4), 150)
    uses, _seen = cycles.follow(person, day, end)
    twice = Uses(*(np.repeat(column, 2) for column in (uses.person, uses.days, uses.again, uses.watched)))
    horizon = cycles.horizon_of(uses.watched)
    (one, effect), (other, doubled) = (
        cycles.median_error(cycles.kaplan_meier(rows.days, rows.again, horizon), rows) for rows in (uses, twice)
    )
    assert other == pytest.approx(one, rel=0.02) and doubled == pytest.approx(2 * effect, rel=0.04)


def test_groups_are_told_apart_and_small_ones_borrow() -> None:
    chance = np.random.default_rng(5)
    parts = [(1, 100, 900), (2, 130, 900), (6, 180, 60), (7, 300, 4)]
    persons, days, groups = [], [], []
    for number, cycle, people in parts:
        person, day, end = simulated(chance, cycle, people=people)
        persons.append(person + 10_000 * number)
        days.append(day)
        groups.append(np.full(len(day), number))
    found = learned(np.concatenate(persons), np.concatenate(days), end, np.concatenate(groups))
    assert found and sorted(found.groups)[:3] == [1, 2, 6]
    first, second, small = (found.groups[number] for number in (1, 2, 6))
    assert abs(first.days - 100) <= 4 and abs(second.days - 130) <= 4 and first.error_to < second.error_from
    assert first.borrowed < 0.05 and small.borrowed == pytest.approx(50 / (50 + small.returns))
    assert found.everybody.days < small.days < 185
    assert 7 not in found.groups or found.groups[7].borrowed > 0.8


def test_nothing_is_learned_from_too_little() -> None:
    chance = np.random.default_rng(6)
    assert learned(*simulated(chance, 100, people=12, years=1)) is None  # fewer than 30 returns
    assert learned(*simulated(chance, 150, people=4000, leave=0.9)) is None  # an extracted tooth
    assert learned(*simulated(chance, 300, people=4000, years=1.2)) is None  # the slow half is not back yet
    nobody = np.empty(0, int)
    assert learned(nobody, nobody, 100) is None


@pytest.mark.parametrize(
    ("case", "why"),
    [((180, 160, 205, 0.8), ""), ((180, 160, 205, 0.45), "seldom"), ((13, 10, 16, 0.8), "course"),
     ((180, 75, 360, 0.8), "any_time")],
)  # fmt: skip
def test_what_is_no_reason_to_call(case: tuple[int, int, int, float], why: str) -> None:
    assert cycles.why_unused(*case) == why


def test_coming_at_any_time_is_no_rhythm() -> None:
    chance = np.random.default_rng(7)
    person, end = np.repeat(np.arange(800), 30), 2000
    day = chance.integers(0, end, (800, 1)) + np.cumsum(chance.exponential(100, (800, 30)).astype(int) + 1, axis=1)
    found = learned(person[(day <= end).ravel()], day[day <= end], end)
    assert found
    one = found.everybody
    assert cycles.why_unused(one.days, one.days_from, one.days_to, one.returning) == "any_time"


def test_points_of_the_curve_are_in_order_and_enclosed() -> None:
    found = learned(*simulated(np.random.default_rng(8), 150))
    assert found
    days, shares, lows, highs = zip(*found.points, strict=True)
    assert list(days) == sorted(set(days)) and days[0] == 0 and list(shares) == sorted(shares)
    assert all(low <= share <= high for low, share, high in zip(lows, shares, highs, strict=True))
    assert 30 < len(days) <= 61 and shares[-1] == pytest.approx(found.everybody.returning, abs=0.0001)
