"""What the base is worth: the sentence, the tables by part, who holds the money, the fit in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients import wording
from patients.models import AcquisitionChannel, Service
from segmentation.models import LtvFit, Membership, Segment
from segmentation.reports.ltv.calibration import why_not
from segmentation.reports.moves import cause_words
from segmentation.reports.pictures import Picture
from segmentation.selectors.worth import Hundredth, PartWorth, Worth, share_of_top

SHOWN_PARTS = 12
TOPS = (1, 5, 10, 20, 50)
WEEKS_IN_YEAR = 365.25 / 7
# Above it the bill goes with the number of visits, which the model of the bill supposes it does not.
NOTABLE_CORRELATION = 0.3


def no_forecast(fit: LtvFit | None) -> str:
    """Why there is the formula only; empty when there is a forecast."""
    if fit is None:
        return _("No forecast has been fitted yet: the next night does it.")
    if fit.visits_method == LtvFit.Method.FORMULA:
        why = why_not(fit.visits_reason)
        return _("Visits cannot be forecast: %(why)s. What is shown is the formula only.") % {"why": why}
    if fit.money_method == LtvFit.Method.FORMULA:
        why = why_not(fit.money_reason)
        return _("The bill cannot be forecast: %(why)s. Visits are, money is not.") % {"why": why}
    return ""


def headline(found: Worth, fit: LtvFit | None) -> str:
    """What the base is expected to pay, against what it has paid: newcomers of the past year are in one sum and those
    of the coming year not in the other, so they are named."""
    if found.all is None:
        return _("No patient of the base has a completed visit yet.")
    expected, paid = found.all.money_12m, found.all.money_365
    if not found.foreseen or expected is None:
        mean = wording.money(found.all.ltv)
        return _("By the formula a patient is worth %(ltv)s on average.") % {"ltv": mean} + " " + no_forecast(fit)
    new = found.all.money_new or 0.0
    said = {
        "expected": wording.money_short(expected), "paid": wording.money_short(paid),
        "old": wording.money_short(paid - new), "new": wording.money_short(new),
    }  # fmt: skip
    start = (
        _(
            "Those who have come are expected to pay %(expected)s in the 12 months to come; newcomers of those months "
            "are not in it."
        )
        % said
    )
    start += " " + (
        _("Within the last 365 days %(paid)s was paid, %(old)s by those who had come before and %(new)s by newcomers.")
        % said
    )
    top = share_of_top(found.expected, 10)
    if top is None:
        return start
    return start + " " + _("A tenth of them holds %(share)s of what is to come.") % {"share": wording.share(top)}


PART_TITLES = ("tier", "channel", "service")


def part_title(part: str) -> str:
    return {
        "tier": _("By value tier"), "channel": _("By acquisition channel"), "service": _("By the first service")
    }[part]  # fmt: skip


def parts(found: Worth, part: str) -> Picture:
    """Patients and worth by tier, channel or first service; the largest first."""
    rows = found.parts.get(part, {})
    names = _names(part, [key for key in rows if key is not None])
    ranked = sorted(rows.items(), key=lambda item: -item[1].patients)
    shown = [[names.get(key, _("not known")) if key else _("not known"), *_figures(one)] for key, one in ranked]
    return Picture(
        key=f"by_{part}",
        title=part_title(part),
        columns=[
            ({"tier": _("Tier"), "channel": _("Channel"), "service": _("First service")}[part], "text"),
            (_("Patients"), "number"), (_("Paid so far per patient"), "money"), (_("LTV by formula"), "money"),
            (_("Expected in 12 months"), "money"), (_("Expected in 36 months"), "money"),
            (_("All together in 12 months"), "money"),
        ],
        rows=shown,
    )  # fmt: skip


def _figures(one: PartWorth) -> list[Any]:
    return [one.patients, one.mean("money"), one.ltv, one.mean("money_12m"), one.mean("money_36m"), one.money_12m]


def _names(part: str, keys: Sequence[int]) -> dict[int, str]:
    if part == "tier":
        return {segment.pk: str(segment) for segment in Segment.objects.filter(pk__in=keys)}
    if part == "channel":
        return dict(AcquisitionChannel.objects.filter(pk__in=keys).values_list("pk", "name"))
    return dict(Service.objects.filter(pk__in=keys).values_list("pk", "name"))


def _tenths(hundredths: list[Hundredth]) -> list[Hundredth]:
    """Ten of a hundred together. A base of less than a hundred has fewer steps; then each stands alone."""
    if len(hundredths) < 100:
        return []
    return [
        Hundredth(sum(h.patients for h in ten), sum(h.total for h in ten), min(h.least for h in ten))
        for ten in (hundredths[start : start + 10] for start in range(0, 100, 10))
    ]


def distribution(found: Worth) -> Picture:
    """Mean money of each tenth of the patients."""
    paid, expected = _tenths(found.paid), _tenths(found.expected)
    series = [{"name": _("Paid within 365 days"), "unit": "money", "data": _means(paid)}]
    if expected:
        series.append({"name": _("Expected in 12 months"), "unit": "money", "data": _means(expected)})
    both = [*zip(paid, expected, strict=True)] if expected else [(one, None) for one in paid]
    return Picture(
        key="distribution",
        title=_("Who holds the money"),
        note=_("Per patient, by tenths of the patients with a visit; each column has its own order, best first"),
        columns=[
            (_("Tenth"), "number"), (_("Patients"), "number"), (_("Paid within 365 days"), "money"),
            (_("Expected in 12 months"), "money"), (_("Expected: from"), "money"),
        ],
        rows=[
            [n, one.patients, one.total, other.total if other else None, other.least if other else None]
            for n, (one, other) in enumerate(both, start=1)
        ],
        config={
            "kind": "columns", "axis": _("tenths of the patients, best first"),
            "names": [str(n + 1) for n in range(len(paid))], "series": series,
        },
        empty=_("The distribution is shown from a hundred patients with a visit on."),
        height=300,
    )  # fmt: skip


def _means(tenths: list[Hundredth]) -> list[float]:
    return [round(one.total / one.patients) for one in tenths]


def concentration(found: Worth) -> Picture:
    """Which part of the money the upper patients hold."""
    return Picture(
        key="concentration",
        title=_("Concentration"),
        columns=[
            (_("Upper part of the patients"), "share"), (_("Of what was paid in 365 days"), "share"),
            (_("Of what is expected in 12 months"), "share"),
        ],
        rows=[
            [top / 100, share_of_top(found.paid, top), share_of_top(found.expected, top)]
            for top in TOPS
            if len(found.paid) == 100
        ],
    )  # fmt: skip


@dataclass
class Said:
    """A parameter of the model with what it means."""

    name: str
    value: str
    meaning: str


def parameters(fit: LtvFit) -> list[Said]:
    """The parameters of both models, and in words what they say about this clinic."""
    said: list[Said] = []
    visits, money = fit.visits_params, fit.money_params
    if {"r", "alpha", "a", "b"} <= visits.keys():
        rate = visits["r"] / visits["alpha"] * WEEKS_IN_YEAR
        drop = visits["a"] / (visits["a"] + visits["b"])
        said += [
            Said("r, α", f"{wording.number(visits['r'], 3)}; {wording.number(visits['alpha'], 2)}",
                 _("While they stay, patients come again %(rate)s times a year on average.")
                 % {"rate": wording.number(rate, 1)}),
            Said("a, b", f"{wording.number(visits['a'], 3)}; {wording.number(visits['b'], 2)}",
                 _("After a visit on average %(share)s leave for good.") % {"share": wording.share(drop, 1)}),
        ]  # fmt: skip
    if {"p", "q", "gamma"} <= money.keys():
        if money["q"] > 1:
            bill = wording.money(money["p"] * money["gamma"] / (money["q"] - 1))
            means = _("The mean bill of a day with a visit is %(bill)s; a patient with few visits is drawn towards it.")
            means %= {"bill": bill}
        else:
            means = _("Bills differ so much that the model has no mean for all; every patient's own counts.")
        values = (wording.number(money["p"], 2), wording.number(money["q"], 2), wording.number(money["gamma"]))
        said.append(Said("p, q, γ", "; ".join(values), means))
    if fit.bill_level is not None:
        means = _(
            "What was paid within the last 365 days, compared with the mean bills of the patients’ whole past: every "
            "expected bill is multiplied by it, so that rising prices count."
        )
        said.append(Said(_("level of bills"), f"× {wording.number(fit.bill_level, 3)}", means))
    return said


def doubts(fit: LtvFit) -> list[str]:
    """What speaks against the models on this base."""
    found = []
    if fit.visits_method == LtvFit.Method.PRIOR:
        found.append(
            _("The visits alone do not settle the model (%(why)s), so prior knowledge helps: treat with care.")
            % {"why": why_not(fit.visits_reason)}
        )
    if fit.correlation is not None and abs(fit.correlation) > NOTABLE_CORRELATION:
        found.append(
            _(
                "The bill goes with the number of visits (correlation %(r)s); the model of the bill supposes that it "
                "does not."
            )
            % {"r": wording.number(fit.correlation, 2)}
        )
    return found


@dataclass
class Fallen:
    """A patient whose value is falling, with the cause in words."""

    membership: Membership
    why: str
    was: float | None
    expected: Any  # on the day of the fall
    now: Any  # by the last night


def fallen(members: list[Membership]) -> list[Fallen]:
    return [_fallen(one) for one in members]


def _fallen(one: Membership) -> Fallen:
    cause = one.cause or {}
    forecast = getattr(one.patient, "forecast", None)
    now = forecast.money_12m if forecast else None
    if "expected" in cause:
        return Fallen(one, cause_words(cause), cause.get("was"), cause["expected"], now)
    # Who was falling on the first night that looked has no cause of a move.
    return Fallen(one, "", None, None, now)
