"""What the base is worth: forecasts, how well they hold, channels, prices."""

import datetime as dt
import json
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from patients.access import requires
from segmentation.conditions import Tree
from segmentation.models import BaseTotal
from segmentation.reports.ltv import calibration as calibrated
from segmentation.reports.ltv import channel_pictures
from segmentation.reports.ltv import channels as by_channel
from segmentation.reports.ltv import prices as priced
from segmentation.reports.ltv import worth as worded
from segmentation.scoring.acquisition import Check, Judged
from segmentation.scoring.intervals import Interval
from segmentation.selectors import acquisition, worth
from segmentation.selectors import prices as bills
from segmentation.selectors.kept import kept, kept_unless_counting, ready, since_night
from segmentation.services import audiences
from segmentation.views.files import picture_file
from segmentation.views.months import chosen_months, month_filters

# The planner's guess of an audience may be wrong by a factor of ten: worth waiting a little for the true number.
SECONDS = 4.0
DAYS_IN_MONTH = 30.4375
# Kept figures are objects: when their fields change, older ones must not be read.
_KEPT = (
    worth.Worth, worth.PartWorth, worth.Hundredth, acquisition.Acquisition, acquisition.ChannelFigures, Judged,
    Check, Interval, bills.Prices, bills.Bills, bills.ServicePrice, bills.Back,
)  # fmt: skip
SHAPE = zlib.crc32(repr([(kind.__name__, kind.__annotations__) for kind in _KEPT]).encode())


def _page(
    request: HttpRequest, name: str, key: str, count: Callable[[dt.date], Any], show: Callable[[Any, dt.date], Any],
    frame: dict[str, Any] | None = None,
) -> HttpResponseBase:  # fmt: skip
    """The page of figures that only nights change: at once when they are kept; else the page asks for them itself.

    `?part=figures` is that request, `?wait=1` the way without scripts. `show` returns the context with the list
    `pictures`, whose files the page answers.
    """
    latest = BaseTotal.objects.first()
    context: dict[str, Any] = {**(frame or {}), "as_of": latest.as_of if latest else None, "found": None}
    if latest is None:
        return render(request, f"segmentation/ltv/{name}.html", context)
    as_of = latest.as_of
    key = f"ltv:{SHAPE}:{name}:{key}:{since_night(as_of)}"

    def counted() -> Any:
        return count(as_of)

    part = "part" in request.GET
    if "download" in request.GET or "wait" in request.GET:
        found = kept(key, counted)
    else:
        found = kept_unless_counting(key, counted) if part else ready(key)
    if found is not None:
        context |= {"found": found, **show(found, as_of)}
        answer = picture_file(request, context["pictures"], as_of)
        if answer:
            return answer
    context["again"] = part
    template = "segmentation/ltv/_figures.html" if part else f"segmentation/ltv/{name}.html"
    return render(request, template, {**context, "figures": f"segmentation/ltv/_{name}.html"})


@require_GET
@requires("segmentation.view_segment")
def ltv(request: HttpRequest) -> HttpResponseBase:
    """What the base has paid and is expected to pay, who holds it, who is falling."""
    may_see = request.user.has_perm("patients.view_patient")
    return _page(request, "worth", "", worth.worth, lambda found, as_of: _worth(found, as_of, people=may_see))


def _worth(found: worth.Worth, as_of: dt.date, *, people: bool) -> dict[str, Any]:
    fit = worth.last_fit()
    segment = worth.falling_segment()
    calibrations = worth.calibrations()
    parts = [worded.parts(found, part) for part in worded.PART_TITLES]
    distribution, concentration = worded.distribution(found), worded.concentration(found)
    last = calibrations[0] if calibrations else None
    return {
        "pictures": [distribution, concentration, *parts],
        "headline": worded.headline(found, fit),
        "no_forecast": worded.no_forecast(fit),
        "fit": fit,
        "how": calibrated.how(fit.visits_method) if fit else "",
        "parameters": worded.parameters(fit) if fit else [],
        "doubts": worded.doubts(fit) if fit else [],
        "calibration": last,
        "calibration_words": calibrated.headline(last),
        "trust": calibrated.trust(last),
        "distribution": distribution,
        "concentration": concentration,
        "parts": parts,
        "coming": sum(found.coming.values()),
        "soon": worth.SOON,
        "falling": segment,
        "falling_total": worth.falling_total(segment, as_of) if segment else None,
        "mean_paid": found.all.mean("money") if found.all else None,
        "mean_36": found.all.mean("money_36m") if found.all else None,
        "fallen": worded.fallen(worth.falling_patients(segment)) if segment and people else [],
    }


