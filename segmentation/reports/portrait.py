"""Who the patients of a segment are: sex, age, branch, channel, main service, beside the whole base.

Counted over a sample of at most `SAMPLE` patients, so that a segment of half a million answers as fast as one of a
thousand. The sample is the smallest hashes of the patients' ids: the same patients every time, and independent of
when they came. The error of a share of 20 000 is at most ±0.7 points (1.96 × √(0.25 ÷ 20 000)).

A sample is counted once between two nights and kept in the cache: only nights change who is in a segment.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils.translation import gettext as _

from patients.models import AcquisitionChannel, Branch, Service
from patients.models.catalogue import Sex
from segmentation.models import Segment
from segmentation.selectors.kept import kept, since_night

SAMPLE = 20_000
SHOWN = 6
BANDS = ((0, 17), (18, 24), (25, 34), (35, 44), (45, 54), (55, 64), (65, None))

_OF_SEGMENT = """
    SELECT patient_id FROM segmentation_membership
    WHERE segment_id = %(segment)s AND left_on IS NULL ORDER BY hashint8(patient_id) LIMIT %(sample)s
"""
_OF_BASE = "SELECT patient_id FROM segmentation_metrics ORDER BY hashint8(patient_id) LIMIT %(sample)s"
_COUNTS = """
WITH sample AS MATERIALIZED ({sample}),
who AS (
    SELECT p.sex, p.channel_id AS channel, coalesce(m.last_branch_id, p.branch_id) AS branch,
           m.main_service_id AS service,
           width_bucket(date_part('year', age(%(today)s::date, p.birth_date)), array[0, 18, 25, 35, 45, 55, 65]) AS band
    FROM sample JOIN patients_patient p ON p.id = sample.patient_id
    JOIN segmentation_metrics m ON m.patient_id = p.id
    WHERE p.deleted_at IS NULL AND p.merged_into_id IS NULL
)
SELECT CASE WHEN grouping(sex) = 0 THEN 'sex' WHEN grouping(band) = 0 THEN 'band'
            WHEN grouping(branch) = 0 THEN 'branch' WHEN grouping(channel) = 0 THEN 'channel'
            WHEN grouping(service) = 0 THEN 'service' ELSE 'all' END AS feature,
       coalesce(nullif(sex, ''), band::text, branch::text, channel::text, service::text) AS value,
       count(*)
FROM who
GROUP BY GROUPING SETS ((sex), (band), (branch), (channel), (service), ())
"""

Counts = dict[str, dict[str | None, int]]


@dataclass
class Line:
    """One value of a feature: its share among the patients about whom the feature is known, and that of the base."""

    name: str
    share: float
    base_share: float | None


@dataclass
class Feature:
    title: str
    lines: list[Line] = field(default_factory=list)
    known: float = 1.0

    @property
    def mostly_unknown(self) -> bool:
        return self.known < 0.5


@dataclass
class Portrait:
    """`patients` is how many the shares are counted over; `sampled` says that this is a part of the segment."""

    patients: int
    sampled: bool
    features: list[Feature]


def portrait(segment: Segment, today: dt.date) -> Portrait:
    """The patients who are in the segment now, beside the base."""
    since = since_night(today)
    mine: Counts = kept(f"portrait:{segment.pk}:{since}", lambda: _count(_OF_SEGMENT, segment.pk, today))
    base: Counts = kept(f"portrait:base:{since}", lambda: _count(_OF_BASE, None, today))
    patients = mine.get("all", {}).get(None, 0)
    if not patients:
        return Portrait(0, False, [])
    names = {
        "branch": _names(Branch, mine), "channel": _names(AcquisitionChannel, mine), "service": _names(Service, mine)
    }  # fmt: skip
    features = [
        Feature(_("Sex"), _lines(mine, base, "sex", {value: str(label) for value, label in Sex.choices})),
        Feature(_("Age"), _ages(mine, base)),
        Feature(_("Branch"), _lines(mine, base, "branch", names["branch"])),
        Feature(_("Came from"), _lines(mine, base, "channel", names["channel"])),
        Feature(_("Main service"), _lines(mine, base, "service", names["service"])),
    ]
    for feature, code in zip(features, ("sex", "band", "branch", "channel", "service"), strict=True):
        feature.known = _known(mine, code) / patients
    return Portrait(patients, patients >= SAMPLE, [feature for feature in features if feature.lines])


def _count(sample: str, segment: int | None, today: dt.date) -> Counts:
    counts: Counts = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(sample=sample), {"segment": segment, "sample": SAMPLE, "today": today})
        for feature, value, patients in cursor.fetchall():
            counts.setdefault(feature, {})[value] = patients
    return counts


def _names(model: type[Branch] | type[AcquisitionChannel] | type[Service], counts: Counts) -> dict[str, str]:
    feature = {Branch: "branch", AcquisitionChannel: "channel", Service: "service"}[model]
    ids = [int(value) for value in counts.get(feature, {}) if value]
    return {str(pk): name for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")}


def _known(counts: Counts, feature: str) -> int:
    return sum(patients for value, patients in counts.get(feature, {}).items() if value is not None)


def _share(counts: Counts, feature: str, value: str) -> float | None:
    known = _known(counts, feature)
    return counts.get(feature, {}).get(value, 0) / known if known else None


def _lines(mine: Counts, base: Counts, feature: str, names: dict[str, str]) -> list[Line]:
    """The most frequent values first, the rest left out."""
    ranked = sorted(
        ((patients, value) for value, patients in mine.get(feature, {}).items() if value is not None), reverse=True
    )
    return [
        Line(names[value], _share(mine, feature, value) or 0.0, _share(base, feature, value))
        for _patients, value in ranked[:SHOWN]
        if value in names
    ]


def _ages(mine: Counts, base: Counts) -> list[Line]:
    """Every band in the order of age, also the empty ones: the shape is what is read."""
    if not _known(mine, "band"):
        return []
    return [
        Line(f"{low}–{high}" if high else f"{low}+", _share(mine, "band", str(n)) or 0.0, _share(base, "band", str(n)))
        for n, (low, high) in enumerate(BANDS, start=1)
    ]


def portrait_rows(found: Portrait) -> Sequence[list[object]]:
    """The portrait as a table: feature, value, share here, share in the base."""
    return [
        [feature.title, line.name, line.share, line.base_share] for feature in found.features for line in feature.lines
    ]
