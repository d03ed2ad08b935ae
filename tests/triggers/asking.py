"""Asking a rule: what it finds in a stretch of time, and whether what it found is still there."""

import datetime
from typing import Any

from django.db import connection

from patients.models import Visit, VisitChange
from triggers import rule_types
from triggers.models import TriggerRule
from triggers.services import finding
from triggers.services.finding import Window

EVER = (datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))


def found(rule: TriggerRule, window: tuple[datetime.datetime, datetime.datetime] = EVER) -> list[dict[str, Any]]:
    """The rows of the engine, by patient and anchor."""
    query = finding.found(rule, Window(*window))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({query.sql}) found ORDER BY patient_id, anchor_at, occasion", query.params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def anchors(rule: TriggerRule) -> list[datetime.datetime]:
    return sorted(row["anchor_at"] for row in found(rule))


def withdrawn(rule: TriggerRule, now: datetime.datetime) -> bool:
    """Whether the only firing of the rule is no more."""
    condition = rule_types.of(rule.rule_type).withdrawn(rule.params)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {condition} FROM triggers_firing f WHERE f.rule_id = %(rule)s", {"rule": rule.pk, "now": now}
        )
        ((answer,),) = cursor.fetchall()
    return bool(answer)


def sentence(rule: TriggerRule) -> str:
    return rule_types.of(rule.rule_type).sentence(rule.params)


def explained(rule: TriggerRule, patient_id: int, now: datetime.datetime) -> list[bool]:
    """Which of its conditions hold."""
    return [clause.holds for clause in rule_types.of(rule.rule_type).explain(rule.params, patient_id, now)]


def note(visit: Visit, when: datetime.datetime, **fields: Any) -> None:
    """Change a visit; the database notes it, and here the note is dated."""
    Visit.objects.filter(pk=visit.pk).update(**fields)
    latest = VisitChange.objects.filter(visit=visit).latest("pk")
    VisitChange.objects.filter(pk=latest.pk).update(at=when)
