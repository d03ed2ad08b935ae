"""Acquisition channels in pictures, and the table behind them."""

from typing import Any

from django.utils.translation import gettext as _

from patients import wording
from segmentation.reports.ltv.channels import Line, span, times
from segmentation.reports.pictures import Picture
from segmentation.scoring.intervals import Interval

# On a logarithmic axis nothing can stand at zero.
LEAST_RETURN = 0.05


def _bounds(interval: Interval | None) -> list[float | None]:
    return [interval.value, interval.low, interval.high] if interval else [None, None, None]


def table(shown: list[Line]) -> Picture:
    """All figures of the page with their bounds, for files."""
    low, high = _("not less than"), _("not more than")
    return Picture(
        key="channels",
        title=_("Channels"),
        columns=[
            (_("Channel"), "text"), (_("New patients"), "number"), (_("Spent"), "money"),
            (_("Cost of acquisition"), "money"), (low, "money"), (high, "money"),
            (_("Worth so far"), "money"), (low, "money"), (high, "money"),
            (_("Worth with 36 months ahead"), "money"), (low, "money"), (high, "money"),
            (_("Brought per rouble"), "decimal"), (low, "decimal"), (high, "decimal"),
            (_("Came once"), "share"), (low, "share"), (high, "share"),
            (_("Cost is back"), "text"), (_("Verdict"), "text"),
            (_("Forecast multiplied by"), "decimal"),
        ],
        rows=[
            [
                line.name, line.figures.patients, line.figures.spend, *_bounds(line.figures.judged.cost),
                *_bounds(line.figures.so_far), *_bounds(line.figures.judged.worth),
                *_bounds(line.figures.judged.returned), *_bounds(line.figures.judged.once), line.payback, line.verdict,
                line.figures.scaled_by,
            ]
            for line in shown
        ],
    )  # fmt: skip


def returns(shown: list[Line]) -> Picture:
    """What a rouble spent on each channel brings."""
    rows = [line for line in shown if line.figures.judged.returned and line.figures.patients]
    return Picture(
        key="returns",
        title=_("What a rouble brings"),
        note=_("Worth of all new patients ÷ spend, with the interval in which the truth lies 95 times in 100"),
        columns=[
            (_("Channel"), "text"), (_("Brought per rouble"), "decimal"), (_("not less than"), "decimal"),
            (_("not more than"), "decimal"), (_("New patients"), "number"),
        ],
        rows=[[line.name, *_bounds(line.figures.judged.returned), line.figures.patients] for line in rows],
        config={
            "kind": "ranges", "unit": "decimal", "log": True, "border": {"value": 1, "name": _("pays back")},
            "rows": [_range(line, line.figures.judged.returned, times(line.figures.judged.returned)) for line in rows],
        },
        empty=_("Without spend there is nothing to compare. Enter what every channel cost in a month."),
        height=70 + 38 * max(len(rows), 2),
    )  # fmt: skip


def one_off(shown: list[Line]) -> Picture:
    """Who came once, of those who had half a year to come again."""
    rows = [line for line in shown if line.figures.judged.once]
    watched = sum(line.figures.watched for line in rows)
    mean = sum(line.figures.once for line in rows) / watched if watched else 0.0
    return Picture(
        key="one_off",
        title=_("Who came only once"),
        note=_("Of patients whose first visit was half a year ago or earlier"),
        columns=[
            (_("Channel"), "text"), (_("Came once"), "share"), (_("not less than"), "share"),
            (_("not more than"), "share"), (_("Of patients"), "number"),
        ],
        rows=[[line.name, *_bounds(line.figures.judged.once), line.figures.watched] for line in rows],
        config={
            "kind": "ranges", "unit": "share",
            "border": {"value": mean, "name": _("all: %(share)s") % {"share": wording.share(mean)}},
            "rows": [
                _range(line, line.figures.judged.once, _share(line.figures.judged.once), least=0.0) for line in rows
            ],
        },
        empty=_("Nobody of them had half a year to come again: choose earlier months."),
        height=70 + 38 * max(len(rows), 2),
    )  # fmt: skip


def _share(interval: Interval | None) -> str:
    return wording.share(interval.value if interval else None)


def _range(line: Line, interval: Interval | None, value: str, *, least: float = LEAST_RETURN) -> dict[str, Any]:
    assert interval is not None
    low, high = (interval.value if bound is None else bound for bound in (interval.low, interval.high))
    text = f"{value} {line.once_bounds if not least else f'({span(interval)})'}"
    bad = line.tone == "bad"
    return {
        "name": line.name, "value": max(interval.value, least), "low": max(low, least), "high": max(high, least),
        "text": f"{text}, {wording.patients_count(line.figures.patients)}", "short": text,
        "tone": "bad" if bad else "quiet" if line.few else "",
    }  # fmt: skip


def growth(shown: list[Line]) -> Picture:
    """How the mean patient of each channel brings money, month by month after the first visit."""
    rows = [line for line in shown if line.figures.curve and not line.few]
    longest = max((len(line.figures.curve) for line in rows), default=0)
    return Picture(
        key="growth",
        title=_("How fast a new patient brings money"),
        note=_("Sum per new patient by the end of each month after the first visit, without forecast"),
        columns=[(_("Month"), "number"), *((line.name, "money") for line in rows)],
        rows=[
            [month + 1, *(line.figures.curve[month] if month < len(line.figures.curve) else None for line in rows)]
            for month in range(longest)
        ],
        config={
            "kind": "lines", "axis": _("months since the first visit"), "unit": "money",
            "series": [
                {"name": line.name, "data": [[0, 0], *([n + 1, round(v)] for n, v in enumerate(line.figures.curve))],
                 "tone": line.tone if line.tone == "bad" else ""}
                for line in rows
            ],
        },
        empty=_("Nobody can be watched for a whole month yet."),
        height=320,
    )  # fmt: skip
