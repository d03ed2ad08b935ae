"""The ladder of a rule as plain values: what a form, a ready rule and the rows can be compared by."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from triggers.models import TriggerRule, TriggerStep


@dataclass(frozen=True)
class Draft:
    """A step that is no row yet. `templates` are their ids by channel; the channels are those that have one."""

    offset: int
    unit: str
    at: datetime.time | None
    useful_hours: int
    templates: Mapping[str, int]
    offer_id: int | None = None


def current(rule: TriggerRule) -> list[TriggerStep]:
    """The steps in use, in order, with their templates."""
    if rule.pk is None:
        return []
    return list(rule.steps.filter(retired_at__isnull=True).order_by("position").prefetch_related("templates__template"))


def draft_of(step: TriggerStep) -> Draft:
    return Draft(
        step.offset, step.unit, step.at, step.useful_hours,
        {row.channel: row.template_id for row in step.templates.all()}, step.offer_id,
    )  # fmt: skip
