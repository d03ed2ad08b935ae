"""Where a call of a rule comes from: the rule, what it looks for, and what this occasion is about."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.selectors.call_origins import Origin, visit_words, zone_of
from patients import wording
from patients.models import Visit
from triggers.models import Firing, FiringStep
from triggers.selectors import words


def origins(message_ids: Sequence[int]) -> dict[int, Origin]:
    """By message, of those that are steps of ladders. One query."""
    about = ("firing__rule", "firing__service", "firing__branch", "firing__visit__branch", "firing__visit__doctor")
    steps = FiringStep.objects.filter(message__in=message_ids).select_related("step", *about)
    return {step.message_id: _origin(step) for step in steps if step.message_id}


def _origin(step: FiringStep) -> Origin:
    firing, rule = step.firing, step.firing.rule
    name = str(rule)
    service = str(firing.service) if firing.service else ""
    title = f"{name}: {service}" if service and service.casefold() not in name.casefold() else name
    url = reverse("trigger", args=[rule.pk])
    return Origin(
        _("Rule"), name, title, "ti-repeat", url, "triggers.view_triggerrule", sentence=words.sentence(rule),
        facts=tuple(_facts(firing)), about=service or (visit_words(firing.visit) if firing.visit else ""),
        visit_id=firing.visit_id,
    )  # fmt: skip


def _facts(firing: Firing) -> list[tuple[str, str]]:
    facts = []
    if firing.service:
        facts.append((_("Service"), str(firing.service)))
    if firing.visit:
        coming = firing.visit.status in (Visit.Status.BOOKED, Visit.Status.CONFIRMED)
        facts.append((_("Appointment") if coming else _("Visit"), visit_words(firing.visit)))
    else:
        day = firing.anchor_at.astimezone(zone_of(firing.branch)).date()
        facts.append((_("Day it is about"), wording.short_day(day)))
    return facts
