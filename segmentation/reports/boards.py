"""What the overview shows of each segmentation: the RFM map, bars of shares, the board, the way of life."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from segmentation.models import RfmCell
from segmentation.reports.headlines import LOST_NORM
from segmentation.reports.pictures import Picture
from segmentation.selectors.overview import Division, Part

SCORES = (1, 2, 3, 4, 5)


@dataclass
class MapCell:
    """Patients with one recency and one frequency; `heat` 0…1 colours the cell by its share of the fullest."""

    r: int
    f: int
    patients: int = 0
    money: Decimal = Decimal(0)
    share: float = 0.0
    heat: float = 0.0

    @property
    def percent(self) -> int:
        """How much of the colour the cell takes; between 64 and 80 % neither black nor white could be read."""
        if not self.patients:
            return 0
        percent = 6 + 94 * self.heat
        return round(percent if percent <= 64 else 80 + (percent - 64) / 2)

    @property
    def dark(self) -> bool:
        """Takes white text (in the dark theme every cell does)."""
        return self.percent >= 80


@dataclass
class RfmMap:
    """Frequency downwards from 5 to 1, recency to the right from 1 to 5; `m` narrows to one money score."""

    m: int | None
    rows: list[list[MapCell]] = field(default_factory=list)
    patients: int = 0

    def table(self) -> Picture:
        return Picture(
            key="rfm-map",
            title=_("RFM map"),
            columns=[
                ("R", "number"), ("F", "number"), (_("Patients"), "number"), (_("Share"), "share"),
                (_("Paid in a year"), "money"),
            ],
            rows=[[c.r, c.f, c.patients, c.share, c.money] for row in self.rows for c in row],
        )  # fmt: skip

    def filter(self) -> dict[str, Any]:
        """The money score as a field of components/_filter_bar.html."""
        options = [("", _("any")), *((str(score), str(score)) for score in reversed(SCORES))]
        return {
            "name": "m", "label": _("Money score, M"), "kind": "select", "value": str(self.m or ""), "options": options
        }  # fmt: skip


def rfm_map(cells: Sequence[RfmCell], asked: str) -> RfmMap:
    """The stored cells as a map; those who never came have no scores and no place on it."""
    m = int(asked) if asked in {str(score) for score in SCORES} else None
    by_place = {(r, f): MapCell(r, f) for r in SCORES for f in SCORES}
    for cell in cells:
        if (cell.r, cell.f) in by_place and (m is None or cell.m == m):
            by_place[cell.r, cell.f].patients += cell.patients
            by_place[cell.r, cell.f].money += cell.money_365
    total = sum(place.patients for place in by_place.values())
    fullest = max(place.patients for place in by_place.values())
    for place in by_place.values():
        place.share = place.patients / total if total else 0.0
        # The square root keeps the small cells apart: one crowded corner would make all others look empty.
        place.heat = (place.patients / fullest) ** 0.5 if fullest else 0.0
    rows = [[by_place[r, f] for r in SCORES] for f in reversed(SCORES)]
    return RfmMap(m, rows, total)


@dataclass
class Section:
    """A segmentation on the overview; `layout` chooses how its segments are laid out."""

    division: Division
    layout: str
    parts: dict[str, Part]
    lost_share: float | None = None
    norm: float = LOST_NORM

    @property
    def over_norm(self) -> float | None:
        return None if self.lost_share is None else self.lost_share - self.norm


_LAYOUTS = {"rfm": "map", "value": "tiers", "satisfaction": "board", "lifecycle": "way"}


def section(division: Division) -> Section:
    """How a segmentation is shown; a kind without a picture of its own is shown as tiles."""
    parts = {part.segment.code: part for part in division.parts}
    shown = Section(division, _LAYOUTS.get(division.segmentation.kind, "tiles"), parts)
    if shown.layout == "way" and "lost" in parts:
        came = division.patients - (parts["lead"].patients if "lead" in parts else 0)
        shown.lost_share = parts["lost"].patients / came if came else None
    return shown


def division_table(division: Division) -> Picture:
    """The segments of a segmentation as a table."""
    return Picture(
        key=f"segments-{division.segmentation.code}",
        title=str(division.segmentation),
        columns=[
            (_("Segment"), "text"), (_("Patients"), "number"), (_("Share"), "share"),
            (pgettext("of a figure", "Change"), "number"), (_("Paid in a year"), "money"),
            (_("Share of money"), "share"), (_("Paid per patient"), "money"), (_("Mean LTV"), "money"),
        ],
        rows=[
            [
                str(part.segment), part.patients, part.share, part.change, part.money_365, part.money_share,
                part.per_patient, part.total and part.total.ltv,
            ]
            for part in division.parts
        ],
    )  # fmt: skip
