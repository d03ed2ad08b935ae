"""Bases of customers for the tests of the LTV models: simulated ones with their future, and the CDNOW log."""

import datetime
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.scoring.ltv.bg_nbd import Params

Floats = NDArray[np.float64]
CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow" / "CDNOW_sample.txt"
needs_cdnow = pytest.mark.skipif(not CDNOW.exists(), reason="the CDNOW log is not in ../shared/data")


class Base(NamedTuple):
    """Histories and what came of them: visits within the weeks `ahead`, weeks to the next visit (inf: never came),
    and whether the customer had not left."""

    x: Floats
    t_x: Floats
    t: Floats
    later: Floats
    wait: Floats
    alive: NDArray[np.bool_]

    @property
    def history(self) -> tuple[Floats, Floats, Floats]:
        return self.x, self.t_x, self.t


def simulated(params: Params, customers: int, weeks: float, ahead: float, seed: int) -> Base:
    """Customers of BG/NBD itself, first seen evenly over the weeks, and watched for the weeks `ahead` as well."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, weeks, customers)
    rate = rng.gamma(params.r, 1 / params.alpha, customers)
    leaving = rng.beta(params.a, params.b, customers)
    x, t_x, later, now = (np.zeros(customers) for _ in range(4))
    wait, alive = np.full(customers, np.inf), np.ones(customers, dtype=bool)
    here = np.arange(customers)
    while len(here):
        now[here] += rng.exponential(1 / rate[here])
        wait[here] = np.minimum(wait[here], np.where(now[here] > t[here], now[here] - t[here], np.inf))
        here = here[now[here] <= t[here] + ahead]
        before = now[here] <= t[here]
        x[here] += before
        later[here] += ~before
        t_x[here[before]] = now[here[before]]
        stays = rng.random(len(here)) >= leaving[here]
        alive[here[before & ~stays]] = False
        here = here[stays]
    return Base(x, t_x, t, later, wait, alive)


def salon(customers: int, weeks: int, ahead: int, seed: int, *, days_between: float = 35, regular: bool = True) -> Base:
    """No simulation of the model: a third comes once, the others every five weeks or so, much more regularly than by
    chance, and leave after one visit in six; in whole days."""
    rng = np.random.default_rng(seed)
    rows = []
    for start in rng.integers(0, weeks * 7, customers):
        days = [int(start)]
        own, leaving = days_between * rng.lognormal(0, 0.4), rng.beta(1.5, 8)
        stays = rng.random() > 0.3
        while stays and days[-1] <= (weeks + ahead) * 7:
            days.append(days[-1] + max(1, round(own * (rng.gamma(5, 0.2) if regular else rng.exponential()))))
            stays = rng.random() > leaving
        rows.append(_watched([float(day) for day in days], weeks * 7, ahead * 7))
    x, t_x, t, later = np.array(rows).T
    unknown = np.full(customers, np.nan)
    return Base(x, t_x, t, later, unknown, np.ones(customers, dtype=bool))


def _watched(days: list[float], end: float, ahead: float) -> tuple[float, float, float, float]:
    past = [day for day in days if day <= end]
    later = sum(end < day <= end + ahead for day in days)
    return len(past) - 1.0, (past[-1] - past[0]) / 7, (end - past[0]) / 7, float(later)


class Cdnow(NamedTuple):
    ids: list[str]
    x: Floats
    t_x: Floats
    t: Floats
    later: Floats
    count: Floats
    mean: Floats

    @property
    def history(self) -> tuple[Floats, Floats, Floats]:
        return self.x, self.t_x, self.t


def cdnow(until: datetime.date = datetime.date(1997, 9, 30)) -> Cdnow:
    """The 1/10 sample from its raw log: purchases of one day are one, time in weeks. `later` counts days with a
    purchase after `until`, `count` and `mean` are of the repeat purchases of those who made any for money."""
    log: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for line in CDNOW.read_text().splitlines():
        _, customer, day, _, dollars = line.split()
        log[customer][datetime.date.fromisoformat(day).toordinal()] += float(dollars)
    end, last = until.toordinal(), datetime.date(1998, 6, 30).toordinal()
    known = {customer: days for customer, days in sorted(log.items()) if min(days) <= end}
    rows = [_watched([float(day) for day in sorted(days)], end, last - end) for days in known.values()]
    x, t_x, t, later = np.array(rows).T
    repeats = [[money for day, money in sorted(days.items()) if day <= end][1:] for days in known.values()]
    paid = [(len(repeat), sum(repeat) / len(repeat)) for repeat in repeats if repeat and sum(repeat) > 0]
    count, mean = np.array(paid).T
    return Cdnow(list(known), x, t_x, t, later, count, mean)
