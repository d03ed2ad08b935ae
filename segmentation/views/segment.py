"""The page of one segment, the patients behind a cell of the RFM map, and both lists as files."""

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from patients import wording
from patients.access import requires
from segmentation.kinds import own_kinds
from segmentation.models import BaseTotal, Metrics, Segment, Segmentation
from segmentation.reports import headlines, moves, pictures
from segmentation.reports.boards import SCORES
from segmentation.reports.portrait import Portrait, portrait, portrait_rows
from segmentation.selectors import flows, overview
from segmentation.selectors.segments import MemberFilter, in_rfm_cell, in_segment, narrowed
from segmentation.services.exports import FORMATS, export
from segmentation.services.own import in_words
from segmentation.views.files import file_answer, picture_file
from segmentation.views.members import member_list
from segmentation.views.overview import segment_urls
from segmentation.views.period import chosen_period


def _segment(segmentation: str, code: str) -> Segment:
    segments = Segment.objects.select_related("segmentation")
    return get_object_or_404(segments, segmentation__code=segmentation, segmentation__active=True, code=code)


def _latest() -> BaseTotal | None:
    return BaseTotal.objects.first()


def _today(latest: BaseTotal | None) -> dt.date:
    """Pages speak as of the last night; before the first one there is nothing to say but the calendar's day."""
    return latest.as_of if latest else dt.date.today()  # noqa: DTZ011


@require_GET
@requires("segmentation.view_segment", "patients.view_patient")
def segment(request: HttpRequest, segmentation: str, code: str) -> HttpResponseBase:
    """Headline, size and money, moves of a period with their causes, the tactic, the patients."""
    shown = _segment(segmentation, code)
    latest = _latest()
    today = _today(latest)
    period = chosen_period(request.GET, today)
    divisions = overview.divisions(latest.as_of if latest else None, None, segmentation)
    division = divisions[0]
    part = division.part(code) or overview.Part(shown, None)
    moved = flows.flows_of_segment(shown, period.since, period.until)
    urls = segment_urls([other.segment for other in division.parts], shown.segmentation)
    flow_picture = pictures.sankey_of_segment(shown, moved, urls)
    history = pictures.segment_history(overview.history(shown), shown)
    answer = picture_file(request, [flow_picture, history], latest.as_of if latest else None)
    if answer:
        return answer
    came = sum(flow.moves for flow in moved if flow.target.pk == shown.pk)
    went = sum(flow.moves for flow in moved if flow.source.pk == shown.pk)
    overview.weigh_money_in_base(part, latest)
    own = in_words(shown.segmentation) if shown.segmentation.kind in own_kinds() else None
    if own:  # nobody moves between segments here: patients enter and leave
        nights = [total for total in overview.history(shown) if period.since < total.as_of <= period.until]
        came, went = sum(total.entered for total in nights), sum(total.left for total in nights)
        overview.weigh_in_base(part, latest)
    came_because, went_because = flows.causes(shown, period.since, period.until)
    context: dict[str, Any] = {
        "segment": shown,
        "part": part,
        "others": division.parts,
        "headline": headlines.of_segment(part, latest.patients if latest else 0, came, went, period.days),
        "own": own,
        "size_of": _size_of(part, of_base=own is not None),
        "may_change": request.user.has_perm("segmentation.change_segment"),
        "latest": latest,
        "today": today,
        "history": history,
        "flows": flow_picture,
        "period": period,
        "period_filters": period.filters(),
        "came": came,
        "went": went,
        "money_in": sum(flow.money for flow in moved if flow.target.pk == shown.pk),
        "money_out": sum(flow.money for flow in moved if flow.source.pk == shown.pk),
        "came_because": moves.reasons(came_because),
        "went_because": moves.reasons(went_because),
        "export_url": reverse("segment_export", args=[segmentation, code]),
        **member_list(request, in_segment(shown), today, part.patients),
    }
    return render(request, "segmentation/segment.html", context)


