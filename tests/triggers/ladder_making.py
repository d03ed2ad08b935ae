"""Builders for the tests of ladders: firings as the engine leaves them, and appointments for services."""

import datetime
import itertools
from typing import Any

from patients.models import Branch, Integration, Patient, Service, ServiceGroup, Visit, VisitItem
from tests.campaigns.making import NOW, make_visit
from triggers.models import Firing, FiringStep, TriggerRule

_numbers = itertools.count(1)
HOUR, DAY, MINUTE = datetime.timedelta(hours=1), datetime.timedelta(days=1), datetime.timedelta(minutes=1)


def make_service(name: str = "Линзы", group: ServiceGroup | None = None, **fields: Any) -> Service:
    source, _created = Integration.objects.get_or_create(code="test")
    return Service.objects.create(name=name, group=group, source=source, external_id=f"s{next(_numbers)}", **fields)


def fired(
    rule: TriggerRule, patient: Patient, *dues: datetime.datetime, since: datetime.datetime = NOW - 30 * DAY,
    branch: Branch | None = None, **fields: Any,
) -> Firing:  # fmt: skip
    """An open firing whose steps wait for these moments, by position; one moment does for a ladder of one step."""
    steps = list(rule.steps.filter(retired_at__isnull=True).order_by("position"))
    dues = dues or (NOW,) * len(steps)
    firing = Firing.objects.create(
        rule=rule, patient=patient, occasion=f"o{next(_numbers)}", anchor_at=dues[0], since=since, first_due=dues[0],
        found_at=dues[0], branch=branch, **fields,
    )  # fmt: skip
    FiringStep.objects.bulk_create(
        FiringStep(firing=firing, step=step, due_at=due, useful_until=due + HOUR * step.useful_hours)
        for step, due in zip(steps, dues, strict=True)
    )
    return firing


def fired_many(rule: TriggerRule, patients: list[Patient], due: datetime.datetime = NOW, **fields: Any) -> list[Firing]:
    return [fired(rule, patient, due, **fields) for patient in patients]


def booking(
    patient: Patient, *services: Service, at: datetime.datetime = NOW + 3 * DAY, status: str = "booked"
) -> Visit:
    visit = make_visit(patient, at, status)
    VisitItem.objects.bulk_create(VisitItem(visit=visit, service=service) for service in services)
    return visit


def cancel(visit: Visit) -> None:
    Visit.objects.filter(pk=visit.pk).update(status="cancelled")


def steps_of(firing: Firing) -> list[tuple[str, str]]:
    """(state, reason) of the steps, by position."""
    return list(firing.steps.order_by("step__position").values_list("state", "reason"))


def messages_of(firing: Firing) -> list[tuple[str, str]]:
    """(state, reason) of the messages, by step."""
    rows = firing.steps.filter(message__isnull=False).order_by("step__position")
    return list(rows.values_list("message__state", "message__reason"))


def states_of(rule: TriggerRule) -> list[str]:
    """Of the messages of a rule, by firing and step; "" for a step without one."""
    rows = FiringStep.objects.filter(firing__rule=rule).order_by("firing", "step__position")
    return [state or "" for state in rows.values_list("message__state", flat=True)]
