"""Acquisition channels in words: what a patient costs, what one is worth, and what to do."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients import wording
from patients.models import AcquisitionChannel
from segmentation.scoring import acquisition as rules
from segmentation.scoring.intervals import Interval
from segmentation.selectors.acquisition import Acquisition, Basis, ChannelFigures

JOINED_DASH = "\u2060–\u2060"  # a range is not broken over two lines
TONES = {"one_offs": "bad", "loses": "bad", "pays": "good"}


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


def worth_filter(basis: Basis) -> dict[str, Any]:
    """What a patient's worth is counted in, as a field of components/_filter_bar.html."""
    options = [("margin", _("margin: paid minus cost")), ("income", _("income: all that was paid"))]
    return {"name": "worth", "label": _("Worth is"), "kind": "select", "value": basis, "options": options}


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
