"""What is foretold from short and regular histories: made-up salons, the year after, and the `lifetimes` package.

    python benchmarks/ltv_short.py [--seed 1]

A third of the patients come once, the others about every so many days, more regularly than by chance, and leave for
good after some visits; in whole days. Visits of the 52 weeks after the history, expected ÷ happened. Takes seconds.
"""

import argparse
import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from ltv import package

from segmentation.scoring.ltv import bg_nbd
from segmentation.scoring.ltv.histories import collapsed

AHEAD = 52


class Salon(NamedTuple):
    """`leaving`: a and b of the probability to leave after a visit; `regular`: Gamma intervals instead of chance."""

    weeks: int
    customers: int
    days: int = 35
    leaving: tuple[float, float] = (1.5, 8)
    regular: bool = True

    def __str__(self) -> str:
        a, b = self.leaving
        kind = "regular" if self.regular else "at random"
        return f"{self.weeks:3} weeks, {self.customers:6}, every {self.days} days {kind}, {a / (a + b):.0%} leave"


SALONS = [
    Salon(19, 300), Salon(19, 3000), Salon(19, 10_000), Salon(14, 2000), Salon(30, 2000), Salon(60, 3000, days=90),
    Salon(104, 3000), Salon(19, 1000, regular=False), Salon(60, 1000, regular=False),
    Salon(19, 1000, leaving=(1, 30)), Salon(19, 1000, leaving=(4, 6)),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lifetimes = package()
    warnings.simplefilter("ignore")
    for salon in SALONS:
        x, t_x, t, later = histories_of(salon, np.random.default_rng(options.seed))
        happened = float(np.sum(later))
        fit = bg_nbd.fit(x, t_x, t)
        # The checks aside: what plain maximum likelihood would have said.
        plain = bg_nbd._params(bg_nbd._optimum(collapsed(x, t_x, t), None, bg_nbd.ALL).logs)
        likely, ours = (
            float(np.sum(bg_nbd.expected(params, x, t_x, t, AHEAD))) / happened if params else float("nan")
            for params in (plain, fit.params)
        )
        print(
            f"{salon!s:58} lifetimes {theirs(lifetimes, x, t_x, t):26} maximum likelihood {likely:4.2f}, "
            f"ours {ours:4.2f} {fit.method} {fit.reason}"
        )


def theirs(lifetimes: Any, *columns: Any) -> str:
    fitter = lifetimes.BetaGeoFitter()
    try:
        with redirect_stdout(StringIO()):
            fitter.fit(*columns)
    except lifetimes.utils.ConvergenceError:
        return "ConvergenceError"
    return f"a = {fitter.params_['a']:.4f}, b = {fitter.params_['b']:.1f}"


def histories_of(salon: Salon, rng: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """x, t_x, t and the visit days of the weeks ahead."""
    end, rows = salon.weeks * 7, []
    for start in rng.integers(0, end, salon.customers):
        days = [int(start)]
        own, leaving = salon.days * rng.lognormal(0, 0.4), rng.beta(*salon.leaving)
        stays = rng.random() > 1 / 3
        while stays and days[-1] <= end + AHEAD * 7:
            wait = own * (rng.gamma(5, 0.2) if salon.regular else rng.exponential())
            days.append(days[-1] + max(1, round(wait)))
            stays = rng.random() > leaving
        past = [day for day in days if day <= end]
        later = sum(end < day <= end + AHEAD * 7 for day in days)
        rows.append((len(past) - 1, (past[-1] - past[0]) / 7, (end - past[0]) / 7, later))
    x, t_x, t, later = np.array(rows, dtype=np.float64).T
    return x, t_x, t, later


if __name__ == "__main__":
    main()
