"""Pictures of clusters: the map of patients, the heat map of features, the numbers of clusters that were tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from patients import wording
from segmentation.kinds.features import GROUPS, Feature
from segmentation.models import ClusterFit, Segment
from segmentation.reports.clusters import METHODS, doubts_words, stability_words
from segmentation.reports.pictures import Picture
from segmentation.scoring.clusters.measures import level_of

# Differences in standard deviations (Cohen 1988): from here on they are worth a mark, and from there on two.
MEDIUM, LARGE = 0.5, 0.8
# A difference of so many standard deviations has the full colour.
FULL_COLOUR = 1.5


def map_of(fit: ClusterFit, segments: Mapping[str, Segment]) -> Picture:
    """A sample of the patients as points: those who are alike stand close together."""
    points: dict[str, list[list[float]]] = {code: [] for code in segments}
    for x, y, code in fit.points:
        if code in points:
            points[code].append([x, y])
    shown = {code: found for code, found in points.items() if found}
    drawn = sum(map(len, shown.values()))
    series = [
        {
            "name": str(segments[code]), "colour": segments[code].colour, "points": found, "centre": _middle(found),
            "text": wording.patients_count(len(found)),
        }
        for code, found in shown.items()
    ]  # fmt: skip
    note = _("Every point is a patient; those who are alike stand close together.")
    if drawn < fit.patients:
        note += " " + _("A sample of %(n)s is drawn.") % {"n": wording.patients_count(drawn)}
    return Picture(
        key="map",
        title=_("Map of the patients"),
        note=note,
        columns=[
            (_("Cluster"), "text"), (_("Points on the map"), "number"), (_("Share"), "share"),
            (_("Middle, across"), "decimal"), (_("Middle, up"), "decimal"),
        ],
        rows=[
            [str(segments[code]), len(found), len(found) / drawn, *_middle(found)] for code, found in shown.items()
        ],
        config={"kind": "scatter", "series": series},
        empty=_("The map is not drawn."),
        height=440,
    )  # fmt: skip


def _middle(points: Sequence[Sequence[float]]) -> list[float]:
    return [median(point[0] for point in points), median(point[1] for point in points)]


# --- Heat map -----------------------------------------------------------------------------------------------------


@dataclass
class Cell:
    """The mean of a feature in one cluster and how far it is from the others."""

    text: str
    effect: float | None
    title: str = ""

    @property
    def side(self) -> str:
        return "above" if (self.effect or 0) > 0 else "below"

    @property
    def strength(self) -> str:
        """How much of the colour, as style sheets write it."""
        return wording.css_percent(min(abs(self.effect or 0.0) / FULL_COLOUR, 1.0))

    @property
    def mark(self) -> str:
        """The same without colours."""
        size = abs(self.effect or 0.0)
        if size < MEDIUM:
            return ""
        return ("▲" if (self.effect or 0) > 0 else "▼") * (2 if size >= LARGE else 1)

    @property
    def mark_words(self) -> str:
        """The mark for those who listen to the page."""
        known = {
            "▲": _("clearly above the others"), "▲▲": _("far above the others"),
            "▼": _("clearly below the others"), "▼▼": _("far below the others"),
        }  # fmt: skip
        return known.get(self.mark, "")


@dataclass
class HeatRow:
    feature: Feature
    base: str
    cells: list[Cell]
    missing: float = 0.0


@dataclass
class HeatGroup:
    title: str | Promise
    rows: list[HeatRow] = field(default_factory=list)


def heat(
    rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[int, Segment]], features: Mapping[str, Feature]
) -> list[HeatGroup]:
    """Features in their groups; in every row a cell for each cluster. `places`: columns of the portrait to show."""
    groups = {code: HeatGroup(title) for code, title in GROUPS.items()}
    for row in rows:
        feature = features.get(row["feature"])
        if feature is None:
            continue
        base = row["base"]
        cells = [_cell(feature, row["clusters"][place], base) for place, _segment in places]
        groups[feature.group].rows.append(
            HeatRow(feature, feature.say(base.get("mean")), cells, base.get("missing") or 0.0)
        )
    return [group for group in groups.values() if group.rows]  # fmt: skip


def _cell(feature: Feature, found: Mapping[str, Any], base: Mapping[str, Any]) -> Cell:
    mean, effect = found.get("mean"), found.get("effect")
    title = _("mean %(mean)s, median %(median)s; all: %(base)s") % {
        "mean": feature.say(mean), "median": feature.say(found.get("median")), "base": feature.say(base.get("mean")),
    }  # fmt: skip
    return Cell(feature.say(mean), effect, title)


def portrait_table(
    rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[int, Segment]], features: Mapping[str, Feature]
) -> Picture:
    """The figures of the heat map: a line for every feature and cluster."""
    lines: list[list[Any]] = []
    for row in rows:
        feature, base = features.get(row["feature"]), row["base"]
        for place, segment in places if feature else ():
            found = row["clusters"][place]
            assert feature is not None
            lines.append([
                str(GROUPS[feature.group]), str(feature.label), str(segment), *_rounded(
                    found.get("mean"), found.get("median"), base.get("mean"), base.get("median"), found.get("effect"),
                    found.get("missing"),
                ),
            ])  # fmt: skip
    return Picture(
        key="portraits",
        title=_("What the clusters are like"),
        columns=[
            (_("Group"), "text"), (_("Feature"), "text"), (_("Cluster"), "text"), (_("Mean"), "decimal"),
            (_("Median"), "decimal"), (_("Mean of all"), "decimal"), (_("Median of all"), "decimal"),
            (_("Difference, standard deviations"), "decimal"), (_("Not known"), "share"),
        ],
        rows=lines,
    )  # fmt: skip


def _rounded(*figures: float | None) -> list[float | None]:
    return [None if figure is None else round(float(figure), 3) for figure in figures]


# --- Why this many ------------------------------------------------------------------------------------------------


@dataclass
class Tried:
    """One number of clusters by one method, as the search judged it."""

    k: int
    method: str
    stability: float | None
    stability_words: str
    silhouette: float | None
    reference: float | None
    separation: float | None
    smallest: float | None
    doubts: str
    chosen: bool
    score: float = 0.0


def tried(fit: ClusterFit) -> list[Tried]:
    """Every number and method that was tried, by number."""
    found = [
        Tried(
            row["k"], str(METHODS.get(row["method"], row["method"])), row.get("stability"),
            stability_words(level_of(row["stability"])) if row.get("stability") is not None else "",
            row.get("silhouette"), row.get("reference"), row.get("separation"), row.get("smallest"),
            doubts_words(row.get("doubts", [])), bool(row.get("chosen")), row.get("score") or 0.0,
        )
        for row in fit.tried
    ]  # fmt: skip
    return sorted(found, key=lambda row: (row.k, row.method))


def best_tried(rows: Sequence[Tried]) -> list[Tried]:
    """For every number of clusters the better of the methods."""
    best: dict[int, Tried] = {}
    for row in rows:
        rival = best.get(row.k)
        if rival is None or (row.chosen, row.score) > (rival.chosen, rival.score):
            best[row.k] = row
    return list(best.values())


def tried_table(rows: Sequence[Tried]) -> Picture:
    return Picture(
        key="tried",
        title=_("Why this many"),
        columns=[
            (_("Clusters"), "number"), (_("Method"), "text"), (_("Stability"), "index"), (_("Silhouette"), "index"),
            (_("Silhouette without clusters"), "index"), (_("Separation"), "index"), (_("Smallest"), "share"),
            (_("Against it"), "text"), (_("Chosen"), "text"),
        ],
        rows=[
            [
                row.k, row.method,
                *_rounded(row.stability, row.silhouette, row.reference, row.separation, row.smallest),
                row.doubts, _("yes") if row.chosen else "",
            ]
            for row in rows
        ],
    )  # fmt: skip
