"""Bills, discounts and packages of the last year, who comes again after a discount, what valuable patients ask for.

Counted over a sample of at most SAMPLE patients who came within two years: the smallest hashes of their ids, the same
patients every time. The error of a share of 30 000 is at most ±0.6 points.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from segmentation.selectors.scratch import scratch

SAMPLE = 30_000
YEAR, WINDOW, HISTORY = 365, 183, 730
# A smaller part of the full price is rounding, not a discount.
NOTABLE = 0.10
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

_WHO = """
SELECT m.patient_id, m.first_visit_on FROM segmentation_metrics m
WHERE m.last_visit_on > %(as_of)s::date - %(history)s
ORDER BY hashint8(m.patient_id) LIMIT %(sample)s
"""
_VISITS = """
SELECT v.id, v.patient_id, v.starts_on, v.amount, v.discount, v.branch_id, s.first_visit_on
FROM price_who s JOIN patients_visit v ON v.patient_id = s.patient_id
WHERE v.deleted_at IS NULL AND v.status = 'completed'
    AND v.starts_on > %(as_of)s::date - %(history)s AND v.starts_on <= %(as_of)s
"""
_ITEMS = """
SELECT v.id AS visit_id, v.patient_id, v.starts_on, v.first_visit_on, i.id, i.service_id, i.discount,
       i.quantity * i.price AS price
FROM price_visit v JOIN patients_visititem i ON i.visit_id = v.id
"""
_BILLS = """
SELECT CASE WHEN grouping(branch_id) = 0 THEN 'branch' ELSE 'all' END, branch_id, count(*), count(DISTINCT patient_id),
       sum(amount)::float8, sum(discount)::float8,
       count(*) FILTER (WHERE discount >= %(notable)s * (amount + discount)),
       percentile_cont(%(quantiles)s) WITHIN GROUP (ORDER BY amount::float8)
FROM price_visit WHERE starts_on > %(as_of)s::date - %(year)s AND amount + discount > 0
GROUP BY GROUPING SETS ((), (branch_id))
"""
_MONTHS = """
SELECT date_trunc('month', starts_on)::date, sum(amount)::float8, sum(discount)::float8,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY amount::float8)
FROM price_visit WHERE amount + discount > 0 AND starts_on >= date_trunc('month', %(as_of)s::date - %(history)s + 31)
GROUP BY 1 ORDER BY 1
"""
_SERVICES = """
SELECT i.service_id, count(*), count(DISTINCT i.patient_id), sum(i.price)::float8, sum(i.discount)::float8,
       count(*) FILTER (WHERE i.discount >= %(notable)s * i.price),
       percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY (i.price - i.discount)::float8)
FROM price_item i
WHERE i.starts_on > %(as_of)s::date - %(year)s AND i.price > 0
GROUP BY 1
"""
# The first time a patient used a service within the window, and whether they were here again in half a year after it.
_NEXT = """
WITH day AS (SELECT DISTINCT patient_id, starts_on FROM price_visit),
coming AS (
    SELECT patient_id, starts_on,
           coalesce(lead(starts_on) OVER (PARTITION BY patient_id ORDER BY starts_on) - starts_on <= %(window)s, false)
               AS back
    FROM day
)
"""
_IN_WINDOW = (
    "i.starts_on > %(as_of)s::date - %(window)s - %(year)s AND i.starts_on <= %(as_of)s::date - %(window)s"
)  # fmt: skip
_BACK_BY_SERVICE = f"""{_NEXT}
SELECT service_id, cut, count(*), count(*) FILTER (WHERE back) FROM (
    SELECT DISTINCT ON (i.patient_id, i.service_id) i.patient_id, i.service_id, i.starts_on,
           i.discount >= %(notable)s * i.price AS cut
    FROM price_item i
    WHERE {_IN_WINDOW} AND i.price > 0
    ORDER BY i.patient_id, i.service_id, i.starts_on, i.id
) AS used JOIN coming USING (patient_id, starts_on)
GROUP BY service_id, cut
"""
# By the dearest service of the first visit within the window, so that like can be compared with like.
_BACK_BY_GROUP = f"""{_NEXT}
SELECT CASE WHEN grouping(newcomer) = 0 THEN 'newcomer' WHEN grouping(sex) = 0 THEN 'sex'
            WHEN grouping(band) = 0 THEN 'band' ELSE 'all' END,
       coalesce(newcomer::text, sex, band::text), service, cut, count(*), count(*) FILTER (WHERE back)
