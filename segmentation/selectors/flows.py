"""Moves between segments over a period: how many patients, how much money, from where, where to, and why.

A period is half-open on the left: moves of the nights after `since` up to and including `until`.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Func, JSONField, Q, QuerySet, Sum

from segmentation.models import Membership, Segment, Segmentation


@dataclass
class Flow:
    """Moves from one segment into another within a period; money is what those patients paid in the year before."""

    source: Segment
    target: Segment
    moves: int
    money: Decimal


@dataclass
class Cause:
    """Why patients moved, as stored by the night, with how many and how much money."""

    cause: dict[str, Any] | None
    moves: int
    money: Decimal


def _moves(segmentation_ids: list[int], since: dt.date, until: dt.date) -> QuerySet[Membership]:
    return Membership.objects.filter(
        segmentation__in=segmentation_ids, came_from__isnull=False, entered_on__gt=since, entered_on__lte=until
    )


def _flows(moves: QuerySet[Membership]) -> list[Flow]:
    counted = list(
        moves.values("came_from_id", "segment_id")
        .annotate(moves=Count("pk"), paid=Sum("money"))
        .order_by("-moves", "came_from_id", "segment_id")
    )
    ids = {row["came_from_id"] for row in counted} | {row["segment_id"] for row in counted}
    segments = Segment.objects.select_related("segmentation").in_bulk(ids)
    return [
        Flow(segments[row["came_from_id"]], segments[row["segment_id"]], row["moves"], row["paid"] or Decimal(0))
        for row in counted
        if row["came_from_id"] != row["segment_id"]
    ]


def flows(segmentation: Segmentation, since: dt.date, until: dt.date) -> list[Flow]:
    """Every move within a segmentation, the most frequent first."""
    return _flows(_moves([segmentation.pk], since, until))


def flows_of_segment(segment: Segment, since: dt.date, until: dt.date) -> list[Flow]:
    """Moves into the segment and out of it, the most frequent first."""
    moves = _moves([segment.segmentation_id], since, until)
    return _flows(moves.filter(Q(segment=segment) | Q(came_from=segment)))


def biggest_flows(since: dt.date, until: dt.date) -> list[Flow]:
    """Moves within all active segmentations, those with the most money first."""
    active = list(Segmentation.objects.filter(active=True).values_list("pk", flat=True))
    return sorted(_flows(_moves(active, since, until)), key=lambda flow: (-flow.money, -flow.moves))


def causes(segment: Segment, since: dt.date, until: dt.date) -> tuple[list[Cause], list[Cause]]:
    """Why patients came into the segment, and why they left it; the most frequent cause first."""
    moves = _moves([segment.segmentation_id], since, until)
    return _causes(moves.filter(segment=segment)), _causes(moves.filter(came_from=segment))


def _without_sums(name: str) -> Func:
    """A cause without the sums of the patient: they tell causes apart that read the same."""
    return Func(F(name), template="(%(expressions)s - '{was,expected}'::text[])", output_field=JSONField())


def _causes(moves: QuerySet[Membership]) -> list[Cause]:
    counted = moves.values(why=_without_sums("cause")).annotate(moves=Count("pk"), paid=Sum("money")).order_by("-moves")
    return [Cause(row["why"], row["moves"], row["paid"] or Decimal(0)) for row in counted]
