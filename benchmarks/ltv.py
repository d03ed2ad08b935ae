"""Both models of LTV fitted and everybody predicted, against the `lifetimes` package on the same data in the same run.

    python benchmarks/ltv.py [--customers 1000000] [--seed 7]

Three bases of one size:

- continuous: simulated from the models themselves, time without any rounding: no two histories are alike;
- days: the same, in whole days, as a clinic has it;
- clinic: not simulated from the models: one-off patients, courses, rhythms of months and years, weekdays only.

Timed on both sides: the fit of BG/NBD, the fit of Gamma-Gamma, then P(alive), visits expected in 91, 365 and 1 096
days and the expected bill of every customer; on our side the days to the next visit as well, which the package does not
have. The log-likelihoods of both fits are computed by the same function and compared per customer.
"""

import argparse
import os
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
# Behind everything else: what the package needs comes from our own environment.
PACKAGE = ".local/lifetimes"
sys.path.append(str(ROOT / PACKAGE))

from segmentation.scoring.ltv import bg_nbd, gamma_gamma, histories, likelihood  # noqa: E402

HORIZONS = [days / 7 for days in (91, 365, 1096)]
WEEKS = 208
GOAL = 0.1


class Base(NamedTuple):
    """Columns of a base: repeat visit days, weeks to the last, weeks to now, mean payment of a visit day."""

    x: Any
    t_x: Any
    t: Any
    mean: Any

    @property
    def count(self) -> Any:
        """Transactions: every visit day."""
        return self.x + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    lifetimes = package()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{options.customers} customers; load of the machine {load}")
    for name, make in {"continuous": continuous, "days": in_days, "clinic": clinic}.items():
        base = make(np.random.default_rng(options.seed), options.customers)
        compare(name, base, lifetimes)


def package() -> Any:
    try:
        import lifetimes
    except ImportError:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = " ".join(project["optional-dependencies"]["bench"])
        sys.exit(
            "The package to compare with is not installed. It is needed by nothing else and stays out of .venv:\n"
            f"  .venv/bin/python -m pip install --target {PACKAGE} --no-deps {wanted}"
        )
    return lifetimes


def compare(name: str, base: Base, lifetimes: Any) -> None:
    customers = len(base.x)
    print(f"\n{name}: {np.mean(base.x > 0):.0%} came again, {np.mean(base.x):.2f} repeat visits a customer;")
    print(saving(base))
    ours, theirs = measured(base, our_run), measured(base, lambda base, timed: their_run(base, timed, lifetimes))
    for step in (*ours.seconds, "all"):
        mine, other = (
            sum(side.seconds.values()) if step == "all" else side.seconds.get(step, 0.0) for side in (ours, theirs)
        )
        against = f"{other:7.2f} s = {mine / other:6.1%}" if other else "         –"
        goal = f" (goal {GOAL:.0%})" if step == "all" else ""
        print(f"  {step:14} ours {mine:6.2f} s   lifetimes {against}{goal}")
    for model, gain in (
        ("BG/NBD", gain_of(bg_nbd.log_likelihood, ours.visits, theirs.visits, base.x, base.t_x, base.t)),
        ("Gamma-Gamma", gain_of(gamma_gamma.log_likelihood, ours.money, theirs.money, base.count, base.mean)),
    ):
        if gain is not None:
            print(f"  log-likelihood of {model}: ours − lifetimes = {gain / customers:+.1e} per customer")
    print(f"  ours      {ours.visits} {ours.money}")
    print(f"  lifetimes {theirs.visits} {theirs.money}")
    for horizon, mine, other in zip(HORIZONS, ours.expected, theirs.expected, strict=True):
        print(f"  visits in {horizon * 7:4.0f} days: ours {mine:,.0f}, lifetimes {other:,.0f}")


def saving(base: Base) -> str:
    """What it brings to count identical histories once: rows, and seconds of one likelihood with its derivatives."""
    params, almost = np.array([0.5, 10.0, 0.7, 2.5]), 1 - 1e-7
    began = time.perf_counter()
    together = histories.collapsed(base.x, base.t_x, base.t)
    collapsing = time.perf_counter() - began
    # Times that are no whole days are left as they are.
    apart = histories.collapsed(base.x, base.t_x * almost, base.t * almost)
    seconds = []
    for data in (apart, together):
        began = time.perf_counter()
        likelihood.evaluate(params, data)
        seconds.append(time.perf_counter() - began)
    return (
        f"{together.rows:,} different histories, {together.rows / len(base.x):.1%} of the customers: the likelihood "
        f"takes {seconds[1]:.3f} s instead of {seconds[0]:.3f} s; to find them {collapsing:.3f} s"
    )


def gain_of(log_likelihood: Callable[..., float], ours: Any, theirs: Any, *columns: Any) -> float | None:
    if ours is None or theirs is None:
        return None
    return log_likelihood(ours, *columns) - log_likelihood(theirs, *columns)


class Run:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.visits: bg_nbd.Params | None = None
        self.money: gamma_gamma.Params | None = None
        self.expected: list[float] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def measured(base: Base, run: Callable[[Base, Run], None]) -> Run:
    timed = Run()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(base, timed)
    return timed