FROM (
    SELECT c.back, f.cut, f.service, (f.starts_on = f.first_visit_on)::text AS newcomer, nullif(p.sex, '') AS sex,
           width_bucket(date_part('year', age(f.starts_on, p.birth_date)), array[0, 18, 30, 45, 60]) AS band
    FROM (
        SELECT DISTINCT ON (i.patient_id) i.patient_id, i.starts_on, i.first_visit_on, i.service_id AS service,
               i.discount >= %(notable)s * i.price AS cut
        FROM price_item i
        WHERE {_IN_WINDOW} AND i.price > 0
        ORDER BY i.patient_id, i.starts_on, i.price DESC, i.id
    ) AS f JOIN coming c USING (patient_id, starts_on) JOIN patients_patient p ON p.id = f.patient_id
) AS each
GROUP BY GROUPING SETS ((cut, service), (cut, service, newcomer), (cut, service, sex), (cut, service, band))
"""
_DEMAND = """
WITH who AS (
    SELECT v.patient_id, EXISTS (
        SELECT FROM segmentation_membership held JOIN segmentation_segment s ON s.id = held.segment_id
        JOIN segmentation_segmentation g ON g.id = s.segmentation_id
        WHERE held.patient_id = v.patient_id AND held.left_on IS NULL AND g.code = 'value' AND s.code = 'vip'
    ) AS vip FROM (SELECT DISTINCT patient_id FROM price_visit WHERE starts_on > %(as_of)s::date - %(year)s) AS v
)
SELECT NULL, count(*) FILTER (WHERE vip), count(*) FILTER (WHERE NOT vip) FROM who
UNION ALL
SELECT service_id, count(*) FILTER (WHERE vip), count(*) FILTER (WHERE NOT vip) FROM (
    SELECT DISTINCT i.patient_id, i.service_id FROM price_item i
    WHERE i.starts_on > %(as_of)s::date - %(year)s
) AS used JOIN who USING (patient_id) GROUP BY service_id
"""
_KINDS = """
SELECT pay.kind, sum(pay.amount)::float8, count(DISTINCT pay.patient_id)
FROM price_who s JOIN patients_payment pay ON pay.patient_id = s.patient_id
WHERE pay.deleted_at IS NULL AND pay.paid_on > %(as_of)s::date - %(year)s AND pay.paid_on <= %(as_of)s
GROUP BY 1
"""
_PREMIUM = """
SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY average_bill::float8) FROM (
    SELECT average_bill FROM segmentation_metrics WHERE last_visit_on > %(as_of)s::date - %(year)s AND average_bill > 0
    ORDER BY hashint8(patient_id) LIMIT %(sample)s
) AS lately
"""


@dataclass
class Bills:
    """Completed visits of 365 days with a price. `full` = billed + discounts, ₽; `cut`: visits with a discount of a
    tenth or more; `quantiles` of the bill at QUANTILES."""

    visits: int
    patients: int
    billed: float
    discount: float
    cut: int
    quantiles: list[float]

    @property
    def discount_share(self) -> float | None:
        full = self.billed + self.discount
        return self.discount / full if full > 0 else None


@dataclass
class ServicePrice:
    uses: int
    patients: int
    full: float
    discount: float
    cut: int
    quartiles: list[float]


@dataclass
class Back:
    """Who came again within WINDOW days: after the full price, and after a discount."""

    full_of: int = 0
    full_back: int = 0
    cut_of: int = 0
    cut_back: int = 0

    def add(self, cut: bool, of: int, back: int) -> None:
        if cut:
            self.cut_of, self.cut_back = self.cut_of + of, self.cut_back + back
        else:
            self.full_of, self.full_back = self.full_of + of, self.full_back + back


@dataclass
class Prices:
    patients: int = 0
    bills: Bills | None = None
    branches: dict[int | None, Bills] = field(default_factory=dict)
    months: list[tuple[dt.date, float, float, float]] = field(default_factory=list)
    services: dict[int, ServicePrice] = field(default_factory=dict)
    back_by_service: dict[int, Back] = field(default_factory=dict)
    back_by_group: dict[tuple[str, str | None], dict[int, Back]] = field(default_factory=dict)
    vips: int = 0
    others: int = 0
    demand: dict[int, tuple[int, int]] = field(default_factory=dict)
    paid: dict[str, tuple[float, int]] = field(default_factory=dict)
    premium_bill: float | None = None

    @property
    def sampled(self) -> bool:
        return self.patients >= SAMPLE


def prices(as_of: dt.date) -> Prices:
    """Everything the page of prices says, as of the last night; nothing without visits."""
    asked = {
        "as_of": as_of, "sample": SAMPLE, "history": HISTORY, "year": YEAR, "window": WINDOW, "notable": NOTABLE,
        "quantiles": list(QUANTILES),
    }  # fmt: skip
    with (
        scratch("price_who", _WHO, asked), scratch("price_visit", _VISITS, asked), scratch("price_item", _ITEMS, asked)
    ):  # fmt: skip
        return _prices(asked)


def _prices(asked: dict[str, Any]) -> Prices:
    found = Prices()
    for what, branch, visits, patients, billed, discount, cut, quantiles in _fetch(_BILLS, asked):
        if visits:
            bills = Bills(visits, patients, billed, discount, cut, list(quantiles))
            if what == "all":
                found.bills = bills
            else:
                found.branches[branch] = bills
    if found.bills is None:
        return found
    found.patients = _fetch("SELECT count(*) FROM price_who", asked)[0][0]
    found.months = [tuple(row) for row in _fetch(_MONTHS, asked)]
    found.services = {service: ServicePrice(*row) for service, *row in _fetch(_SERVICES, asked)}
    for service, cut, of, back in _fetch(_BACK_BY_SERVICE, asked):
        found.back_by_service.setdefault(service, Back()).add(cut, of, back)
    for feature, value, service, cut, of, back in _fetch(_BACK_BY_GROUP, asked):
        services = found.back_by_group.setdefault((feature, value), {})
        services.setdefault(service, Back()).add(cut, of, back)
    for service, vip, other in _fetch(_DEMAND, asked):
        if service is None:
            found.vips, found.others = vip, other
        else:
            found.demand[service] = (vip, other)
    found.paid = {kind: (amount, patients) for kind, amount, patients in _fetch(_KINDS, asked)}
    found.premium_bill = _fetch(_PREMIUM, asked)[0][0]
    return found


def _fetch(sql: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())
