"""Channels, prices and their intervals against published and hand-computed numbers."""

import numpy as np
import pytest

from segmentation.scoring import acquisition, intervals, pricing
from segmentation.scoring.acquisition import Cohort
from segmentation.scoring.intervals import Stratum


def near(interval: intervals.Interval | None, *expected: float, by: float = 5e-5) -> None:
    assert interval is not None
    assert (interval.value, interval.low, interval.high) == pytest.approx(expected, abs=by)


def test_share_has_wilsons_bounds() -> None:
    near(intervals.share(81, 263), 0.3080, 0.2553, 0.3662)  # Newcombe 1998, table I
    near(intervals.share(0, 20), 0.0, 0.0, 0.1611)
    assert intervals.share(0, 0) is None


def test_count_has_exact_poisson_bounds() -> None:
    near(intervals.count(10), 10, 4.7954, 18.3904)  # Garwood 1936
    near(intervals.count(0), 0, 0, 3.6889)


def test_difference_has_newcombes_bounds() -> None:
    near(intervals.difference(56, 70, 48, 80), 0.2, 0.0524, 0.3339)  # Newcombe 1998, table II, (a), method 10


def test_ratio_by_hand() -> None:
    near(intervals.ratio(10, 100, 5, 100), 2.0, 0.7067, 5.1580, by=2e-3)
    assert intervals.ratio(3, 10, 0, 10) is None


def test_strata_compare_like_with_like() -> None:
    """Half come again in one stratum and nine of ten in the other, whatever they paid; crudely it is +24 points."""
    strata = [Stratum(10, 20, 40, 80), Stratum(72, 80, 18, 20)]
    found = intervals.stratified(strata)
    assert found is not None
    change, first, second = found
    assert change.value == pytest.approx(0.0) and first == pytest.approx(0.7) and second == pytest.approx(0.7)
    assert pricing.sensitivity_within(strata).answer == "same"
    assert intervals.stratified([Stratum(3, 5, 0, 0)]) is None


def test_stratified_interval_covers_the_truth() -> None:
    """A true difference of 0.1 in ten strata of unlike sizes; a wrong variance would show at once."""
    draws, covered = np.random.default_rng(5), 0
    sizes, levels = draws.integers(15, 60, size=(10, 2)), np.linspace(0.2, 0.8, 10)
    for _ in range(600):
        strata = [
            Stratum(draws.binomial(n, level + 0.1), n, draws.binomial(m, level), m)
            for (n, m), level in zip(sizes.tolist(), levels, strict=True)
        ]
        found = intervals.stratified(strata)
        assert found is not None
        covered += found[0].low <= 0.1 <= found[0].high  # type: ignore[operator]
    assert 0.925 <= covered / 600 <= 0.975


def test_bootstrap_of_skewed_money_covers_its_mean_and_repeats_itself() -> None:
    draws, covered, truth = np.random.default_rng(3), 0, float(np.exp(0.5))
    for _ in range(120):
        found = intervals.mean(np.exp(draws.normal(size=150)))
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= truth <= found.high
    assert covered / 120 >= 0.88  # the percentile bootstrap of a log-normal of this size covers about 92 %
    values = np.array([5.0, 1.0, 100.0, 7.0])
    assert intervals.mean(values) == intervals.mean(values[::-1].copy())
    assert intervals.mean(np.array([7.0])) == intervals.Interval(7.0, None, None)


def test_many_patients_have_the_bounds_of_the_central_limit() -> None:
    values = np.tile([0.0, 200.0], 2_000)
    found = intervals.total(values)
    assert found is not None
    near(found[0], 100, 100 - 1.96 * 100 / np.sqrt(4_000), 100 + 1.96 * 100 / np.sqrt(4_000), by=0.01)
    near(found[1], 400_000, 400_000 - 1.96 * 200 * np.sqrt(2_000), 400_000 + 1.96 * 200 * np.sqrt(2_000), by=1)


def test_cost_of_acquisition_by_hand() -> None:
    near(acquisition.cost_of_acquisition(10_000, 10), 1_000, 10_000 / 18.3904, 10_000 / 4.7954, by=0.1)
    assert acquisition.cost_of_acquisition(10_000, 0) is None


def cohort(worth: float, patients: int, once: int, spend: float | None) -> Cohort:
    """Patients of about the same worth, all watched long enough."""
    return Cohort(np.linspace(0.5, 1.5, patients) * worth if patients else np.empty(0), patients, once, spend)


@pytest.mark.parametrize(
    ("mine", "verdict"),
    [
        (cohort(1_000, 200, 160, 20_000), "one_offs"),  # ten times the spend comes back, and still
        (cohort(1_000, 200, 70, 20_000), "pays"),  # worth less than elsewhere, but they stay
        (cohort(10_000, 200, 160, 20_000), "pays"),  # they come once and pay as the others do
        (cohort(1_000, 200, 70, 400_000), "loses"),
        (cohort(1_000, 200, 70, 200_000), "unsure"),
        (cohort(1_000, 20, 20, 2_000), "too_few"),
        (cohort(1_000, 0, 0, 2_000), "no_spend"),
        (cohort(1_000, 200, 70, None), "no_spend"),
        (cohort(1_000, 200, 70, 0), "no_spend"),
    ],
)
def test_verdict_on_a_channel(mine: Cohort, verdict: str) -> None:
    assert acquisition.judge(mine, [cohort(10_000, 900, 300, 500_000)]).verdict == verdict


def test_a_channel_alone_is_judged_by_its_return() -> None:
    judged = acquisition.judge(cohort(1_000, 200, 160, 20_000), [])
    assert judged.verdict == "pays" and judged.once_elsewhere is None
    assert judged.returned is not None and judged.returned.value == pytest.approx(10.0)


def test_money_month_by_month_is_of_those_who_could_be_watched() -> None:
    """100 patients brought 5 000 in month 1, the 50 older ones 1 000 in month 2, nobody is watched in month 3."""
    curve = acquisition.cumulated(np.array([5_000.0, 1_000.0, 0.0]), np.array([100.0, 50.0, 0.0]))
    assert curve.tolist() == [50.0, 70.0]
    assert acquisition.payback_months(curve, 50.0) == 1
    assert acquisition.payback_months(curve, 60.0) == 2
    assert acquisition.payback_months(curve, 71.0) is None


def test_price_sensitivity_in_words() -> None:
    assert pricing.sensitivity(50, 100, 80, 100).answer == "sensitive"
    assert pricing.sensitivity(80, 100, 50, 100).answer == "one_visit"
    assert pricing.sensitivity(50, 100, 52, 100).answer == "same"
    assert pricing.sensitivity(50, 100, 20, 20).answer == "too_few"


def test_demand_is_nothing_while_a_group_is_empty() -> None:
    assert pricing.demand(1, 0, 5, 100) is None
    found = pricing.demand(20, 40, 50, 400)
    assert found is not None and found.lift is not None
    assert found.lift.value == pytest.approx(4.0) and found.lift.above(2.0)
