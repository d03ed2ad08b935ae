"""The first page: what the base looks like today, against the norm and a month ago."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from campaigns.reports import home as campaign_tiles
from clinic_crm.views.night import NightState, night_state
from patients import wording
from patients.access import requires
from patients.models import Integration, Visit
from segmentation.models import BaseTotal
from segmentation.reports import headlines, moves, pictures
from segmentation.selectors import flows, overview
from segmentation.views.files import picture_file
from triggers.reports import home as rule_tiles

MOVES_SHOWN = 4
RESULTS = "campaigns.view_campaignresult"
# A relative change smaller than this is neither good nor bad.
NOTABLE = 0.005


@require_GET
@requires("segmentation.view_segment")
def home(request: HttpRequest) -> HttpResponseBase:
    """Tiles, income over time, the biggest moves of the last 30 days, the freshness of the figures."""
    history = overview.base_history()
    night = night_state(timezone.now())
    if not history:
        return render(request, "home.html", {"night": night, "steps": _first_steps(request, night)})
    total = history[-1]
    earlier = overview.night_before([row.as_of for row in history], total.as_of)
    before = next((row for row in history if row.as_of == earlier), None)
    income = pictures.income(history)
    answer = picture_file(request, [income], total.as_of)
    if answer:
        return answer
    worse, better = _biggest_moves(total)
    first_visit = overview.first_visit_day()
    context = {
        "total": total,
        "headline": headlines.of_base(total, first_visit),
        "tiles": _tiles(total, before, too_young=headlines.too_young(total, first_visit)),
        "income": income,
        "night": night,
        "worse": worse,
        "better": better,
        "moves_shown": MOVES_SHOWN,
        "triggers": _rules(request),
        "campaigns": campaign_tiles.tiles(total.as_of) if request.user.has_perm(RESULTS) else [],
    }
    return render(request, "home.html", context)


def _rules(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.user.has_perm("triggers.view_triggerrule"):
        return []
    return rule_tiles.tiles(timezone.localdate(), with_results=request.user.has_perm("triggers.view_ruleresult"))


def _biggest_moves(total: BaseTotal) -> tuple[list[flows.Flow], list[flows.Flow]]:
    """The moves of the last 30 days with the most money: for the worse, and for the better."""
    moved = flows.biggest_flows(total.as_of - overview.DAYS_30, total.as_of)
    ways = [(flow, moves.direction(flow.source.segmentation.kind, flow.source, flow.target)) for flow in moved]
    worse = [flow for flow, way in ways if way < 0]
    better = [flow for flow, way in ways if way > 0]
    return worse[:MOVES_SHOWN], better[:MOVES_SHOWN]


def _tiles(total: BaseTotal, before: BaseTotal | None, *, too_young: bool) -> list[dict[str, Any]]:
    """Variables of components/_stat.html, tile by tile."""
    since = _("since %(date)s") % {"date": wording.short_day(before.as_of)} if before else ""
    compared = [write(total, before) for write in (_base, _lost, _ltv, _average_bill, _nps)]
    if too_young:
        compared[1] = {**compared[1], "tone": "", "notice": _("less than a year of visits")}
    return [{**tile, "since": since} for tile in (*compared, _reach(total))]


def _tone(change: float | None, good: int = 1) -> str:
    if not change:
        return ""
    return "good" if change * good > 0 else "bad"


def _base(total: BaseTotal, before: BaseTotal | None) -> dict[str, Any]:
    change = total.patients - before.patients if before else None
    return {
        "term": "base", "value": wording.number(total.patients),
        "change": wording.signed(change) if change else "", "tone": _tone(change),
        "of": _("%(n)s with a visit") % {"n": wording.number(total.visited)},
    }  # fmt: skip


def _lost(total: BaseTotal, before: BaseTotal | None) -> dict[str, Any]:
    lost, was = total.lost_share, before.lost_share if before else None
    change = lost - was if lost is not None and was is not None else None
    return {
        "term": "lost", "value": wording.share(lost),
        "change": wording.points(change) if change is not None else "",
        # What is written as 0.0 has no colour.
        "tone": _tone(round(change, 3), good=-1) if change is not None else "",
        "of": _("of patients with a visit; norm up to %(norm)s") % {"norm": wording.share(headlines.LOST_NORM)},
    }  # fmt: skip


def _relative(now: Any, was: Any) -> float | None:
    return float(now) / float(was) - 1 if now is not None and was else None


def _money_tile(term: str, now: Any, was: Any, of: str) -> dict[str, Any]:
    change = _relative(now, was)
    return {
        "term": term, "value": wording.money(now), "change": wording.signed_share(change) if change is not None else "",
        "tone": _tone(change) if change and abs(change) >= NOTABLE else "", "of": of,
    }  # fmt: skip


def _ltv(total: BaseTotal, before: BaseTotal | None) -> dict[str, Any]:
    of = _("mean over patients with a visit")
    if total.forecast_12m is not None:
        expected = {"money": wording.money_short(total.forecast_12m)}
        of = _("mean over patients with a visit; all are expected to pay %(money)s in 12 months") % expected
    return {**_money_tile("ltv", total.ltv, before.ltv if before else None, of), "url": reverse("ltv")}


def _average_bill(total: BaseTotal, before: BaseTotal | None) -> dict[str, Any]:
    visits = wording.number(total.visits_365)
    of = ngettext("over %(n)s visit in 365 days", "over %(n)s visits in 365 days", total.visits_365) % {"n": visits}
    return _money_tile("average_bill", total.average_bill, before.average_bill if before else None, of)


def _nps(total: BaseTotal, before: BaseTotal | None) -> dict[str, Any]:
    was = before.nps if before else None
    change = total.nps - was if total.nps is not None and was is not None else None
    answers = total.nps_answers
    few = total.nps is not None and answers < headlines.FEW_ANSWERS
    of = ngettext("by %(n)s answer", "by %(n)s answers", answers) % {"n": wording.number(answers)}
    return {
        "term": "nps", "value": wording.signed(total.nps),
        "change": wording.signed(change, 1) if change is not None and not few else "", "tone": _tone(change), "of": of,
        "notice": _("few answers: treat with care") if few else "",
    }  # fmt: skip


def _reach(total: BaseTotal) -> dict[str, Any]:
    reach = total.reachable / total.patients if total.patients else None
    return {"term": "reach", "value": wording.share(reach), "of": _("of the base"), "notice": ""}


def _first_steps(request: HttpRequest, night: NightState) -> list[dict[str, Any]]:
    """What to do while the database is empty; each step knows whether it is done."""
    sources, visits = Integration.objects.exists(), Visit.objects.exists()
    return [
        {"code": "integration", "done": sources},
        {"code": "visits", "done": visits},
        {"code": "night", "done": night.last is not None, "ready": visits},
    ]
