"""Clusterings as pages show them: what is looked for, the fit in force, the parts with their figures, examples."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from patients.models import Patient
from segmentation.models import ClusterFit, Segment, Segmentation
from segmentation.selectors import overview

KIND = "clusters"


@dataclass
class Clustering:
    """One clustering. `base`: the segment it looks into, None for the whole base or for a segment that is gone
    (`base_gone`). `fit`: the fit in force as of the last night. `last`: the last search, whatever came of it."""

    segmentation: Segmentation
    base: Segment | None
    base_gone: bool
    fit: ClusterFit | None
    last: ClusterFit | None

    @property
    def base_archived(self) -> bool:
        """Then nobody is moved any more: everybody stays in the cluster they were in."""
        return self.base_gone or bool(self.base and not (self.base.active and self.base.segmentation.active))

    @property
    def changed_since(self) -> bool:
        """What is looked for has been edited since the fit in force."""
        asked = self.fit.asked if self.fit else {}
        now = self.segmentation.params
        return bool(asked) and any(asked.get(name) != now.get(name) for name in ("base", "features", "method", "k"))

    @property
    def nothing_found(self) -> bool:
        """The last search found no clusters; those of the fit before it, if any, are still applied."""
        return bool(self.last and self.last.outcome == ClusterFit.Outcome.NONE)


def base_of(code: str) -> Segment | None:
    """The segment named "rfm:lost", archived or not."""
    segmentation, _colon, segment = code.partition(":")
    found = Segment.objects.filter(segmentation__code=segmentation, code=segment)
    return found.select_related("segmentation").first()


def in_force(segmentation: Segmentation, as_of: dt.date | None) -> ClusterFit | None:
    """The fit the night of `as_of` applies: the last that found clusters in figures not younger than that night.

    A search that found none leaves the clusters before it in force. After a rewind fits of later nights wait until
    their night is lived through again.
    """
    if as_of is None:
        return None
    found = ClusterFit.objects.filter(
        segmentation=segmentation, state=ClusterFit.State.DONE, outcome=ClusterFit.Outcome.FOUND, as_of__lte=as_of
    )
    return found.order_by("-id").first()


def clusterings(*, active: bool = True) -> list[Clustering]:
    """Every clustering in its order, with its base and its fits. Four queries, however many there are."""
    rows = list(Segmentation.objects.filter(kind=KIND, active=active))
    return _with_fits(rows)


def clustering(code: str) -> Clustering | None:
    """One clustering, archived or not."""
    found = _with_fits(list(Segmentation.objects.filter(kind=KIND, code=code)))
    return found[0] if found else None


def fits(segmentation: Segmentation, limit: int = 20) -> list[ClusterFit]:
    """The last searches, the latest first."""
    return list(ClusterFit.objects.filter(segmentation=segmentation).select_related("requested_by")[:limit])


def parts(found: Clustering, as_of: dt.date | None, before: dt.date | None = None) -> list[overview.Part]:
    """The clusters in force with size and money of a night, each with its share of all of them, in their order."""
    divisions = overview.divisions(as_of, before, found.segmentation.code)
    return divisions[0].parts if divisions else []


def examples(segments: Iterable[Segment], n: int = 5) -> dict[int, list[Patient]]:
    """Some patients of each segment by its id, the same ones as long as nothing changes. Two queries."""
    ids = [segment.pk for segment in segments]
    named: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        # A hundred of each, read from the index of open memberships, put in the order of a hash of their ids.
        cursor.execute(
            """
            SELECT segment.id, shown.patient_id FROM unnest(%s::bigint[]) AS segment (id)
            CROSS JOIN LATERAL (
                SELECT patient_id FROM (
                    SELECT patient_id FROM segmentation_membership
                    WHERE segment_id = segment.id AND left_on IS NULL ORDER BY patient_id LIMIT 100
                ) few ORDER BY hashint8(patient_id), patient_id LIMIT %s
            ) shown
            """,
            [ids, n],
        )
        for segment, patient in cursor.fetchall():
            named.setdefault(segment, []).append(patient)
    cards = Patient.objects.in_bulk([patient for patients in named.values() for patient in patients])
    return {segment: [cards[pk] for pk in named.get(segment, []) if pk in cards] for segment in ids}


def _with_fits(rows: list[Segmentation]) -> list[Clustering]:
    night = overview.last_night()
    bases = _bases({row.params.get("base", "") for row in rows})
    last = {fit.segmentation_id: fit for fit in _firsts(ClusterFit.objects.filter(segmentation__in=rows))}
    force = ClusterFit.objects.filter(
        segmentation__in=rows, state=ClusterFit.State.DONE, outcome=ClusterFit.Outcome.FOUND
    )
    forced = {fit.segmentation_id: fit for fit in _firsts(force.filter(as_of__lte=night.as_of))} if night else {}
    found = []
    for row in rows:
        code = row.params.get("base", "")
        base = bases.get(code)
        found.append(Clustering(row, base, bool(code) and base is None, forced.get(row.pk), last.get(row.pk)))
    return found


def _firsts(fits: QuerySet[ClusterFit]) -> QuerySet[ClusterFit]:
    """The latest fit of each segmentation."""
    return fits.order_by("segmentation_id", "-id").distinct("segmentation_id")


def _bases(codes: set[str]) -> dict[str, Segment]:
    wanted = {code for code in codes if code}
    segments = Segment.objects.filter(segmentation__code__in={code.partition(":")[0] for code in wanted})
    named = {f"{one.segmentation.code}:{one.code}": one for one in segments.select_related("segmentation")}
    return {code: named[code] for code in wanted & named.keys()}
