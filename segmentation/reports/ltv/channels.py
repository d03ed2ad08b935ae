"""Acquisition channels: what a patient costs, what one is worth, and what to do."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from patients import wording
from patients.models import AcquisitionChannel
from segmentation.reports.pictures import Picture
from segmentation.scoring import acquisition as rules
from segmentation.scoring.intervals import Interval
from segmentation.selectors.acquisition import Acquisition, Basis, ChannelFigures

MONTHS_BACK, DEFAULT_MONTHS = 60, 24
# On a logarithmic axis nothing can stand at zero.
LEAST_RETURN = 0.05
JOINED_DASH = "\u2060–\u2060"  # a range is not broken over two lines
TONES = {"one_offs": "bad", "loses": "bad", "pays": "good"}


@dataclass(frozen=True)
class Period:
    """Whole months: the first day of the first and the last day of the last."""

    since: dt.date
    until: dt.date


@dataclass
class Line:
    """A channel with its name and the verdict in words."""

    name: str
    figures: ChannelFigures
    verdict: str
    tone: str
    tree: dict[str, Any]

    @property
    def few(self) -> bool:
        return self.figures.patients < rules.FEW

    @property
    def payback(self) -> str:
        return _payback(self.figures)

    @property
    def once_bounds(self) -> str:
        once = self.figures.judged.once
        if once is None or once.low is None or once.high is None:
            return ""
        return f"({wording.number(100 * once.low)}–{wording.number(100 * once.high)})"

    @property
    def missed(self) -> str:
        return missed(self.figures)

    @property
    def returned(self) -> str:
        return times(self.figures.judged.returned)


def month_before(day: dt.date, months: int) -> dt.date:
    """The first day of the month so many months before."""
    count = day.year * 12 + day.month - 1 - months
    return dt.date(count // 12, count % 12 + 1, 1)


def chosen_months(query: Mapping[str, str], as_of: dt.date) -> Period:
    """`from` and `to` of the address as YYYY-MM, in order; without them the last two years of whole months."""
    offered = {f"{day:%Y-%m}": day for day in _months(as_of)}
    last = offered.get(query.get("to", ""), month_before(as_of, 1))
    first = offered.get(query.get("from", ""), month_before(last, DEFAULT_MONTHS - 1))
    first, last = min(first, last), max(first, last)
    return Period(first, month_before(last, -1) - dt.timedelta(days=1))


def _months(as_of: dt.date) -> list[dt.date]:
    return [month_before(as_of, months) for months in range(MONTHS_BACK)]


def filters(period: Period, as_of: dt.date, basis: Basis) -> list[dict[str, Any]]:
    """Fields of components/_filter_bar.html."""
    options = [(f"{day:%Y-%m}", wording.month(day)) for day in _months(as_of)]
    worth = [("margin", _("margin: paid minus cost")), ("income", _("income: all that was paid"))]
    return [
        {"name": "from", "label": _("First visit from"), "kind": "select", "value": f"{period.since:%Y-%m}",
         "options": options},
        {"name": "to", "label": pgettext("period", "to"), "kind": "select", "value": f"{period.until:%Y-%m}",
         "options": options},
        {"name": "worth", "label": _("Worth is"), "kind": "select", "value": basis, "options": worth},
    ]  # fmt: skip


def lines(found: Acquisition) -> list[Line]:
    """The channels with words: first those to limit or to stop, then by the number of patients."""
    names = dict(AcquisitionChannel.objects.values_list("pk", "name"))
    shown = [_line(one, names) for one in found.channels]
    return sorted(shown, key=lambda line: (line.figures.judged.verdict not in ("one_offs", "loses"),))


def _line(one: ChannelFigures, names: dict[int, str]) -> Line:
    name = names.get(one.channel, "—") if one.channel else _("not known")
    asks = {"is": "in", "value": [one.channel]} if one.channel else {"is": "unknown"}
    tree = {"all": [{"attribute": "channel", **asks}]}
    return Line(name, one, verdict(one), TONES.get(one.judged.verdict, ""), tree)


def verdict(one: ChannelFigures) -> str:
    """What to do about the channel, with the numbers that say so."""
    judged = one.judged
    if judged.verdict == "one_offs":
        return _one_offs(judged)
    if judged.verdict == "no_spend":
        if one.spend and not one.patients:
            return _("%(spend)s spent and nobody came for the first time.") % {"spend": wording.money(one.spend)}
        return _("No spend is entered for these months: free, or not known.")
    if judged.verdict == "too_few":
        return _("Too few patients to tell.")
    said = {"range": span(judged.returned)}
    if judged.verdict == "pays":
        return _("Pays back: a rouble brings %(range)s ₽.") % said
    if judged.verdict == "loses":
        return _("Does not pay back: a rouble brings %(range)s ₽.") % said
    return _("Not sure to pay back: a rouble brings %(range)s ₽.") % said


def _one_offs(judged: rules.Judged) -> str:
    """Why, and what to do, which depends on whether the money comes back all the same."""
    why = _(
        "Brings one-off patients: %(once)s came once, elsewhere %(elsewhere)s; one is worth %(worth)s, elsewhere "
        "%(other)s."
    ) % {
        "once": wording.share(judged.once.value if judged.once else None),
        "elsewhere": wording.share(judged.once_elsewhere.value if judged.once_elsewhere else None),
        "worth": wording.money(judged.worth.value if judged.worth else None),
        "other": wording.money(judged.worth_elsewhere.value if judged.worth_elsewhere else None),
    }  # fmt: skip
    if judged.returned and judged.returned.above(1.0):
        what = _(
            "A rouble comes back (%(range)s ₽), because such a patient is cheap; but they take appointments and do not "
            "stay. Do not expand the channel, limit it."
        ) % {"range": span(judged.returned)}
    elif judged.returned and judged.returned.below(1.0):
        what = _("A rouble does not come back either (%(range)s ₽): stop paying for it.") % {
            "range": span(judged.returned)
        }
    else:
        what = _("They take appointments and do not stay: do not expand the channel, limit it.")
    return f"{why} {what}"


def missed(one: ChannelFigures) -> str:
    """How the forecast missed this channel when it was checked; empty while chance explains it."""
    factor, check = one.scaled_by, one.check
    if factor is None or check is None:
        return ""
    said = {
        "expected": wording.number(check.expected_visits), "actual": wording.number(check.actual_visits),
        "expected_money": wording.money_short(check.expected_money),
        "actual_money": wording.money_short(check.actual_money), "factor": wording.number(factor, 2),
    }  # fmt: skip
    if factor < 1:
        return (
            _(
                "The forecast was too high for this channel: %(expected)s visits expected, %(actual)s came; "
                "%(expected_money)s expected, %(actual_money)s paid. What is expected here is multiplied by %(factor)s."
            )
            % said
        )
    return (
        _(
            "The forecast was too low for this channel: %(expected)s visits expected, %(actual)s came; "
            "%(expected_money)s expected, %(actual_money)s paid. What is expected here is multiplied by %(factor)s."
        )
        % said
    )


def span(interval: Interval | None) -> str:
    """The bounds with one digit: «5,4–10,2»."""
    if interval is None or interval.low is None or interval.high is None:
        return wording.DASH
    return f"{wording.number(interval.low, 1)}{JOINED_DASH}{wording.number(interval.high, 1)}"


def times(interval: Interval | None) -> str:
    return wording.DASH if interval is None else f"{wording.number(interval.value, 1)}"


def _payback(one: ChannelFigures) -> str:
    if one.judged.cost is None:
        return wording.DASH
    if one.payback == 1:
        return _("in the first month")
    if one.payback:
        return _("in month %(n)s") % {"n": one.payback}
    if not one.watched_months:
        return _("too early to say")
    return _("not within %(n)s months") % {"n": one.watched_months}


def headline(found: Acquisition, shown: list[Line]) -> str:
    """One-off channels first; without them what a patient costs and brings."""
    if not found.patients:
        return _("Nobody came for the first time within these months.")
    one_offs = [line for line in shown if line.figures.judged.verdict == "one_offs"]
    if one_offs:
        worst = one_offs[0]
        judged = worst.figures.judged
        said = {"name": worst.name, "share": wording.share(judged.once.value if judged.once else None)}
        if judged.returned and judged.returned.below(1.0):
            return (
                _("«%(name)s» brings one-off patients, and their cost does not come back: stop paying for it.") % said
            )
        return (
            _(
                "«%(name)s» brings one-off patients: %(share)s of them came once. They are cheap, but take "
                "appointments: do not expand it, limit it."
            )
            % said
        )
    if not found.spend:
        return _("No spend is entered for these months, so nobody can say which channel pays back.")
    losing = [line.name for line in shown if line.figures.judged.verdict == "loses"]
    if losing:
        return _("These channels do not pay back: %(names)s.") % {"names": ", ".join(f"«{name}»" for name in losing)}
    sure = [line for line in shown if line.figures.judged.verdict == "pays"]
    if sure:
        return _("No channel is found to lose money; surely paying back: %(n)s.") % {"n": len(sure)}
    return _("There are too few patients to tell the channels apart.")


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
