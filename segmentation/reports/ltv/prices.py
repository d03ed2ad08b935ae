"""Bills, discounts, packages: the sentence, the tables, the pictures, and whom to offer what."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients import wording
from patients.models import Branch, Service
from patients.models.catalogue import Sex
from segmentation.reports.pictures import Picture
from segmentation.scoring import pricing
from segmentation.scoring.intervals import Interval, Stratum
from segmentation.scoring.pricing import Demand, Sensitivity
from segmentation.selectors.prices import Back, Bills, Prices

SHOWN = 14
BANDS = tuple(band.replace("–", "\u2060–\u2060") for band in ("0–17", "18–29", "30–44", "45–59", "60+"))
# Full price, usual visits, nobody who has reasons to be angry.
PREMIUM_DISCOUNT, PREMIUM_VISITS = 5, 2
BUDGET_DISCOUNT, BUDGET_VISITS = 30, 3


@dataclass
class Compared:
    """Coming again after the full price and after a discount, for a service or a group of patients."""

    name: str
    back: Back
    found: Sensitivity

    @property
    def patients(self) -> int:
        return self.back.full_of + self.back.cut_of

    @property
    def tone(self) -> str:
        return {"sensitive": "good", "one_visit": "bad"}.get(self.found.answer, "")

    @property
    def words(self) -> str:
        return answer(self.found)

    @property
    def full(self) -> str:
        return share_of(self.found.full)

    @property
    def cut(self) -> str:
        return share_of(self.found.cut)

    @property
    def change(self) -> str:
        return change_of(self.found.change)


def answer(found: Sensitivity) -> str:
    """What the comparison says."""
    return {
        "sensitive": _("come again more after a discount"),
        "one_visit": _("come again less after a discount"),
        "same": _("no difference is shown"),
        "too_few": _("too few to tell"),
    }[found.answer]


def share_of(found: Interval | None) -> str:
    """A share with its bounds: «62 % (58–66)»."""
    if found is None:
        return wording.DASH
    if found.low is None or found.high is None:
        return wording.share(found.value)
    return f"{wording.share(found.value)} ({wording.number(100 * found.low)}–{wording.number(100 * found.high)})"


def change_of(found: Interval | None) -> str:
    """A difference with its bounds, in points: «−3,7 п. п. (от −6 до −2)», because a dash reads as a minus there."""
    if found is None or found.low is None or found.high is None:
        return wording.DASH
    bounds = _("from %(low)s to %(high)s") % {
        "low": wording.signed(100 * found.low), "high": wording.signed(100 * found.high)
    }  # fmt: skip
    return f"{wording.points(found.value)} ({bounds})"


def _compared(name: str, back: Back) -> Compared:
    return Compared(name, back, pricing.sensitivity(back.full_back, back.full_of, back.cut_back, back.cut_of))


def _within_services(name: str, services: dict[int, Back]) -> Compared:
    both, strata = Back(), []
    for back in services.values():
        both.add(cut=True, of=back.cut_of, back=back.cut_back)
        both.add(cut=False, of=back.full_of, back=back.full_back)
        strata.append(Stratum(back.cut_back, back.cut_of, back.full_back, back.full_of))
    return Compared(name, both, pricing.sensitivity_within(strata))


def everybody(found: Prices) -> Compared | None:
    services = found.back_by_group.get(("all", None))
    return _within_services(_("All patients"), services) if services else None


def services(found: Prices) -> list[Compared]:
    """Services with both kinds of patients, those with the clearest answer first."""
    names = _names(found)
    compared = [
        _compared(names[service], back)
        for service, back in found.back_by_service.items()
        if service in names and min(back.full_of, back.cut_of) >= pricing.FEW
    ]
    return sorted(compared, key=lambda one: -one.patients)[:SHOWN]


def groups(found: Prices) -> list[Compared]:
    """Newcomers and regulars, men and women, ages."""
    labels: list[tuple[str, str, str]] = [
        ("newcomer", "true", _("On their first visit")), ("newcomer", "false", _("On a later visit")),
        *(("sex", str(code), str(label).capitalize()) for code, label in Sex.choices),
        *(("band", str(n), _("Age %(years)s") % {"years": years}) for n, years in enumerate(BANDS, start=1)),
    ]  # fmt: skip
    back = found.back_by_group
    return [_within_services(name, back[feature, value]) for feature, value, name in labels if (feature, value) in back]


def headline(found: Prices) -> str:
    """Discounts of the year and whether they bring patients back."""
    if found.bills is None:
        return _("Nobody has paid for a visit within 365 days.")
    said = {
        "share": wording.share(found.bills.discount_share, 1), "bill": wording.money(found.bills.quantiles[2])
    }  # fmt: skip
    start = _("Half of the bills are above %(bill)s; discounts take %(share)s of the full price.") % said
    whole = everybody(found)
    if whole is None or whole.found.answer == "too_few":
        return start
    points = {"change": wording.points(whole.found.change.value if whole.found.change else None)}
    end = {
        "sensitive": _("For the same service, patients come again more often after a discount (%(change)s)."),
        "one_visit": _("For the same service, patients come again less often after a discount (%(change)s)."),
        "same": _("For the same service, patients come again alike after a discount and after the full price."),
    }[whole.found.answer]
    return f"{start} {end % points if '%(' in end else end}"


def sensitivity(compared: list[Compared]) -> Picture:
    """The difference by service."""
    return Picture(
        key="sensitivity",
        title=_("Who comes again: discount against full price"),
        note=_("Difference of the shares that came again within half a year, in points, by the service used"),
        columns=_sensitivity_columns(_("Service")),
        rows=[_sensitivity_row(one) for one in compared],
        config={
            "kind": "forest", "zero": _("no difference"),
            "rows": [
                {
                    "name": one.name, "value": one.found.change.value, "low": one.found.change.low,
                    "high": one.found.change.high, "text": change_of(one.found.change), "kind": "campaign",
                    "real": one.found.answer in ("sensitive", "one_visit"), "size": one.patients,
                }
                for one in compared
                if one.found.change
            ],
        },
        empty=_(
            "No service has 30 patients at the full price and 30 with a discount who could be watched for half a year."
        ),
        height=70 + 34 * max(len(compared), 3),
    )  # fmt: skip


def by_group(compared: list[Compared]) -> Picture:
    return Picture(
        key="groups", title=_("By who they are"), columns=_sensitivity_columns(_("Patients")),
        rows=[_sensitivity_row(one) for one in compared],
    )  # fmt: skip


def _sensitivity_columns(what: str) -> list[tuple[Any, str]]:
    return [
        (what, "text"), (_("At the full price"), "number"), (_("came again"), "share"),
        (_("With a discount"), "number"), (_("came again"), "share"), (_("Difference"), "share"),
        (_("not less than"), "share"), (_("not more than"), "share"), (_("Verdict"), "text"),
    ]  # fmt: skip


def _sensitivity_row(one: Compared) -> list[Any]:
    change = one.found.change
    return [
        one.name, one.back.full_of, one.found.full.value if one.found.full else None, one.back.cut_of,
        one.found.cut.value if one.found.cut else None,
        *((change.value, change.low, change.high) if change else [None] * 3), one.words,
    ]  # fmt: skip


def bills(found: Prices) -> Picture:
    """Quantiles of the bill: everywhere and by branch."""
    names = dict(Branch.objects.values_list("pk", "name"))
    parts: list[tuple[str, Bills]] = [(_("All"), found.bills)] if found.bills else []
    ranked = sorted(found.branches.items(), key=lambda item: -item[1].visits)
    parts += [(names.get(branch, _("not known")) if branch else _("not known"), one) for branch, one in ranked]
    return Picture(
        key="bills",
        title=_("Bills"),
        note=_("What was rendered at one visit of the last 365 days, after discounts"),
        columns=[
            (_("Branch"), "text"), (_("Visits"), "number"), (_("A tenth below"), "money"),
            (_("A quarter below"), "money"), (_("Median"), "money"), (_("A quarter above"), "money"),
            (_("A tenth above"), "money"), (_("Discounts of the full price"), "share"),
            (_("Visits with a discount"), "share"),
        ],
        rows=[
            [name, one.visits, *one.quantiles, one.discount_share, one.cut / one.visits] for name, one in parts
        ],
    )  # fmt: skip


def months(found: Prices) -> Picture:
    """The median bill and the share of discounts, month by month."""
    rows = [
        (month, median, discount / (billed + discount) if billed + discount > 0 else None)
        for month, billed, discount, median in found.months
    ]
    return Picture(
        key="months",
        title=_("Bill and discounts over time"),
        note=_("Median bill of a visit, and discounts as a share of the full price, by month"),
        columns=[(_("Month"), "date"), (_("Median bill"), "money"), (_("Discounts of the full price"), "share")],
        rows=[list(row) for row in reversed(rows)],
        config={
            "kind": "time",
            "series": [
                {"name": _("Median bill"), "type": "line", "unit": "money",
                 "data": [[month.isoformat(), round(median)] for month, median, _share in rows]},
                {"name": _("Discounts of the full price"), "type": "bar", "unit": "share", "axis": 1,
                 "data": [[month.isoformat(), share] for month, _median, share in rows]},
            ],
        },
    )  # fmt: skip


def by_service(found: Prices) -> Picture:
    """Price as it was paid, service by service."""
    names = _names(found)
    ranked = sorted(found.services.items(), key=lambda item: -item[1].full)
    return Picture(
        key="services",
        title=_("Services"),
        columns=[
            (_("Service"), "text"), (_("Times"), "number"), (_("Patients"), "number"),
            (_("Full price in all"), "money"),
            (_("A quarter below"), "money"), (_("Median paid"), "money"), (_("A quarter above"), "money"),
            (_("Discounts of the full price"), "share"), (_("Times with a discount"), "share"),
        ],
        rows=[
            [names[service], one.uses, one.patients, one.full, *one.quartiles,
             one.discount / one.full if one.full else None, one.cut / one.uses]
            for service, one in ranked
            if service in names
        ],
    )  # fmt: skip


@dataclass
class Wanted:
    """A service valuable patients ask for more than the others."""

    name: str
    service: int
    vips: int
    found: Demand

    @property
    def lift(self) -> str:
        lift = self.found.lift
        if lift is None or lift.low is None or lift.high is None:
            return wording.DASH
        return f"× {wording.number(lift.value, 1)} ({wording.number(lift.low, 1)}–{wording.number(lift.high, 1)})"


def wanted(found: Prices) -> list[Wanted]:
    """Services surely used more by VIPs than by the others, the surest first."""
    names = _names(found)
    shown = []
    for service, (vip, other) in found.demand.items():
        lift = pricing.demand(vip, found.vips, other, found.others)
        if service in names and lift and lift.lift and lift.lift.above(1.0) and vip >= 5:
            shown.append(Wanted(names[service], service, vip, lift))
    return sorted(shown, key=lambda one: -(one.found.lift.low or 0.0 if one.found.lift else 0.0))[:SHOWN]


def wanted_table(shown: list[Wanted]) -> Picture:
    return Picture(
        key="wanted",
        title=_("What VIPs ask for"),
        columns=[
            (_("Service"), "text"), (_("VIPs who used it"), "number"), (_("Of VIPs"), "share"),
            (_("Of the others"), "share"), (_("Times as often"), "decimal"), (_("not less than"), "decimal"),
            (_("not more than"), "decimal"),
        ],
        rows=[
            [one.name, one.vips, one.found.mine.value, one.found.others.value,
             *((one.found.lift.value, one.found.lift.low, one.found.lift.high) if one.found.lift else [None] * 3)]
            for one in shown
        ],
    )  # fmt: skip


def paid(found: Prices) -> dict[str, Any]:
    """How the money of the year came: single payments, packages, refunds."""
    single, package = found.paid.get("single", (0.0, 0)), found.paid.get("package", (0.0, 0))
    refund = found.paid.get("refund", (0.0, 0))
    came = single[0] + package[0]
    return {
        "package_share": package[0] / came if came else None, "package_patients": package[1],
        "refund_share": refund[0] / came if came else None, "came": came,
    }  # fmt: skip


def premium_tree(found: Prices) -> dict[str, Any] | None:
    """Who pays for usual what only a quarter pays, at the full price, and is content."""
    if not found.premium_bill:
        return None
    return {
        "all": [
            {"attribute": "average_bill", "is": "at_least", "value": round(found.premium_bill)},
            {"attribute": "discount_share", "is": "at_most", "value": PREMIUM_DISCOUNT},
            {"attribute": "visits_365", "is": "at_least", "value": PREMIUM_VISITS},
            {"attribute": "complaints_365", "is": "at_most", "value": 0},
        ]
    }


def budget_tree() -> dict[str, Any]:
    """Who comes for discounts again and again."""
    return {
        "all": [
            {"attribute": "discount_share", "is": "at_least", "value": BUDGET_DISCOUNT},
            {"attribute": "visits", "is": "at_least", "value": BUDGET_VISITS},
            {"attribute": "visits_365", "is": "at_least", "value": 1},
        ]
    }


def _names(found: Prices) -> dict[int, str]:
    ids = {*found.services, *found.back_by_service, *found.demand}
    return dict(Service.objects.filter(pk__in=ids).values_list("pk", "name"))
