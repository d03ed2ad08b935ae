"""What clusters can be looked for by: features of patients with their words and units.

A reader chooses features. Two of them, the mix of services and the acquisition channel, become several columns of the
matrix: one for each of the largest groups of services or channels of the base (`mix:7` is the group of services 7). A
fit remembers its columns, so that every night asks for the same ones.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from patients import wording
from patients.models import AcquisitionChannel, ServiceGroup

Words = Promise | str
# A query of rows (patient_id, sent, clicked, booked) about messages up to a day, and its parameters.
Responses = Callable[[date], tuple[str, dict[str, Any]]]

GROUPS: dict[str, Promise] = {
    "person": _("Age and sex"),
    "bill": _("Bill"),
    "rhythm": _("Rhythm"),
    "due": _("Distance from the next visit"),
    "mix": _("Services"),
    "hours": _("Hour and day of the week"),
    "discounts": _("Discounts"),
    "channel": _("Where they came from"),
    "response": _("Response to messages"),
    "forecast": _("Forecast"),
}


@dataclass(frozen=True)
class Feature:
    """One feature. `unit`: years, money, days, visits, times, share, yes (0 or 1) or hour.

    `spread`: stands for several columns.
    """

    code: str
    group: str
    label: Words
    help: Words
    unit: str
    spread: bool = False

    def say(self, value: float | None) -> str:
        """A value of this feature, or the mean of many, in the reader's words."""
        return wording.DASH if value is None else _SAY[self.unit](float(value))


def _years(value: float) -> str:
    return ngettext("%(n)s year", "%(n)s years", round(value)) % {"n": wording.number(round(value))}


def _clock(value: float) -> str:
    minutes = round(value * 60)
    return f"{minutes // 60 % 24}:{minutes % 60:02d}"


_SAY: dict[str, Callable[[float], str]] = {
    "years": _years,
    "money": wording.money,
    "days": wording.days,
    "visits": lambda value: wording.number(value, 0 if value.is_integer() else 1),
    "times": lambda value: wording.number(value, 1),
    "share": wording.share,
    "yes": wording.share,
    "hour": _clock,
}

_STATIC: tuple[Feature, ...] = (
    Feature("age", "person", _("age"), _("Full years and part of a year since birth."), "years"),
    Feature("female", "person", _("women"), _("1 for a woman, 0 for a man; the mean is the share of women."), "yes"),
    Feature("average_bill", "bill", _("average bill"), _("Paid in all ÷ visits."), "money"),
    Feature("money_365", "bill", _("paid in a year"), _("Paid within 365 days, refunds deducted."), "money"),
    Feature("margin", "bill", _("margin in all"), _("Paid minus the cost of what was rendered."), "money"),
    Feature("visits_365", "rhythm", _("visits in a year"), _("Completed visits within 365 days."), "visits"),
    Feature(
        "own_interval_days", "rhythm", _("days between visits"),
        _("The median of the days between the days on which the patient came; from the second on."), "days",
    ),
    Feature("lifetime_days", "rhythm", _("days with the clinic"), _("From the first visit to the last."), "days"),
    Feature("since_days", "rhythm", _("days since the last visit"), _("Counted on the day of the night."), "days"),
    Feature(
        "cycles_since", "due", _("cycles since the last visit"),
        _("Days since the last visit ÷ the expected cycle: 1 means that the patient is due."), "times",
    ),
    Feature(
        "overdue_days", "due", _("days past the due date"),
        _("Below zero while the day on which the next visit is due lies ahead."), "days",
    ),
    Feature(
        "mix", "mix", _("mix of services"),
        _("What share of the patient's money went to each of the largest groups of services."), "share", spread=True,
    ),
    Feature(
        "hour", "hours", _("usual hour"), _("Mean hour at which the patient's completed visits begin, by the clock of "
                                           "the branch."), "hour",
    ),
    Feature("weekend_share", "hours", _("weekend visits"), _("Share of visits on Saturday and Sunday."), "share"),
    Feature("discount_share", "discounts", _("discount share"), _("Discounts ÷ full price, over all time."), "share"),
    Feature(
        "channel", "channel", _("acquisition channel"),
        _("Whether the patient came from each of the channels that bring most."), "yes", spread=True,
    ),
    Feature(
        "clicked_share", "response", _("follows links"),
        _("Share of the messages that were sent after which the patient followed a link. Unknown without messages."),
        "share",
    ),
    Feature(
        "booked_share", "response", _("comes after a message"),
        _("Share of the messages that were sent after which a visit came about. Unknown without messages."), "share",
    ),
    Feature(
        "p_alive", "forecast", _("P(alive)"),
        _("Probability that the patient has not left for good. Unknown of who came on one day."), "share",
    ),
    Feature(
        "money_12m", "forecast", _("expected in 12 months"),
        _("What the patient is expected to pay in the year ahead."), "money",
    ),
)  # fmt: skip
FEATURES: dict[str, Feature] = {feature.code: feature for feature in _STATIC}
DEFAULT = ("age", "average_bill", "visits_365", "mix")

_responses: list[Responses] = []


def register_responses(query: Responses) -> None:
    """Called by the app that sends messages: the segments know nothing of them."""
    _responses[:] = [query]


def responses() -> Responses | None:
    return _responses[0] if _responses else None


def offered() -> list[tuple[str, Promise, list[Feature]]]:
    """(code, title, features) of every group a reader can choose from."""
    known = [feature for feature in _STATIC if feature.group != "response" or _responses]
    groups = [(code, title, [one for one in known if one.group == code]) for code, title in GROUPS.items()]
    return [group for group in groups if group[2]]


def columns_of(codes: Iterable[str]) -> dict[str, Feature]:
    """The features behind columns of a fit, by their codes; at most two queries. A group of services that is gone
    keeps its place without a name."""
    wanted = list(codes)
    names = {"mix": _names(ServiceGroup, wanted, "mix"), "channel": _names(AcquisitionChannel, wanted, "channel")}
    found: dict[str, Feature] = {}
    for code in wanted:
        kind, colon, number = code.partition(":")
        if not colon:
            if code in FEATURES:
                found[code] = FEATURES[code]
            continue
        parent = FEATURES[kind]
        name = names[kind].get(int(number), gettext("no longer there"))
        label = gettext("money for “%(name)s”") if kind == "mix" else gettext("came from “%(name)s”")
        found[code] = Feature(code, parent.group, label % {"name": name}, parent.help, parent.unit)
    return found


def _names(model: type[ServiceGroup] | type[AcquisitionChannel], codes: Iterable[str], kind: str) -> dict[int, str]:
    ids = [int(code.partition(":")[2]) for code in codes if code.startswith(f"{kind}:")]
    return dict(model._default_manager.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
