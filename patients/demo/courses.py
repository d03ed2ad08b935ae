"""Packages: the courses that were paid up front, as the MIS of the clinic keeps them."""

from typing import NamedTuple

import numpy as np

from patients.demo import catalogue
from patients.demo.bills import PACKAGE, REFUND, Items, Payments
from patients.demo.threads import Threads
from patients.demo.visits import Visits

LASTS_DAYS = 365


class Packages(NamedTuple):
    """In the order of the payments. `withdrawn_at` is the moment of the refund, 0 for none."""

    patient: np.ndarray
    service: np.ndarray
    name: np.ndarray
    sessions: np.ndarray
    bought: np.ndarray
    expires: np.ndarray
    withdrawn_at: np.ndarray


def packages(threads: Threads, visits: Visits, items: Items, payments: Payments) -> Packages:
    """A package per payment of a course; whoever was paid back the rest has it no more."""
    visit = payments.visit[payments.kind == PACKAGE]
    main_item = np.searchsorted(items.visit, visit)  # items stand in the order of visits, the main service first
    service, sessions = items.service[main_item], threads.course[visits.thread[visit]]
    withdrawn_at = np.zeros(len(visits.patient), dtype=np.int64)
    refunds = payments.kind == REFUND
    withdrawn_at[payments.visit[refunds]] = payments.paid_at[refunds]
    names = [
        f"{catalogue.SERVICES[position].name}, курс из {count} сеансов".encode()
        for position, count in zip(service, sessions, strict=True)
    ]
    bought = visits.day[visit]
    return Packages(
        visits.patient[visit], service, np.array(names, dtype="S"), sessions, bought, bought + LASTS_DAYS,
        withdrawn_at[visit],
    )  # fmt: skip
