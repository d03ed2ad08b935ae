"""What the base is worth: paid, by the formula, and expected; by value tier, channel and first service."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from segmentation.models import Calibration, LtvFit, Membership, Segment, SegmentTotal
from segmentation.selectors.scratch import scratch

FALLING = ("value_falling", "falling")
SHOWN_FALLING = 8
SOON = 30  # days

_WHO = """
SELECT m.patient_id, m.visit_days, m.first_visit_on, p.channel_id AS channel, m.first_service_id AS service,
       held.segment_id AS tier,
       m.money::float8 AS money, m.money_365::float8 AS money_365, s.ltv::float8 AS ltv,
       f.money_12m::float8 AS money_12m, f.money_36m::float8 AS money_36m, f.visits_3m, f.visits_12m, f.p_alive,
       f.next_visit_on, f.next_visit_by
FROM segmentation_metrics m JOIN patients_patient p ON p.id = m.patient_id
LEFT JOIN segmentation_score s ON s.patient_id = m.patient_id
LEFT JOIN segmentation_forecast f ON f.patient_id = m.patient_id
LEFT JOIN segmentation_membership held ON held.patient_id = m.patient_id AND held.left_on IS NULL
    AND held.segmentation_id = (SELECT id FROM segmentation_segmentation WHERE code = 'value')
WHERE m.visit_days > 0 AND p.deleted_at IS NULL AND p.merged_into_id IS NULL
"""
_PARTS = """
SELECT CASE WHEN grouping(tier) = 0 THEN 'tier' WHEN grouping(channel) = 0 THEN 'channel'
            WHEN grouping(service) = 0 THEN 'service' ELSE 'all' END AS part,
       coalesce(tier, channel, service), count(*), sum(money), sum(money_365), avg(ltv), count(money_12m),
       sum(money_12m), sum(money_36m), sum(visits_3m), sum(visits_12m), sum(p_alive), count(p_alive),
       sum(money_365) FILTER (WHERE first_visit_on > %(as_of)s::date - 365)
FROM worth_who GROUP BY GROUPING SETS ((), (tier), (channel), (service))
"""
# Hundredths of the patients, those of whom most is expected (or who paid most) first.
_HUNDREDTHS = """
SELECT tile, count(*), sum(value), min(value) FROM (
    SELECT value, ntile(100) OVER (ORDER BY value DESC) AS tile
    FROM (SELECT greatest(coalesce({column}, 0), 0) AS value FROM worth_who WHERE {among}) AS v
) AS t GROUP BY tile ORDER BY tile
"""
_COMING = """
SELECT next_visit_by, count(*) FROM worth_who
WHERE next_visit_on > %(as_of)s AND next_visit_on <= %(as_of)s::date + %(soon)s GROUP BY 1
"""


@dataclass
class PartWorth:
    """Patients with a visit; money in ₽. `foreseen`: of how many the money is forecast. `alive`: Σ P(alive) of the
    `came_again`, who came on two days or more: of the others it is not known. `money_new`: of `money_365`, what those
    paid who came for the first time within these 365 days; None when nobody did."""

    patients: int
    money: float
    money_365: float
    ltv: float | None
    foreseen: int
    money_12m: float | None
    money_36m: float | None
    visits_3m: float | None
    visits_12m: float | None
    alive: float | None
    came_again: int
    money_new: float | None

    def mean(self, name: str) -> float | None:
        """Of all patients of the part; of the forecast: of those who have one."""
        total = getattr(self, name)
        of = self.patients if name.startswith("money") and name in ("money", "money_365") else self.foreseen
        return total / of if total is not None and of else None


@dataclass
class Hundredth:
    patients: int
    total: float
    least: float


@dataclass
class Worth:
    all: PartWorth | None = None
    parts: dict[str, dict[int | None, PartWorth]] = field(default_factory=dict)
    paid: list[Hundredth] = field(default_factory=list)
    expected: list[Hundredth] = field(default_factory=list)
    coming: dict[str, int] = field(default_factory=dict)

    @property
    def foreseen(self) -> bool:
        return bool(self.all and self.all.foreseen)


def worth(as_of: dt.date) -> Worth:
    """Of everybody with a visit, as of the last night."""
    with scratch("worth_who", _WHO, {}):
        return _worth(as_of)


def _worth(as_of: dt.date) -> Worth:
    found = Worth()
    for part, value, *figures in _fetch(_PARTS, {"as_of": as_of}):
        if not figures[0]:
            continue
        if part == "all":
            found.all = PartWorth(*figures)
        else:
            found.parts.setdefault(part, {})[value] = PartWorth(*figures)
    if found.all is None:
        return found
    found.paid = _hundredths("money_365", "true")
    if found.foreseen:
        found.expected = _hundredths("money_12m", "money_12m IS NOT NULL")
        found.coming = dict(_fetch(_COMING, {"as_of": as_of, "soon": SOON}))
    return found


def _hundredths(column: str, among: str) -> list[Hundredth]:
    rows = _fetch(_HUNDREDTHS.format(column=column, among=among), {})
    return [Hundredth(patients, total, least) for _tile, patients, total, least in rows]


def share_of_top(hundredths: list[Hundredth], percent: int) -> float | None:
    """Which part of the money is that of the upper `percent` of the patients."""
    total = sum(one.total for one in hundredths)
    return sum(one.total for one in hundredths[:percent]) / total if total > 0 else None


def last_fit() -> LtvFit | None:
    return LtvFit.objects.first()


def calibrations() -> list[Calibration]:
    """The last first."""
    return list(Calibration.objects.all()[:24])


def falling_segment() -> Segment | None:
    segmentation, code = FALLING
    found = Segment.objects.select_related("segmentation")
    return found.filter(segmentation__code=segmentation, segmentation__active=True, code=code).first()


def falling_total(segment: Segment, as_of: dt.date) -> SegmentTotal | None:
    return SegmentTotal.objects.filter(segment=segment, as_of=as_of).first()


def falling_patients(segment: Segment) -> list[Membership]:
    """Those who fell last, by the money at stake."""
    held = Membership.objects.filter(
        segment=segment, left_on=None, patient__deleted_at=None, patient__merged_into=None
    ).select_related("patient", "patient__metrics", "patient__forecast")  # fmt: skip
    lately = list(held.order_by("-entered_on", "-pk")[: SHOWN_FALLING * 25])
    return sorted(lately, key=_at_stake, reverse=True)[:SHOWN_FALLING]


def _at_stake(one: Membership) -> float:
    """What is lost a year, ₽; of those who fell without a move only what was paid is known."""
    cause = one.cause or {}
    if "was" in cause and "expected" in cause:
        return float(cause["was"]) - float(cause["expected"])
    metrics = getattr(one.patient, "metrics", None)
    return float(metrics.money_365) if metrics else 0.0


def _fetch(sql: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked or None)
        return list(cursor.fetchall())
