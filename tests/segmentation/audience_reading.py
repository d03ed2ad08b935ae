"""A second reading of docs/audience.md: conditions evaluated patient by patient in plain Python, from plain rows."""

import calendar
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from patients.models import Consent, Feedback, Patient, Payment, Service, Visit, VisitItem
from segmentation.models import Forecast, Membership, Metrics, Score, Segment

MOSCOW = ZoneInfo("Europe/Moscow")
DAY = dt.timedelta(days=1)
Leaf = dict[str, Any]


class Person:
    """Everything known about one kept card; facts of the cards merged into it are its own."""

    def __init__(self, card: Patient, as_of: dt.date) -> None:
        self.card, self.as_of = card, as_of
        cards = [card.pk, *Patient.objects.filter(merged_into=card).values_list("pk", flat=True)]
        self.visits = list(Visit.objects.filter(patient__in=cards, deleted_at=None).order_by("starts_at", "pk"))
        self.items: dict[int, set[int]] = {}
        for visit, service in VisitItem.objects.filter(visit__in=self.visits).values_list("visit", "service"):
            self.items.setdefault(visit, set()).add(service)
        self.groups = dict(Service.objects.values_list("pk", "group"))
        self.payments = list(Payment.objects.filter(patient__in=cards, deleted_at=None))
        self.feedback = list(Feedback.objects.filter(patient__in=cards).order_by("given_at", "score"))
        self.consents = list(Consent.objects.filter(patient=card))
        self.memberships = list(Membership.objects.filter(patient=card).select_related("segment__segmentation"))
        self.metrics = Metrics.objects.filter(patient=card).first()
        self.score = Score.objects.filter(patient=card).first()
        self.forecast = Forecast.objects.filter(patient=card).first()


def step(window: dict[str, Any], number: int) -> relativedelta:
    return relativedelta(**{window["unit"]: number})


def back(day: dt.date | None, window: dict[str, Any] | None, as_of: dt.date) -> bool:
    """In (as_of − to, as_of − from]; without a window any day that has come."""
    if day is None:
        return False
    if not window:
        return day <= as_of
    if day > as_of - step(window, window.get("from") or 0):
        return False
    return window.get("to") is None or day > as_of - step(window, window["to"])


def forth(day: dt.date | None, window: dict[str, Any] | None, as_of: dt.date) -> bool:
    """In [as_of + from, as_of + to)."""
    if day is None:
        return False
    if not window:
        return day >= as_of
    if day < as_of + step(window, window.get("from") or 0):
        return False
    return window.get("to") is None or day < as_of + step(window, window["to"])


def compared(value: Any, leaf: Leaf) -> bool:
    asked = leaf.get("value")
    match leaf["is"]:
        case "known":
            return value is not None
        case "unknown":
            return value is None
    if value is None:
        return False
    value = round(float(value), 6)
    match leaf["is"]:
        case "at_least":
            return value >= asked
        case "at_most":
            return value <= asked
        case "between":
            return asked[0] <= value <= asked[1]
    return value == asked


def dated(day: dt.date | None, leaf: Leaf, as_of: dt.date) -> bool:
    match leaf["is"]:
        case "known":
            return day is not None
        case "unknown":
            return day is None
        case "ago":
            return back(day, leaf["value"], as_of)
        case "ahead":
            return forth(day, leaf["value"], as_of)
        case "since":
            return day is not None and day >= dt.date.fromisoformat(leaf["value"])
    return day is not None and day <= dt.date.fromisoformat(leaf["value"])


def one_of(value: Any, leaf: Leaf) -> bool:
    known = value not in (None, "")
    match leaf["is"]:
        case "known":
            return known
        case "unknown":
            return not known
        case "in":
            return known and value in leaf["value"]
    return not known or value not in leaf["value"]


def often(number: int, leaf: Leaf) -> bool:
    count = leaf.get("count")
    if not count:
        return number >= 1
    return (count.get("at_least") or 0) <= number <= count.get("at_most", 10**9)


def age(born: dt.date | None, as_of: dt.date) -> int | None:
    return None if born is None else relativedelta(as_of, born).years if born.day != 29 or born.month != 2 else (
        as_of.year - born.year - ((as_of.month, as_of.day) < (2, 29))
    )  # fmt: skip


def birthdays(person: Person, leaf: Leaf) -> bool:
    born, as_of = person.card.birth_date, person.as_of
    if born is None:
        return False
    days = [
        dt.date(year, born.month, min(born.day, calendar.monthrange(year, born.month)[1]))
        for year in range(as_of.year - 40, as_of.year + 40)
    ]
    match leaf["is"]:
        case "this_month":
            return any((day.year, day.month) == (as_of.year, as_of.month) for day in days)
        case "next_month":
            following = as_of.replace(day=1) + relativedelta(months=1)
            return any((day.year, day.month) == (following.year, following.month) for day in days)
        case "ago":
            return leaf["value"].get("to") is None or any(back(day, leaf["value"], as_of) for day in days)
    return leaf["value"].get("to") is None or any(forth(day, leaf["value"], as_of) for day in days)


