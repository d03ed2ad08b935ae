"""What the night stored about the base and its segments: totals by date. Nothing here counts patients."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from patients.models import Visit
from segmentation.models import BaseTotal, NightlyRun, RfmCell, Segment, Segmentation, SegmentTotal

# A comparison "since a month ago" takes the last night at least this long before.
MONTH = dt.timedelta(days=28)
DAYS_30 = dt.timedelta(days=30)


@dataclass
class Part:
    """A segment with its figures of one night."""

    segment: Segment
    total: SegmentTotal | None
    before: SegmentTotal | None = None

    @property
    def patients(self) -> int:
        return self.total.patients if self.total else 0

    @property
    def money_365(self) -> Decimal:
        return self.total.money_365 if self.total else Decimal(0)

    @property
    def change(self) -> int | None:
        """More or fewer patients than a month before; nothing when there was no such night."""
        return self.patients - self.before.patients if self.before else None

    @property
    def per_patient(self) -> Decimal | None:
        """Paid in 365 days per patient, ₽."""
        return self.money_365 / self.patients if self.patients else None

    share: float | None = None
    money_share: float | None = None


@dataclass
class Division:
    """A segmentation with its parts on one night."""

    segmentation: Segmentation
    parts: list[Part] = field(default_factory=list)

    @property
    def patients(self) -> int:
        return sum(part.patients for part in self.parts)

    @property
    def money_365(self) -> Decimal:
        return sum((part.money_365 for part in self.parts), Decimal(0))

    def part(self, code: str) -> Part | None:
        return next((part for part in self.parts if part.segment.code == code), None)

    def weigh(self) -> None:
        """Shares of patients and of money within the segmentation."""
        patients, money = self.patients, self.money_365
        for part in self.parts:
            part.share = part.patients / patients if patients else None
            part.money_share = float(part.money_365 / money) if money > 0 else None


def weigh_in_base(part: Part, base: BaseTotal | None) -> None:
    """Shares of an own segment: it stands alone, so of the whole base and of its income of the year."""
    part.share = part.patients / base.patients if base and base.patients else None
    part.money_share = None
    weigh_money_in_base(part, base)


def weigh_money_in_base(part: Part, base: BaseTotal | None) -> None:
    """The share of the income of the whole base: some segmentations are only of a part of it."""
    if base and base.money_365 > 0:
        part.money_share = float(part.money_365 / base.money_365)


def nights(limit: int = 400) -> list[dt.date]:
    """The dates whose totals are stored, the last first."""
    return list(BaseTotal.objects.values_list("as_of", flat=True)[:limit])


def night_before(dates: Iterable[dt.date], as_of: dt.date, gap: dt.timedelta = MONTH) -> dt.date | None:
    """The last stored night at least `gap` before `as_of`."""
    return max((date for date in dates if date <= as_of - gap), default=None)


def base_history() -> list[BaseTotal]:
    """Every stored night of the base, the first first."""
    return list(BaseTotal.objects.order_by("as_of"))


def first_visit_day() -> dt.date | None:
    """The first day of the base's history; one look at the index of days."""
    return Visit.objects.order_by("starts_on").values_list("starts_on", flat=True).first()


def divisions(as_of: dt.date | None, before: dt.date | None, code: str = "") -> list[Division]:
    """Active segmentations with the totals of a night and of an earlier one."""
    segments = Segment.objects.filter(segmentation__active=True, active=True).select_related("segmentation")
    if code:
        segments = segments.filter(segmentation__code=code)
    dates = [date for date in (as_of, before) if date]
    totals = {(row.segment_id, row.as_of): row for row in SegmentTotal.objects.filter(as_of__in=dates)}
    found: dict[int, Division] = {}
    for segment in segments.order_by("segmentation__position", "segmentation__code", "position", "code"):
        division = found.setdefault(segment.segmentation_id, Division(segment.segmentation))
        now = totals.get((segment.pk, as_of)) if as_of else None
        then = totals.get((segment.pk, before)) if before else None
        division.parts.append(Part(segment, now, then))
    for division in found.values():
        division.weigh()
    return list(found.values())


def rfm_cells(as_of: dt.date) -> list[RfmCell]:
    return list(RfmCell.objects.filter(as_of=as_of))


def last_night() -> NightlyRun | None:
    """The last date whose night was finished."""
    return NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of").first()


def history(segment: Segment) -> list[SegmentTotal]:
    """Every stored night of a segment, the first first."""
    return list(SegmentTotal.objects.filter(segment=segment).order_by("as_of"))


def history_of_parts(segmentation: Segmentation) -> list[SegmentTotal]:
    """Every stored night of the parts of a segmentation, the first first."""
    return list(SegmentTotal.objects.filter(segment__segmentation=segmentation).order_by("as_of", "segment__position"))