def our_run(base: Base, timed: Run) -> None:
    with timed.step("fit visits"):
        visits = bg_nbd.fit(base.x, base.t_x, base.t)
    with timed.step("fit money"):
        money = gamma_gamma.fit(base.count, base.mean)
    timed.visits, timed.money = visits.params, money.params
    print(f"  ours: visits by {visits.method} {visits.reason}, money by {money.method} {money.reason}")
    assert visits.params and money.params
    with timed.step("predict"):
        forecast = bg_nbd.forecast(visits.params, base.x, base.t_x, base.t, HORIZONS)
        gamma_gamma.expected_mean(money.params, base.count, base.mean)
    timed.expected = [float(np.sum(column)) for column in forecast.visits]


def their_run(base: Base, timed: Run, lifetimes: Any) -> None:
    """A fit that raises has cost its time; what depends on it is left out."""
    visits, money = lifetimes.BetaGeoFitter(), lifetimes.GammaGammaFitter()
    found = []
    for name, fitter, columns in (
        ("fit visits", visits, (base.x, base.t_x, base.t)),
        ("fit money", money, (base.count, base.mean)),
    ):
        with timed.step(name):
            try:
                # It prints the whole result of the optimiser before it raises.
                with redirect_stdout(StringIO()):
                    fitter.fit(*columns)
                found.append(fitter)
            except lifetimes.utils.ConvergenceError:
                print(f"  lifetimes: {name}: ConvergenceError; the time counts, there is nothing to compare with")
    with timed.step("predict"):
        if visits in found:
            timed.expected = [
                float(
                    np.nansum(visits.conditional_expected_number_of_purchases_up_to_time(h, base.x, base.t_x, base.t))
                )
                for h in HORIZONS
            ]
            visits.conditional_probability_alive(base.x, base.t_x, base.t)
        if money in found:
            money.conditional_expected_average_profit(base.count, base.mean)
    if visits in found:
        timed.visits = bg_nbd.Params(*(float(visits.params_[name]) for name in ("r", "alpha", "a", "b")))
    if money in found:
        timed.money = gamma_gamma.Params(*(float(money.params_[name]) for name in ("p", "q", "v")))
    timed.expected = timed.expected or [float("nan")] * len(HORIZONS)


def continuous(rng: np.random.Generator, customers: int) -> Base:
    age = rng.uniform(0, WEEKS, customers)
    x, last = simulated(rng, age)
    return Base(x, last, age, paid(rng, x))


def in_days(rng: np.random.Generator, customers: int) -> Base:
    """The same process; visits of one day are one, and the day of the first visit is no repeat visit."""
    age = rng.integers(1, WEEKS * 7, customers) / 7
    x, last = simulated(rng, age, whole_days=True)
    return Base(x, last, age, paid(rng, x))


def simulated(rng: np.random.Generator, age: Any, *, whole_days: bool = False) -> tuple[Any, Any]:
    """Repeat visits and the weeks of the last of them, from BG/NBD."""
    rate, leaving = rng.gamma(0.6, 1 / 12, len(age)), rng.beta(0.7, 2.8, len(age))
    x, last, now = np.zeros(len(age)), np.zeros(len(age)), np.zeros(len(age))
    here = np.arange(len(age))
    while len(here):
        now[here] += rng.exponential(1 / rate[here])
        when = np.ceil(now[here] * 7) / 7 if whole_days else now[here]
        here, when = here[when <= age[here]], when[when <= age[here]]
        x[here] += when > last[here]
        last[here] = when
        here = here[rng.random(len(here)) >= leaving[here]]
    return x, last


def clinic(rng: np.random.Generator, customers: int) -> Base:
    """A third comes once; the others have a course of weekly visits, or a rhythm of months, or a yearly check-up; all
    of them may leave after any visit; nobody comes on a Sunday."""
    age = rng.integers(1, WEEKS * 7, customers)
    kind = rng.choice(4, customers, p=[0.35, 0.15, 0.35, 0.15])
    gap = np.choose(kind, [0, 7, rng.lognormal(np.log(75), 0.6, customers), 365])
    leaving = np.choose(kind, [1.0, rng.beta(8, 60, customers), rng.beta(1.5, 8, customers), rng.beta(1, 3, customers)])
    spread = np.choose(kind, [1.0, 0.15, 0.4, 0.15])
    x, last = np.zeros(customers), np.zeros(customers, dtype=np.int64)
    here = np.flatnonzero(kind > 0)
    while len(here):
        wait = np.maximum(1, np.rint(gap[here] * rng.lognormal(0, spread[here])))
        day = last[here] + wait.astype(np.int64)
        day += (age[here] - day) % 7 == 0
        here, day = here[day <= age[here]], day[day <= age[here]]
        x[here] += 1
        last[here] = day
        here = here[rng.random(len(here)) >= leaving[here]]
    return Base(x, last / 7, age / 7, np.rint(paid(rng, x) / 50) * 50 + 50)


def paid(rng: np.random.Generator, x: Any) -> Any:
    """Mean payment of each customer from Gamma-Gamma, in roubles."""
    own = rng.gamma(3.5, 1 / 5000.0, len(x))
    return rng.gamma(4.0 * (x + 1), 1 / own) / (x + 1)


if __name__ == "__main__":
    main()