def rendered(person: Person, visit: Visit, leaf: Leaf) -> bool:
    if not leaf.get("services") and not leaf.get("groups"):
        return True
    wanted = set(leaf.get("services") or ())
    wanted |= {service for service, group in person.groups.items() if group in (leaf.get("groups") or ())}
    return bool(person.items.get(visit.pk, set()) & wanted)


def placed(visit: Visit, leaf: Leaf) -> bool:
    return (not leaf.get("branch") or visit.branch_id in leaf["branch"]) and (
        not leaf.get("doctor") or visit.doctor_id in leaf["doctor"]
    )


def visits(person: Person, leaf: Leaf) -> bool:
    as_of = person.as_of
    if leaf["is"] in ("first", "last"):
        done = [
            visit for visit in person.visits
            if visit.status == "completed" and visit.starts_on <= as_of and rendered(person, visit, leaf)
        ]  # fmt: skip
        if not done:
            return False
        visit = done[0 if leaf["is"] == "first" else -1]
        return back(visit.starts_on, leaf.get("ago"), as_of) and placed(visit, leaf)
    state = leaf.get("state") or "completed"
    mine = [
        visit for visit in person.visits
        if visit.status == state and back(visit.starts_on, leaf.get("ago"), as_of) and placed(visit, leaf)
        and rendered(person, visit, leaf)
    ]  # fmt: skip
    return often(len(mine), leaf)


def appointment(person: Person, leaf: Leaf) -> bool:
    return any(
        visit.status in ("booked", "confirmed") and forth(visit.starts_on, leaf.get("ahead"), person.as_of)
        and placed(visit, leaf) and rendered(person, visit, leaf)
        for visit in person.visits
    )  # fmt: skip


def _payments(person: Person, leaf: Leaf) -> list[Payment]:
    return [
        payment for payment in person.payments
        if back(payment.paid_on, leaf.get("ago"), person.as_of)
        and (not leaf.get("kind") or payment.kind in leaf["kind"])
    ]  # fmt: skip


def paid(person: Person, leaf: Leaf) -> bool:
    signs = {"refund": -1}
    return compared(sum((signs.get(one.kind, 1) * one.amount for one in _payments(person, leaf)), Decimal(0)), leaf)


def discount(person: Person, leaf: Leaf) -> bool:
    def fits(visit: Visit) -> bool:
        if visit.status != "completed" or not back(visit.starts_on, leaf.get("ago"), person.as_of):
            return False
        if leaf.get("branch") and visit.branch_id not in leaf["branch"]:
            return False
        if leaf["is"] == "any":
            return visit.discount > 0
        codes = [code.lower() for code in leaf.get("promo") or ()]
        return visit.promo_code.lower() in codes if codes else bool(visit.promo_code)

    return often(sum(map(fits, person.visits)), leaf)


def given_on(one: Feedback) -> dt.date:
    return one.given_at.astimezone(MOSCOW).date()


def complaint(person: Person, leaf: Leaf) -> bool:
    mine = [one for one in person.feedback if one.complaint and back(given_on(one), leaf.get("ago"), person.as_of)]
    return often(len(mine), leaf)


def score(person: Person, leaf: Leaf) -> bool:
    known = [one for one in person.feedback if one.score is not None and given_on(one) <= person.as_of]
    if leaf["is"] == "last":
        known = known[-1:]
    low, high = leaf["value"]
    return any(low <= (one.score or 0) <= high and back(given_on(one), leaf.get("ago"), person.as_of) for one in known)


def consent(person: Person, leaf: Leaf) -> bool:
    end = dt.datetime.combine(person.as_of + DAY, dt.time(), MOSCOW)
    mine = [
        one for one in person.consents
        if one.purpose == (leaf.get("purpose") or "marketing") and one.channel in leaf["value"] and one.at < end
    ]  # fmt: skip
    in_force = [one for one in mine if one.until is None or one.until >= end]
    return {
        "given": any(one.granted for one in in_force),
        "not_given": not any(one.granted for one in in_force),
        "refused": any(not one.granted for one in in_force),
        "never_asked": not mine,
    }[leaf["is"]]


def code_of(segment: Segment | None) -> str:
    return f"{segment.segmentation.code}:{segment.code}" if segment else ""


