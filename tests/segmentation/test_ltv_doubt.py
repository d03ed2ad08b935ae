"""When a base cannot tell enough: prior knowledge or nothing, with the reason, and never a nonsense number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.scoring.ltv import bg_nbd
from segmentation.scoring.ltv.bg_nbd import BgNbdFit, Params
from tests.segmentation.ltv_bases import Base, salon, simulated

REASONS = {"too_few", "too_short", "no_repeats", "not_converged", "degenerate"}
HORIZONS = [13.0, 365 / 7, 1096 / 7]
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def sober(fit: BgNbdFit, x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> None:
    """What is promised of every fit and every prediction."""
    assert (fit.method == "ml") == (fit.reason == "")
    assert fit.reason in REASONS | {""}
    if fit.method == "formula":
        assert fit.params is None
        assert fit.log_likelihood is None
        return
    assert fit.params is not None
    assert fit.log_likelihood is not None
    assert np.isfinite(fit.log_likelihood)
    logs = np.log(list(vars(fit.params).values()))
    assert np.all((logs >= bg_nbd.LOW) & (logs <= bg_nbd.HIGH))
    alive, visits, days = bg_nbd.forecast(fit.params, x, t_x, t, HORIZONS)
    assert np.all((alive >= 0) & (alive <= 1))
    assert np.all((days > 0) & (days <= bg_nbd.LONGEST_WAIT_DAYS))
    before = np.zeros(len(x))
    for horizon, expected in zip(HORIZONS, visits, strict=True):
        never_leaving = (fit.params.r + x) / (fit.params.alpha + t) * horizon
        assert np.all((expected >= before - 1e-12) & (expected <= never_leaving * (1 + 1e-9)))
        comes = bg_nbd.p_comes(fit.params, x, t_x, t, horizon)
        assert np.all((comes >= 0) & (comes <= alive))
        before = expected


def history(x: object, t_x: object, t: object) -> Columns:
    x, t_x, t = np.broadcast_arrays(*(np.asarray(column, dtype=np.float64) for column in (x, t_x, t)))
    return x.copy(), t_x.copy(), t.copy()


MANY = np.arange(400)
BASES = {
    "nobody came again": (history(0, 0, MANY / 4), "formula", "no_repeats"),
    "all came today for the first time": (history(np.zeros(400), 0, 0), "formula", "no_repeats"),
    "five patients": (history([3, 0, 1, 0, 2], [30, 0, 4, 0, 9], 50), "formula", "too_few"),
    "nobody": (history(np.zeros(0), 0, 0), "formula", "too_few"),
    "nineteen came again": (history(MANY < 19, np.where(MANY < 19, 10, 0), 50), "formula", "too_few"),
    "a month": (history(MANY % 3, (MANY % 3) * 1.5, 4.3), "formula", "too_short"),
}


@pytest.mark.parametrize("name", BASES)
def test_too_little_to_fit(name: str) -> None:
    columns, method, reason = BASES[name]
    fit = bg_nbd.fit(*columns)
    assert (fit.method, fit.reason) == (method, reason)
    sober(fit, *columns)


RARE = (MANY % 100 == 0) | (MANY % 2 == 1)
ODD = {
    "all came today": history(1 + MANY % 5, 60, 60),
    "all alike": history(np.full(400, 3), 30, 60),
    "all left at once": history(1 + MANY % 2, 1 / 7, 20 + MANY / 4),
    "every day": history(7 * 60, np.full(400, 60), 60),
    "one of a hundred comes daily": history(np.where(MANY % 100, MANY % 2, 5000), np.where(RARE, 700, 0), 800),
    "a century": history(MANY % 4, np.where(MANY % 4, 1000, 0), 5200),
    "two ages": history(MANY % 2, (MANY % 2) * 20, np.where(MANY % 3, 20, 300)),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_bases_get_sober_numbers_or_none(name: str) -> None:
    sober(bg_nbd.fit(*ODD[name]), *ODD[name])


@st.composite
def odd_history(draw: st.DrawFn) -> Columns:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    customers, days = draw(st.integers(100, 400)), draw(st.integers(1, 2000))
    t = rng.integers(0, days + 1, customers)
    most = draw(st.sampled_from([1, 2, 5, 40, 3000]))
    x = np.minimum(rng.integers(0, most + 1, customers), t)
    t_x = np.where(x > 0, np.maximum(x, np.rint(t * rng.random(customers) ** draw(st.sampled_from([0.1, 1, 10])))), 0)
    return x.astype(np.float64), t_x / 7, t / 7


@given(odd_history())
@settings(max_examples=40, deadline=None)
def test_whatever_the_base_is_like_numbers_are_sober(columns: Columns) -> None:
    sober(bg_nbd.fit(*columns), *columns)


@pytest.fixture(scope="module")
def young() -> Base:
    """Four and a half months of a salon, and the year after them."""
    return salon(2000, weeks=19, ahead=52, seed=3)


def test_regular_young_salon_is_not_told_that_nobody_ever_leaves(young: Base) -> None:
    """Plain maximum likelihood runs to a/b → 0 here (the package `lifetimes` gives up or answers a = 0): visits come
    more evenly than by chance, hence every silence still to come would look like nothing. Its year is 60 % too high."""
    fit = bg_nbd.fit(*young.history)
    assert (fit.method, fit.reason) == ("prior", "too_short")
    assert fit.params is not None
    published = Params(0.2425982, 4.413684, 0.7929899, 2.426167)
    assert (fit.params.a, fit.params.b) == pytest.approx((published.a, published.b))
    sober(fit, *young.history)
    assert np.sum(bg_nbd.expected(fit.params, *young.history, 52)) == pytest.approx(np.sum(young.later), rel=0.25)
    nearly_nobody_leaves = Params(fit.params.r, fit.params.alpha, 0.01, 3.0)
    assert np.sum(bg_nbd.expected(nearly_nobody_leaves, *young.history, 52)) > 1.3 * np.sum(young.later)


@pytest.mark.parametrize(("customers", "weeks"), [(150, 19), (600, 15), (3000, 30)])
def test_short_histories_of_any_size_foretell_a_year_within_a_half(customers: int, weeks: int) -> None:
    base = salon(customers, weeks, ahead=52, seed=customers)
    fit = bg_nbd.fit(*base.history)
    assert fit.method == "prior"
    assert fit.params is not None
    ratio = np.sum(bg_nbd.expected(fit.params, *base.history, 52)) / np.sum(base.later)
    assert 0.6 < ratio < 1.4


def test_a_short_history_that_does_show_how_people_leave_is_believed() -> None:
    base = simulated(Params(0.6, 3.0, 0.8, 2.4), 20_000, weeks=20, ahead=52, seed=6)
    fit = bg_nbd.fit(*base.history)
    assert fit.method == "ml"
    assert fit.params is not None
    assert np.sum(bg_nbd.expected(fit.params, *base.history, 52)) == pytest.approx(np.sum(base.later), rel=0.1)


def test_patients_who_all_leave_alike_do_not_send_the_fit_to_infinity() -> None:
    """Everybody leaves with the same probability: a and b have no top, their ratio has one."""
    base = simulated(Params(1.0, 10.0, 4e3, 16e3), 4000, weeks=100, ahead=52, seed=7)
    fit = bg_nbd.fit(*base.history)
    assert fit.params is not None
    assert fit.params.a / (fit.params.a + fit.params.b) == pytest.approx(0.2, abs=0.03)
    assert np.sum(bg_nbd.expected(fit.params, *base.history, 52)) == pytest.approx(np.sum(base.later), rel=0.1)


@pytest.mark.parametrize(
    "columns",
    [
        ([1], [2], [1]), ([-1], [0], [1]), ([0.5], [1], [2]), ([0], [1], [2]),
        ([np.nan], [0], [1]), ([1], [np.nan], [1]), ([1], [1], [np.inf]), ([1, 2], [1], [2]),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused(columns: tuple[list[float], list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match=r"x|t_x"):
        bg_nbd.fit(*columns)
