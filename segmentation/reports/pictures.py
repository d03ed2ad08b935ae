"""Pictures of a page with the numbers behind them; drawn by static/js/charts.js (see docs/ui.md)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from patients import wording
from segmentation.models import BaseTotal, Segment, SegmentTotal
from segmentation.selectors.flows import Flow

Text = str | Promise
Column = tuple[Text, str]
# A line of more points than this is thinned to one point a week: nobody sees the difference, the page is lighter.
MANY_POINTS = 120


@dataclass
class Picture:
    """A picture, its table and its address within the page (`key`)."""

    key: str
    title: Text
    columns: list[Column]
    rows: list[list[Any]]
    config: dict[str, Any] = field(default_factory=dict)
    note: Text = ""
    meaning: Text = ""
    empty: Text = ""
    height: int = 280


def thinned(rows: Sequence[Any]) -> list[Any]:
    """Rows with `as_of`, the first first: all of them, or the last of every week when there are many."""
    if len(rows) <= MANY_POINTS:
        return list(rows)
    by_week = {row.as_of.isocalendar()[:2]: row for row in rows}
    return list(by_week.values())


def _plain(value: Decimal | int | float | None) -> float | int | None:
    return float(value) if isinstance(value, Decimal) else value


def _line(name: Text, rows: Sequence[Any], attribute: str, **style: Any) -> dict[str, Any]:
    data = [[row.as_of.isoformat(), _plain(getattr(row, attribute))] for row in rows]
    return {"name": str(name), "data": data, **style}


def income(history: Sequence[BaseTotal]) -> Picture:
    """Income and visits of the last 30 days, as of every stored night."""
    rows = thinned(history)
    return Picture(
        key="income",
        title=_("Income over time"),
        note=_("Paid within the 30 days before each night, and the visits of those days"),
        columns=[(_("Night"), "date"), (_("Income of 30 days"), "money"), (_("Visits of 30 days"), "number")],
        rows=[[row.as_of, row.money_30, row.visits_30] for row in reversed(rows)],
        config={
            "kind": "time",
            "series": [
                _line(_("Income"), rows, "money_30", type="area", unit="money"),
                _line(_("Visits"), rows, "visits_30", type="line", unit="number", axis=1),
            ],
        },
    )


def segment_history(history: Sequence[SegmentTotal], segment: Segment) -> Picture:
    """Size and money of a segment on every stored night."""
    rows = thinned(history)
    return Picture(
        key="history",
        title=_("Size and money over time"),
        note=_("Patients in the segment each night, and what they had paid within 365 days"),
        columns=[
            (_("Night"), "date"),
            (_("Patients"), "number"),
            (_("Came in"), "number"),
            (_("Went out"), "number"),
            (_("Paid in a year"), "money"),
            (_("Mean LTV"), "money"),
        ],
        rows=[[t.as_of, t.patients, t.entered, t.left, t.money_365, t.ltv] for t in reversed(rows)],
        config={
            "kind": "time",
            "series": [
                _line(_("Patients"), rows, "patients", type="area", unit="number", colour=segment.colour),
                _line(_("Paid in a year"), rows, "money_365", type="line", unit="money", axis=1, colour="ink"),
            ],
        },
    )


def parts_history(segments: Sequence[Segment], totals: Sequence[SegmentTotal]) -> Picture:
    """Patients per segment of a segmentation on every stored night, stacked."""
    nights = thinned([_Night(as_of) for as_of in sorted({total.as_of for total in totals})])
    by_key = {(total.segment_id, total.as_of): total.patients for total in totals}
    dates: list[dt.date] = [night.as_of for night in nights]
    series = [
        {
            "name": str(segment),
            "unit": "number",
            "colour": segment.colour,
            "type": "line",
            "data": [[date.isoformat(), by_key.get((segment.pk, date), 0)] for date in dates],
        }
        for segment in reversed(segments)
    ]
    return Picture(
        key="parts",
        title=_("Segments over time"),
        note=_("Patients in each segment, night by night"),
        columns=[(_("Night"), "date"), *((str(segment), "number") for segment in segments)],
        rows=[[date, *(by_key.get((segment.pk, date), 0) for segment in segments)] for date in reversed(dates)],
        config={"kind": "time", "stack": True, "total": _("All"), "series": series},
        height=320,
    )


@dataclass
class _Night:
    as_of: dt.date


def _flow_rows(flows: Sequence[Flow]) -> list[list[Any]]:
    return [[str(flow.source), str(flow.target), flow.moves, flow.money] for flow in flows]


def _flow_columns() -> list[Column]:
    return [
        (_("From segment"), "text"), (_("To segment"), "text"), (_("Moves"), "number"), (_("Money at stake"), "money")
    ]  # fmt: skip


def _link(flow: Flow, source: str, target: str) -> dict[str, Any]:
    moved = wording.patients_count(flow.moves)
    text = f"{flow.source} → {flow.target}: {moved}, {wording.money_short(flow.money)}"
    return {"source": source, "target": target, "value": flow.moves, "text": text}


def _node(name: str, segment: Segment, depth: int, moves: int, url: str) -> dict[str, Any]:
    label = f"{segment} · {wording.number(moves)}"
    return {"name": name, "label": label, "text": label, "colour": segment.colour, "depth": depth, "url": url}


def sankey(flows: Sequence[Flow], urls: dict[int, str]) -> Picture:
    """All moves within a segmentation: from the left to the right. `urls` leads from a segment to its page."""
    nodes: dict[str, dict[str, Any]] = {}
    links = []
    for side, depth in (("source", 0), ("target", 1)):
        ends: dict[int, tuple[Segment, int]] = {}
        for flow in flows:
            segment: Segment = getattr(flow, side)
            ends[segment.pk] = (segment, ends.get(segment.pk, (segment, 0))[1] + flow.moves)
        for segment, moves in sorted(ends.values(), key=lambda end: end[0].position):
            nodes[f"{side}-{segment.pk}"] = _node(f"{side}-{segment.pk}", segment, depth, moves, urls[segment.pk])
    for flow in flows:
        links.append(_link(flow, f"source-{flow.source.pk}", f"target-{flow.target.pk}"))
    return _flow_picture(flows, list(nodes.values()), links)


def sankey_of_segment(segment: Segment, flows: Sequence[Flow], urls: dict[int, str]) -> Picture:
    """Moves into a segment from the left and out of it to the right; the segment itself stands in the middle."""
    into = [flow for flow in flows if flow.target.pk == segment.pk]
    out = [flow for flow in flows if flow.source.pk == segment.pk]
    middle = max(sum(flow.moves for flow in into), sum(flow.moves for flow in out))
    depth = 1 if into else 0
    nodes = [_node(f"in-{f.source.pk}", f.source, 0, f.moves, urls[f.source.pk]) for f in into]
    here = _node("here", segment, depth, middle, "")
    here["label"] = here["text"] = str(segment)
    nodes.append(here)
    nodes += [_node(f"out-{f.target.pk}", f.target, depth + 1, f.moves, urls[f.target.pk]) for f in out]
    links = [_link(flow, f"in-{flow.source.pk}", "here") for flow in into]
    links += [_link(flow, "here", f"out-{flow.target.pk}") for flow in out]
    return _flow_picture(flows, nodes, links)


def _flow_picture(flows: Sequence[Flow], nodes: list[dict[str, Any]], links: list[dict[str, Any]]) -> Picture:
    widest = max((sum(1 for node in nodes if node["depth"] == depth) for depth in (0, 1, 2)), default=0)
    return Picture(
        key="flows",
        title=_("Moves between segments"),
        note=_("Patients who moved within the period; the number beside a name is how many"),
        columns=_flow_columns(),
        rows=_flow_rows(flows),
        config={"kind": "sankey", "nodes": nodes, "links": links},
        empty=_(
            "Nobody moved within this period. A move shows when two nights differ: choose a longer period, or wait "
            "for the next night."
        ),
        height=max(220, 60 + 44 * widest),
    )
