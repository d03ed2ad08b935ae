"""The overview of all segments, and the page of one segmentation."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from patients.access import requires
from segmentation.kinds import MEMBERS, own_kinds
from segmentation.models import BaseTotal, Segment, Segmentation
from segmentation.reports import boards, headlines, pictures
from segmentation.selectors import flows, overview
from segmentation.services.own import in_words, own_segments
from segmentation.views.files import picture_file
from segmentation.views.period import chosen_night, chosen_period, night_filter


def segment_urls(segments: list[Segment], segmentation: Segmentation) -> dict[int, str]:
    """The page of every segment by its id."""
    return {segment.pk: reverse("segment", args=[segmentation.code, segment.code]) for segment in segments}


@require_GET
@requires("segmentation.view_segment")
def segments(request: HttpRequest) -> HttpResponseBase:
    """Every segmentation on one night: RFM map, tiers, board, lifecycle."""
    nights = overview.nights()
    night = chosen_night(request.GET, nights)
    before = overview.night_before(nights, night) if night else None
    everything = overview.divisions(night, before)
    own_codes = own_kinds()
    divisions = [division for division in everything if division.segmentation.kind not in own_codes]
    own_parts = [division.parts[0] for division in everything if division.segmentation.kind in own_codes]
    rfm = boards.rfm_map(overview.rfm_cells(night), request.GET.get("m", "")) if night else None
    tables = [boards.division_table(division) for division in divisions]
    answer = picture_file(request, [*tables, *([rfm.table()] if rfm else [])], night)
    if answer:
        return answer
    context: dict[str, Any] = {
        "night": night,
        "before": before,
        "headline": headlines.of_overview(divisions),
        "sections": [boards.section(division) for division in divisions],
        "rfm": rfm,
        "own": own_rows(own_parts),
        "archived": own_segments(active=False),
        "may_change": request.user.has_perm("segmentation.change_segment"),
        "filters": [night_filter(night, nights), *([rfm.filter()] if rfm else [])],
        "without_money": any(division.patients for division in divisions)
        and not any(division.money_365 for division in divisions),
        "current": night == (nights[0] if nights else None),
    }
    return render(request, "segmentation/segments.html", context)


def own_rows(parts: list[overview.Part]) -> list[dict[str, Any]]:
    """Own segments with their conditions in words; broken ones say so."""
    base = BaseTotal.objects.first()
    rows = []
    for part in parts:
        overview.weigh_in_base(part, base)
        rows.append({"part": part, **in_words(part.segment.segmentation)})
    return rows


@require_GET
@requires("segmentation.view_segment")
def segmentation(request: HttpRequest, code: str) -> HttpResponseBase:
    """One segmentation: its segments over time and all moves between them within a period."""
    shown = get_object_or_404(Segmentation, code=code, active=True)
    if shown.kind in own_kinds():  # one segment: nothing moves between segments here
        return redirect("segment", code, MEMBERS)
    nights = overview.nights()
    night = nights[0] if nights else None
    before = overview.night_before(nights, night) if night else None
    divisions = overview.divisions(night, before, code)
    division = divisions[0] if divisions else overview.Division(shown)
    period = chosen_period(request.GET, night or dt.date.today())  # noqa: DTZ011  # only an empty base has no night
    moved = flows.flows(shown, period.since, period.until)
    parts = [part.segment for part in division.parts]
    flow_picture = pictures.sankey(moved, segment_urls(parts, shown))
    over_time = pictures.parts_history(parts, overview.history_of_parts(shown))
    table = boards.division_table(division)
    answer = picture_file(request, [flow_picture, over_time, table], night)
    if answer:
        return answer
    context = {
        "segmentation": shown,
        "section": boards.section(division),
        "headline": headlines.of_division(division, sum(flow.moves for flow in moved), period.days),
        "flows": flow_picture,
        "over_time": over_time,
        "period": period,
        "filters": period.filters(),
        "night": night,
        "before": before,
    }
    return render(request, "segmentation/segmentation.html", context)