def _size_of(part: overview.Part, *, of_base: bool) -> str:
    """Of what the size of the segment is a part."""
    if of_base:
        return _("%(share)s of the base") % {"share": wording.share(part.share)}
    return wording.of_segmentation(part.share)


@require_GET
@requires("segmentation.view_segment", "patients.view_patient")
def segment_portrait(request: HttpRequest, segmentation: str, code: str) -> HttpResponseBase:
    """Who the patients of a segment are: the page of the segment asks for it after it has been drawn."""
    shown = _segment(segmentation, code)
    latest = _latest()
    who = portrait(shown, _today(latest))
    answer = picture_file(request, [_portrait_table(who)], latest.as_of if latest else None)
    if answer:
        return answer
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    template = "segmentation/_portrait.html" if fragment else "segmentation/portrait.html"
    return render(request, template, {"segment": shown, "portrait": who})


def _portrait_table(found: Portrait) -> pictures.Picture:
    return pictures.Picture(
        key="portrait",
        title=_("Who they are"),
        columns=[(_("Feature"), "text"), (_("Value"), "text"), (_("Share"), "share"), (_("In the base"), "share")],
        rows=[list(row) for row in portrait_rows(found)],
    )


@require_GET
@requires("segmentation.view_segment", "patients.view_patient", "patients.export_patient")
def segment_export(request: HttpRequest, segmentation: str, code: str) -> HttpResponseBase:
    """The filtered patients of a segment as a file."""
    shown = _segment(segmentation, code)
    return _export(request, in_segment(shown), shown, f"{segmentation}-{code}", {})


def _money_score(request: HttpRequest) -> int | None:
    asked = request.GET.get("m", "")
    return int(asked) if asked in {str(score) for score in SCORES} else None


def _rfm(r: int, f: int) -> Segmentation:
    if r not in SCORES or f not in SCORES:
        raise Http404
    return get_object_or_404(Segmentation, code="rfm", active=True)


@require_GET
@requires("segmentation.view_segment", "patients.view_patient")
def rfm_cell(request: HttpRequest, r: int, f: int) -> HttpResponseBase:
    """The patients who have a recency and a frequency score today."""
    _rfm(r, f)
    latest = _latest()
    m = _money_score(request)
    cells = overview.rfm_cells(latest.as_of) if latest else []
    mine = [cell for cell in cells if cell.r == r and cell.f == f and (m is None or cell.m == m)]
    listed = member_list(request, in_rfm_cell(r, f, m), _today(latest), sum(cell.patients for cell in mine))
    context: dict[str, Any] = {
        "r": r,
        "f": f,
        "m": m,
        "latest": latest,
        "today": _today(latest),
        "patients": sum(cell.patients for cell in mine),
        "money": sum(cell.money_365 for cell in mine),
        "export_url": reverse("rfm_cell_export", args=[r, f]),
        **listed,
        "kept": [*listed["kept"], *([("m", str(m))] if m else [])],
    }
    return render(request, "segmentation/rfm_cell.html", context)


@require_GET
@requires("segmentation.view_segment", "patients.view_patient", "patients.export_patient")
def rfm_cell_export(request: HttpRequest, r: int, f: int) -> HttpResponseBase:
    """The filtered patients of a cell as a file."""
    m = _money_score(request)
    scores = {"r": r, "f": f, "m": m}
    return _export(request, in_rfm_cell(r, f, m), _rfm(r, f), f"rfm-r{r}-f{f}", scores)


def _export(
    request: HttpRequest, members: QuerySet[Metrics], of: Segment | Segmentation, name: str, what: dict[str, Any]
) -> HttpResponseBase:
    file_format = request.GET.get("format", "")
    if file_format not in FORMATS:
        raise Http404
    latest = _latest()
    asked = MemberFilter.parse(request.GET)
    chunks = export(
        narrowed(members, asked, _today(latest)), asked, of=of, file_format=file_format, user=request.user, what=what
    )
    return file_answer(chunks, name, file_format, latest.as_of if latest else None)
