"""docs/metrics.md written down a second time, in plain Python over raw rows: slow, obvious, sharing no code."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from patients.models import Consent, Feedback, Patient, Payment, Service, Visit, VisitItem
from segmentation.models import LearnedCycle

CLINIC = ZoneInfo("Europe/Moscow")
Day = dt.date
DAY = dt.timedelta(days=1)


@dataclass
class Facts:
    """Every row of the clinic as it is stored now."""

    people: dict[int, Any] = field(default_factory=lambda: {row.pk: row for row in Patient.objects.all()})
    consents: list[Any] = field(default_factory=lambda: list(Consent.objects.all()))
    services: dict[int, Any] = field(default_factory=lambda: {row.pk: row for row in Service.objects.all()})

    def __post_init__(self) -> None:
        self.visits = self._by_card(Visit)
        self.payments = self._by_card(Payment)
        self.feedback = self._by_card(Feedback)
        self.items: dict[int, list[Any]] = defaultdict(list)
        for item in VisitItem.objects.all():
            self.items[item.visit_id].append(item)
        self.learned: dict[int, list[Any]] = defaultdict(list)
        for row in LearnedCycle.objects.all():
            self.learned[row.service_id].append(row)
        self.merged: dict[int, list[int]] = defaultdict(list)
        for person in self.people.values():
            if person.merged_into_id:
                self.merged[person.merged_into_id].append(person.pk)

    @staticmethod
    def _by_card(model: Any) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        for row in model.objects.all():
            if getattr(row, "deleted_at", None) is None:
                found[row.patient_id].append(row)
        return found

    def living(self) -> list[int]:
        """Deleted and merged cards have no metrics; every other patient has a row."""
        return sorted(pk for pk, person in self.people.items() if not person.deleted_at and not person.merged_into_id)

    def of(self, kind: dict[int, list[Any]], patient: int) -> list[Any]:
        """Rows of the patient and of the cards merged into this one."""
        return [row for card in (patient, *self.merged[patient]) for row in kind[card]]


def kopecks(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def clinic_day(at: dt.datetime) -> Day:
    return at.astimezone(CLINIC).date()


def interval(facts: Facts, service: Any, person: Any, last: Day) -> int | None:
    """Set by hand, 0 for "never"; else learned for the sex and age of the last use, or for everybody."""
    if service.recall_days is not None:
        return min(service.recall_days, 36500) or None
    rows = facts.learned[service.pk] if service.learn_recall else []
    for everybody in (row for row in rows if not row.sex):
        scatter = (everybody.days_to - everybody.days_from) / everybody.days
        if everybody.returning < 0.5 or everybody.days < 21 or scatter > 0.75:
            return None
    age = years(person.birth_date, last)
    mine = [row for row in rows if row.sex and row.sex == person.sex and age is not None and age >= row.age_from]
    mine = [row for row in mine if row.age_to is None or age <= row.age_to]  # type: ignore[operator]
    return next((row.days for row in [*mine, *(row for row in rows if not row.sex)]), None)


def years(born: Day | None, day: Day) -> int | None:
    if born is None or born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def rhythms_of(facts: Facts, patient: int, as_of: Day) -> dict[int, dict[str, Any]]:
    """Service -> the columns of ServiceRhythm."""
    days: dict[int, set[Day]] = defaultdict(set)
    money: dict[int, Decimal] = defaultdict(Decimal)
    for visit in completed(facts, patient, as_of):
        for item in facts.items[visit.pk]:
            days[item.service_id].add(visit.starts_on)
            money[item.service_id] += item.quantity * item.price - item.discount
    found = {}
    for service, came in days.items():
        first, last = min(came), max(came)
        recall = interval(facts, facts.services[service], facts.people[patient], last)
        found[service] = {
            "visits": len(came),
            "first_on": first,
            "last_on": last,
            "interval_days": (last - first).days / (len(came) - 1) if len(came) > 1 else None,
            "money": kopecks(money[service]),
            "due_on": last + recall * DAY if recall else None,
        }
    return found


def completed(facts: Facts, patient: int, as_of: Day) -> list[Any]:
    rows = (v for v in facts.of(facts.visits, patient) if v.status == "completed" and v.starts_on <= as_of)
    return sorted(rows, key=lambda visit: visit.starts_at)


def metrics_of(facts: Facts, patient: int, as_of: Day) -> dict[str, Any]:
    """The columns of Metrics but `as_of`; a doctor or branch with an equal moment beside is a set of possible ones."""
    done = completed(facts, patient, as_of)
    rhythms = rhythms_of(facts, patient, as_of)
    return {
        **_visits(facts, patient, done, as_of),
        **_money(facts, patient, done, as_of),
        **_due(done, rhythms),
        **_answers(facts, patient, as_of),
        **_services(rhythms),
        "first_doctor_id": _named(done, "doctor_id"),
        "last_doctor_id": _named(done[::-1], "doctor_id"),
        "last_branch_id": _named(done[::-1], "branch_id"),
    }


def _visits(facts: Facts, patient: int, done: list[Any], as_of: Day) -> dict[str, Any]:
    since = as_of - 365 * DAY
    every = facts.of(facts.visits, patient)
    missed = [v for v in every if v.status in ("cancelled", "no_show") and v.starts_on <= as_of]
    ahead = [v.starts_on for v in every if v.status in ("booked", "confirmed") and v.starts_on >= as_of]
    days = sorted({v.starts_on for v in done})
    return {
        "first_visit_on": days[0] if days else None,
        "last_visit_on": days[-1] if days else None,
        "visits": len(done),
        "visit_days": len(days),
        "visits_365": sum(v.starts_on > since for v in done),
        "cancelled": sum(v.status == "cancelled" for v in missed),
        "no_shows": sum(v.status == "no_show" for v in missed),
        "cancelled_365": sum(v.starts_on > since for v in missed),
        "next_visit_on": min(ahead, default=None),
        "lifetime_days": (days[-1] - days[0]).days if days else None,
        "own_interval_days": own_interval(days),
    }


def own_interval(days: list[Day]) -> float | None:
    gaps = [(b - a).days for a, b in pairwise(days)]
    return float(median(gaps)) if gaps else None


def _money(facts: Facts, patient: int, done: list[Any], as_of: Day) -> dict[str, Any]:
    since, zero = as_of - 365 * DAY, Decimal(0)
    paid = [p for p in facts.of(facts.payments, patient) if p.paid_on <= as_of]
    signed = [(p.paid_on, -p.amount if p.kind == "refund" else p.amount) for p in paid]
    money = sum((amount for _day, amount in signed), zero)
    money_365 = sum((amount for day, amount in signed if day > since), zero)
    cost = sum((v.cost for v in done), zero)
    discount, billed = sum((v.discount for v in done), zero), sum((v.amount for v in done), zero)
    return {
        "money": money,
        "money_365": money_365,
        "refunds": sum((p.amount for p in paid if p.kind == "refund"), zero),
        "cost": cost,
        "margin": money - cost,
        "margin_365": money_365 - sum((v.cost for v in done if v.starts_on > since), zero),
        "discount": discount,
        "discount_share": float(discount / (billed + discount)) if billed + discount else None,
        "average_bill": kopecks(money / len(done)) if done else None,
    }


def _due(done: list[Any], rhythms: dict[int, dict[str, Any]]) -> dict[str, Any]:
    days = sorted({v.starts_on for v in done})
    if not days:
        return {"cycle_days": None, "due_on": None}
    habit = own_interval(days) if len(days) >= 3 else None
    current = []
    for rhythm in rhythms.values():
        recall = (rhythm["due_on"] - rhythm["last_on"]).days if rhythm["due_on"] else None
        if recall and (days[-1] - rhythm["last_on"]).days <= 2 * recall:
            current.append((-rhythm["visits"], -rhythm["last_on"].toordinal(), recall, rhythm["due_on"]))
    words = []
    for visit in done:
        if visit.return_due_on:
            wait = (visit.return_due_on - visit.starts_on).days
            if not any((day - visit.starts_on).days >= 0.75 * wait for day in days):
                words.append(visit.return_due_on)
    due = [*words, *(entry[3] for entry in current)]
    return {
        "cycle_days": float(min(current)[2]) if current else habit,
        "due_on": min(due) if due else days[-1] + ceil(habit) * DAY if habit is not None else None,
    }


def _answers(facts: Facts, patient: int, as_of: Day) -> dict[str, Any]:
    said = [f for f in facts.of(facts.feedback, patient) if clinic_day(f.given_at) <= as_of]
    scored = [(f.given_at.replace(microsecond=0), f.score) for f in said if f.score is not None]
    complaints = [clinic_day(f.given_at) for f in said if f.complaint]
    last = max(scored, default=None)
    return {
        "answers": len(scored),
        "last_nps": last[1] if last else None,
        "last_answer_on": clinic_day(last[0]) if last else None,
        "complaints": len(complaints),
        "complaints_365": sum(day > as_of - 365 * DAY for day in complaints),
    }


def _services(rhythms: dict[int, dict[str, Any]]) -> dict[str, Any]:
    def best(rank: Any) -> int | None:
        return min(rhythms, key=lambda service: (*rank(rhythms[service]), service), default=None)

    return {
        "first_service_id": best(lambda r: (r["first_on"], -r["visits"])),
        "last_service_id": best(lambda r: (-r["last_on"].toordinal(), -r["visits"])),
        "main_service_id": best(lambda r: (-r["visits"], -r["last_on"].toordinal())),
    }


def _named(visits: Iterable[Any], name: str) -> set[int | None]:
    """Who or where at the first of these visits that names one; all who are named at the very same moment."""
    named = [visit for visit in visits if getattr(visit, name) is not None]
    return {getattr(visit, name) for visit in named if visit.starts_at == named[0].starts_at} or {None}
