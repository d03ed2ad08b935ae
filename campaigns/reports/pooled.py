"""Campaigns together: tiles, the forest of their intervals, the months."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns.attribution import Interval, Pooled
from campaigns.reports import result_words as words
from campaigns.selectors.results import Line, together
from patients import wording
from segmentation.reports.pictures import Column, Picture


def forest(found: Sequence[Line], whole: Pooled | None) -> Picture:
    """Every campaign with its interval, the months, and all together."""
    marks: list[dict[str, Any]] = []
    for month, of_month in groupby(found, key=lambda line: line.month):
        members = list(of_month)
        shown = [line for line in members if line.estimate.difference]
        joint = together(members)
        if joint and joint.campaigns > 1:
            marks.append(_mark(wording.month(month), joint.difference, "month", joint.real))
        marks += [_campaign_mark(line) for line in shown]
    if whole:
        marks.append(_mark(_("All together"), whole.difference, "all", whole.real))
    return Picture(
        key="forest",
        title=_("What each campaign changed"),
        note=_("Difference of the shares that came, percentage points, with the interval that holds the truth 95 times "
               "in 100; of standing campaigns, which are looked at every night, 99 times"),
        columns=_forest_columns(),
        rows=[_forest_row(line) for line in found],
        config={"kind": "forest", "rows": marks, "zero": _("no effect")},
        height=max(160, 70 + 34 * len(marks)),
        empty=_("No campaign with a hold-out has been counted in this period."),
    )  # fmt: skip


def _campaign_mark(line: Line) -> dict[str, Any]:
    assert line.estimate.difference is not None
    url = reverse("campaign_results", args=[line.campaign.pk])
    kind = "campaign" if line.judged else "running"
    made = _mark(line.campaign.name, line.estimate.difference, kind, line.estimate.believable)
    return {**made, "url": url, "size": line.estimate.treated.n + line.estimate.holdout.n}


def _mark(name: str, found: Interval, kind: str, real: bool) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "value": round(found.value, 6), "low": round(found.low, 6),
        "high": round(found.high, 6), "real": real, "text": words.points_between(found),
    }  # fmt: skip


def _forest_columns() -> list[Column]:
    return [
        (_("Month"), "text"), (_("Campaign"), "text"), (_("Written to"), "number"), (_("Came"), "share"),
        (_("Hold-out"), "number"), (_("Came without a message"), "share"), (_("Difference, pp"), "text"),
        (_("Extra income"), "money"), (pgettext("interval", "from"), "money"),
        (pgettext("interval", "to"), "money"), (_("Cost"), "money"), (_("Verdict"), "text"),
    ]  # fmt: skip


def _forest_row(line: Line) -> list[Any]:
    found = line.estimate
    money = found.money
    return [
        wording.month(line.month), line.campaign.name, found.treated.n, found.treated.share, found.holdout.n,
        found.holdout.share, words.points_between(found.difference) if found.difference else None,
        *((round(money.value), round(money.low), round(money.high)) if money else (None, None, None)),
        round(found.treated.cost, 2), words.verdict_label(found.verdict),
    ]  # fmt: skip


def months(found: Sequence[Line]) -> Picture:
    """The campaigns of each month together."""
    rows = []
    for month, of_month in groupby(found, key=lambda line: line.month):
        joint = together(list(of_month))
        if joint:
            rows.append(
                [
                    wording.month(month), joint.campaigns, joint.treated.n, joint.holdout.n,
                    words.points_between(joint.difference), round(joint.extra.value), round(joint.money.value),
                    round(joint.money.low), round(joint.money.high), round(joint.cost, 2),
                ]
            )  # fmt: skip
    columns: list[Column] = [
        (_("Month"), "text"), (_("Campaigns"), "number"), (_("Written to"), "number"), (_("Hold-out"), "number"),
        (_("Difference, pp"), "text"), (_("Extra patients"), "number"), (_("Extra income"), "money"),
        (pgettext("interval", "from"), "money"), (pgettext("interval", "to"), "money"), (_("Cost"), "money"),
    ]  # fmt: skip
    return Picture(key="months", title=_("By month"), columns=columns, rows=rows)


def pool_tiles(whole: Pooled) -> list[dict[str, Any]]:
    each = whole.money.times(1 / whole.cost) if whole.cost > 0 else None
    tone = ("good" if whole.difference.value > 0 else "bad") if whole.real else ""
    return [
        {
            "label": _("Came because of them"), "value": wording.points(whole.difference.value), "tone": tone,
            "of": words.between(whole.difference.times(100), 1),
        },
        {"term": "extra_patients", "value": wording.signed(whole.extra.value), "of": words.between(whole.extra)},
        {
            "term": "campaign_income", "value": words.signed_short(whole.money.value),
            "of": words.money_between(whole.money),
        },
        {
            "term": "campaign_cost", "value": wording.money_short(round(whole.cost)),
            "of": _("%(each)s of extra income per ₽ (%(between)s)") % {
                "each": wording.money(each.value, words.decimals(each)),
                "between": words.between(each, words.decimals(each)),
            } if each else "",
        },
    ]  # fmt: skip