@require_GET
@requires("segmentation.view_segment")
def calibration(request: HttpRequest) -> HttpResponseBase:
    """What a forecast of the past said, beside what happened. Everything is stored by the night."""
    found = worth.calibrations()
    last = found[0] if found else None
    shown = calibrated.trust(last) != "none"
    pictures = []
    if last and shown:
        pictures = [
            calibrated.weeks(last), calibrated.deciles(last), calibrated.deciles(last, "money"),
            calibrated.by_visits(last),
        ]  # fmt: skip
    by_its_channel = calibrated.by_channel(last) if last and shown else None
    history = calibrated.history(found)
    answer = picture_file(
        request, [*pictures, *([by_its_channel] if by_its_channel else []), history], last.as_of if last else None
    )
    if answer:
        return answer
    context = {
        "last": last,
        "headline": calibrated.headline(last),
        "trust": calibrated.trust(last),
        "charts": pictures,
        "by_channel": by_its_channel,
        "months": round((last.as_of - last.split_on).days / DAYS_IN_MONTH) if last else 0,
        "history": history,
        "missed": calibrated.missed(last) if last else None,
        "missed_money": calibrated.missed_money(last) if last else None,
        "within": calibrated.within_chance(last) if last else (0, 0),
    }
    return render(request, "segmentation/ltv/calibration.html", context)


@require_GET
@requires("segmentation.view_segment")
def channels(request: HttpRequest) -> HttpResponseBase:
    """What a patient of every acquisition channel costs and brings."""
    latest = BaseTotal.objects.first()
    as_of = latest.as_of if latest else timezone.localdate()
    period = chosen_months(request.GET, as_of)
    basis: acquisition.Basis = "income" if request.GET.get("worth") == "income" else "margin"
    key = f"{period.since}:{period.until}:{basis}"
    may_change = request.user.has_perm("segmentation.change_segment")
    return _page(
        request, "channels", key,
        lambda day: acquisition.acquisition_of(period.since, period.until, day, basis),
        lambda found, _day: _channels(found, may_change=may_change),
        {"filters": [*month_filters(period, as_of), by_channel.worth_filter(basis)], "period": period, "basis": basis},
    )  # fmt: skip


def _channels(found: acquisition.Acquisition, *, may_change: bool) -> dict[str, Any]:
    lines = by_channel.lines(found)
    table = channel_pictures.table(lines)
    charts = [
        channel_pictures.returns(lines), channel_pictures.one_off(lines), channel_pictures.growth(lines),
    ]  # fmt: skip
    costly = [line for line in lines if line.figures.spend and line.figures.patients]
    spent = sum(line.figures.spend or 0.0 for line in costly)
    bought = sum(line.figures.patients for line in costly)
    return {
        "pictures": [table, *charts],
        "headline": by_channel.headline(found, lines),
        "lines": [(line, _own_url(line.tree) if may_change else "") for line in lines],
        "table": table,
        "charts": charts,
        "mean_cost": spent / bought if bought else None,
        "bought": bought,
    }


@require_GET
@requires("segmentation.view_segment")
def prices(request: HttpRequest) -> HttpResponseBase:
    """What patients pay for, at which discount, and whether they come again."""
    may_change = request.user.has_perm("segmentation.change_segment")
    return _page(request, "prices", "", _count_prices, lambda found, _day: _prices(found, may_change=may_change))


def _count_prices(as_of: dt.date) -> tuple[bills.Prices, dict[str, audiences.Size]]:
    found = bills.prices(as_of)
    today = timezone.localdate()
    sizes = {name: audiences.size(tree, today, seconds=SECONDS) for name, tree in _offers(found).items()}
    return found, sizes


def _offers(found: bills.Prices) -> dict[str, Tree]:
    premium = priced.premium_tree(found)
    return {**({"premium": premium} if premium else {}), **({"budget": priced.budget_tree()} if found.bills else {})}


def _prices(counted: tuple[bills.Prices, dict[str, audiences.Size]], *, may_change: bool) -> dict[str, Any]:
    found, sizes = counted
    services, groups, wanted = priced.services(found), priced.groups(found), priced.wanted(found)
    tables = {
        "sensitivity": priced.sensitivity(services), "groups_table": priced.by_group(groups),
        "bills_table": priced.bills(found), "months": priced.months(found), "services_table": priced.by_service(found),
        "wanted_table": priced.wanted_table(wanted),
    }  # fmt: skip
    offers = {
        name: {"size": sizes[name], "words": audiences.sentence(tree), "url": _own_url(tree) if may_change else ""}
        for name, tree in _offers(found).items()
        if name in sizes
    }
    return {
        "pictures": list(tables.values()), **tables,
        "prices": found,
        "headline": priced.headline(found),
        "everybody": priced.everybody(found),
        "services": services,
        "groups": groups,
        "wanted": wanted,
        "cut_share": found.bills.cut / found.bills.visits if found.bills else None,
        "paid": priced.paid(found),
        "offers": offers,
    }  # fmt: skip


def _own_url(tree: Tree) -> str:
    """The editor of own segments with these conditions filled in."""
    return f"{reverse('own_new')}?{urlencode({'where': json.dumps(tree, ensure_ascii=False)})}"
