"""What stands on the pages of clusters: a row for each clustering, and everything about one of them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from patients import wording
from patients.models import Patient
from segmentation.kinds.features import FEATURES, Feature, columns_of
from segmentation.models import ClusterFit, Segment
from segmentation.reports import cluster_pictures as drawn
from segmentation.reports import clusters as words
from segmentation.reports.pictures import Picture
from segmentation.scoring.clusters.measures import level_of
from segmentation.selectors import clusters as reading
from segmentation.selectors.overview import Part, divisions

# So long without a worker says that none is running.
LONG = dt.timedelta(seconds=60)


@dataclass
class OverviewRow:
    """A clustering in the list."""

    clustering: reading.Clustering
    base: str
    parts: list[Part] = field(default_factory=list)
    level: str = ""
    stability: str = ""

    @property
    def patients(self) -> int:
        return sum(part.patients for part in self.parts)


def base_words(found: reading.Clustering) -> str:
    """Among whom clusters are looked for."""
    if found.base_gone:
        return _("a segment that is gone")
    return str(found.base) if found.base else _("everybody who has come at least once")


def overview_rows(found: list[reading.Clustering], as_of: dt.date | None) -> list[OverviewRow]:
    """Two queries, however many clusterings there are."""
    by_code = {one.segmentation.code: one for one in divisions(as_of, None)} if found else {}
    rows = []
    for one in found:
        division = by_code.get(one.segmentation.code)
        row = OverviewRow(one, base_words(one), _shown(division.parts) if division else [])
        if one.fit and one.fit.stability is not None:
            row.level = level_of(one.fit.stability)
            row.stability = words.stability_words(row.level)
        rows.append(row)
    return rows


def _shown(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part.segment.active]


@dataclass
class Card:
    """One cluster on its page. `examples` and `form` are put there by the view."""

    part: Part
    sentence: str
    suggestion: str
    suggestion_en: str
    per_patient: Decimal | None
    of_all: Decimal | None
    examples: list[Patient] = field(default_factory=list)
    form: Any = None

    @property
    def segment(self) -> Segment:
        return self.part.segment

    @property
    def money_words(self) -> str:
        """What a patient of the cluster pays against one of all the clusters: "1.8 times as much"."""
        if not self.per_patient or not self.of_all or self.of_all <= 0:
            return ""
        ratio = float(self.per_patient / self.of_all)
        if 0.95 <= ratio <= 1.05:
            return _("like the average of the clusters")
        return _("%(ratio)s of the average of the clusters") % {"ratio": f"× {wording.number(ratio, 1)}"}


@dataclass
class Page:
    """Everything about one clustering."""

    headline: str
    base: str
    features: list[str]
    fit: ClusterFit | None = None
    level: str = ""
    stability: str = ""
    silhouette: str = ""
    map: Picture | None = None
    heat: list[drawn.HeatGroup] = field(default_factory=list)
    portraits: Picture | None = None
    cards: list[Card] = field(default_factory=list)
    tried: list[drawn.Tried] = field(default_factory=list)
    tried_table: Picture | None = None
    notices: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    doubts: str = ""

    @property
    def patients(self) -> int:
        """In the clusters now; `fit.patients` were there when they were looked for."""
        return sum(card.part.patients for card in self.cards)

    def pictures(self) -> list[Picture]:
        return [picture for picture in (self.map, self.portraits, self.tried_table) if picture]


def page_of(found: reading.Clustering, as_of: dt.date | None) -> Page:
    """The fit in force as a page; without one, what the last search tried. Six queries at most."""
    fit = found.fit
    shown = fit or (found.last if found.nothing_found else None)
    asked = words.asked_features(shown) if shown else list(found.segmentation.params.get("features", []))
    page = Page(
        headline=words.headline(shown, level_of(fit.stability or 0.0) if fit else ""),
        base=base_words(found),
        features=[str(FEATURES[code].label) for code in asked if code in FEATURES],
        fit=fit,
    )
    if shown:
        everything = drawn.tried(shown)
        page.tried = drawn.best_tried(everything)
        page.tried_table = drawn.tried_table(everything)
    if fit:
        _describe(page, fit, _shown(reading.parts(found, as_of)))
    return page


def _describe(page: Page, fit: ClusterFit, parts: list[Part]) -> None:
    rows, traits, codes = fit.profile["rows"], fit.profile["traits"], fit.matching["codes"]
    features = columns_of([row["feature"] for row in rows])
    places = [(codes.index(part.segment.code), part.segment) for part in parts if part.segment.code in codes]
    page.level = level_of(fit.stability or 0.0)
    page.stability = words.stability_words(page.level)
    page.silhouette = words.silhouette_words(fit.silhouette)
    page.map = drawn.map_of(fit, {segment.code: segment for _place, segment in places})
    page.heat = drawn.heat(rows, places, features)
    page.portraits = drawn.portrait_table(rows, places, features)
    page.doubts = words.doubts_words(fit.profile.get("doubts", []))
    names = {segment.code: str(segment) for segment in Segment.objects.filter(segmentation=fit.segmentation_id)}
    page.notices = words.matching_notices(fit.matching, names)
    page.missing = words.missing_words(fit.profile.get("missing", {}), features)
    page.cards = _cards(parts, dict(zip(codes, traits, strict=True)), features)


def _cards(
    parts: list[Part], traits: Mapping[str, list[dict[str, Any]]], features: Mapping[str, Feature]
) -> list[Card]:
    patients = sum(part.patients for part in parts)
    money = sum((part.money_365 for part in parts), Decimal(0))
    of_all = money / patients if patients else None
    suggested: dict[str, dict[str, str]] = {}
    for language in ("ru", "en"):
        with translation.override(language):  # a cluster has a name in each
            named = columns_of(list(features))
            suggested[language] = {code: words.suggested_name(rows, named) for code, rows in traits.items()}
    return [
        Card(
            part, words.sentence(traits[part.segment.code], features),
            suggested["ru"][part.segment.code], suggested["en"][part.segment.code], part.per_patient, of_all,
        )
        for part in parts
        if part.segment.code in traits
    ]  # fmt: skip


def stage_words(fit: ClusterFit | None) -> str:
    """What is being done now."""
    stage = fit.stage if fit else ""
    return str(words.STAGES.get(stage, words.STAGES["fit"]))


def waits_long(fit: ClusterFit | None) -> bool:
    """Nobody has begun with it: perhaps no worker is running."""
    return (
        fit is not None and fit.state == ClusterFit.State.WAITING and timezone.now() - fit.created_at > LONG
    )  # fmt: skip