def segment(person: Person, leaf: Leaf) -> bool:
    as_of, window = person.as_of, leaf.get("ago")
    mine = [one for one in person.memberships if code_of(one.segment) in leaf["value"]]

    def lasted_within(one: Membership) -> bool:
        last = as_of - step(window, window.get("from") or 0) if window else as_of
        first = as_of - step(window, window["to"]) + DAY if window and window.get("to") is not None else dt.date.min
        return one.entered_on <= last and (one.left_on is None or one.left_on > first)

    now = any(one.entered_on <= as_of and (one.left_on is None or one.left_on > as_of) for one in mine)
    match leaf["is"]:
        case "in":
            return now
        case "not_in":
            return not now
        case "was_in":
            return any(map(lasted_within, mine))
        case "left":
            return any(one.left_on and back(one.left_on, window, as_of) for one in mine)
    from_where = leaf.get("from")
    return any(
        back(one.entered_on, window, as_of) and (not from_where or code_of(one.came_from) in from_where) for one in mine
    )


def _metric(name: str) -> Callable[[Person, Leaf], bool]:
    def read(person: Person, leaf: Leaf) -> bool:
        return compared(getattr(person.metrics, name), leaf) if person.metrics else leaf["is"] == "unknown"

    return read


def _metric_day(name: str) -> Callable[[Person, Leaf], bool]:
    return lambda person, leaf: dated(getattr(person.metrics, name, None), leaf, person.as_of)


def _metric_reference(name: str) -> Callable[[Person, Leaf], bool]:
    return lambda person, leaf: one_of(getattr(person.metrics, name, None), leaf)


def _score(name: str) -> Callable[[Person, Leaf], bool]:
    def read(person: Person, leaf: Leaf) -> bool:
        return compared(getattr(person.score, name), leaf) if person.score else leaf["is"] == "unknown"

    return read


def _forecast(name: str, times: int = 1) -> Callable[[Person, Leaf], bool]:
    def read(person: Person, leaf: Leaf) -> bool:
        value = getattr(person.forecast, name, None)
        return compared(None if value is None else value * times, leaf)

    return read


def _share(person: Person, leaf: Leaf) -> bool:
    share = person.metrics.discount_share if person.metrics else None
    return compared(None if share is None else share * 100, leaf)


def _card(name: str) -> Callable[[Person, Leaf], bool]:
    return lambda person, leaf: one_of(getattr(person.card, name), leaf)


def _flag(name: str) -> Callable[[Person, Leaf], bool]:
    return lambda person, leaf: bool(getattr(person.card, name)) == (leaf["is"] == "yes")


def registered(person: Person, leaf: Leaf) -> bool:
    at = person.card.registered_at
    return dated(at.astimezone(MOSCOW).date() if at else None, leaf, person.as_of)


def _band(person: Person, leaf: Leaf) -> bool:
    band = person.score.profit_band if person.score else None
    return one_of(None if band is None else str(band), leaf)


READINGS: dict[str, Callable[[Person, Leaf], bool]] = {
    "age": lambda person, leaf: compared(age(person.card.birth_date, person.as_of), leaf),
    "birthday": birthdays, "registered": registered,
    **{code: _card(code) for code in ("sex", "city", "language")},
    "home_branch": _card("branch_id"), "channel": _card("channel_id"),
    "guardian": _flag("guardian_id"), "referred": _flag("referred_by_id"),
    "has_phone": _flag("phone"), "has_email": _flag("email"),
    "service_visit": visits, "visit": visits, "appointment": appointment,
    "paid": paid, "payment": lambda person, leaf: often(len(_payments(person, leaf)), leaf),
    "discount": discount, "complaint": complaint, "score": score, "consent": consent, "segment": segment,
    **{
        code: _metric(code)
        for code in (
            "visits", "visits_365", "cancelled", "no_shows", "cancelled_365", "money", "money_365", "average_bill",
            "margin_365", "last_nps", "complaints", "complaints_365",
        )
    },
    "discount_share": _share,
    "last_visit": _metric_day("last_visit_on"), "first_visit": _metric_day("first_visit_on"),
    "due": _metric_day("due_on"), "next_visit": _metric_day("next_visit_on"),
    "main_service": _metric_reference("main_service_id"), "first_service": _metric_reference("first_service_id"),
    "last_doctor": _metric_reference("last_doctor_id"), "first_doctor": _metric_reference("first_doctor_id"),
    "last_branch": _metric_reference("last_branch_id"),
    **{code: _score(code) for code in ("r", "f", "m", "ltv")}, "profit_band": _band,
    "p_alive": _forecast("p_alive", 100), "expected_visits": _forecast("visits_12m"),
    "expected_12m": _forecast("money_12m"),
    "expected_on": lambda person, leaf: dated(getattr(person.forecast, "next_visit_on", None), leaf, person.as_of),
}  # fmt: skip


def holds(person: Person, tree: Any) -> bool:
    if not tree:
        return True
    if "all" in tree:
        return all(holds(person, child) for child in tree["all"])
    if "any" in tree:
        return any(holds(person, child) for child in tree["any"])
    if "not" in tree:
        return not holds(person, tree["not"])
    return READINGS[tree["attribute"]](person, tree)


def everybody(as_of: dt.date) -> list[Person]:
    return [Person(card, as_of) for card in Patient.objects.filter(deleted_at=None, merged_into=None).order_by("pk")]
