"""The demonstration clinic's rules: switched on months ago, lived through, handed over to the workers of today."""

import datetime as dt
import logging
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from patients.models import Integration, Service
from triggers.demo import past
from triggers.demo.stories import STORIES, Story
from triggers.models import TriggerRule
from triggers.services import counting, looking, results, starters

log = logging.getLogger(__name__)
SOURCE = "demo"
EXTRA = "S11"  # what some take along with the service of the rule


@transaction.atomic
def seed(as_of: dt.date, rng_seed: int = 1) -> int:
    """Rules with their past up to the midnight `as_of` begins with; how many firings. They stay off until `go_on`: a
    night of the past must not look with the eyes of today. The same base, day and seed give the same rows."""
    source = Integration.objects.filter(code=SOURCE).first()
    if source is None:
        return 0
    starters.ensure()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE patients_patient, patients_visit, patients_visititem, patients_consent")
    services = dict(Service.objects.filter(source=source).values_list("external_id", "pk"))
    now, made = _midnight(as_of), 0
    for number, story in enumerate(STORIES):
        rule = TriggerRule.objects.filter(starter=story.starter).first()
        if rule is None or story.moves or rule.firings.exists():
            continue
        _prepare(rule, story, now, rng_seed)
        made += past.live_through(rule, _began(story, now), now, _visits(story, number, services, source.pk))
        log.info("%s: %s firings", story.starter, rule.firings.count())
    return made


@transaction.atomic
def go_on(as_of: dt.date, rng_seed: int = 1) -> int:
    """After the nights: what the visits that were brought have called for, moves between segments; then every rule is
    on since its day, has looked until the midnight `as_of` begins with, and is left to the workers. Rules on: how many.
    What a person has switched meanwhile stays."""
    source = Integration.objects.filter(code=SOURCE).first()
    if source is None:
        return 0
    now, on = _midnight(as_of), []
    for story in STORIES:
        rule = TriggerRule.objects.filter(starter=story.starter, enabled=False, enabled_at=None).first()
        if rule is None:
            continue
        began = _began(story, now)
        _prepare(rule, story, now, rng_seed)
        past.live_through(rule, began, now, among="" if story.moves else _who_came(source.pk))
        on.append(rule.pk)
        rule.enabled, rule.enabled_at, rule.looked_until, rule.horizon = True, began, now, looking.snapshot()
        rule.save(update_fields=["enabled", "enabled_at", "looked_until", "horizon", "updated_at"])
    if on:
        results.refresh_as_of(as_of, on)
        counting.refresh(now, everything=True)
    return len(on)


def _prepare(rule: TriggerRule, story: Story, now: dt.datetime, rng_seed: int) -> None:
    rule.salt = f"demo-{rng_seed}-{story.starter}"
    if story.holdout is not None:
        rule.holdout_percent = story.holdout
    rule.save(update_fields=["salt", "holdout_percent", "updated_at"])


def _visits(story: Story, number: int, services: dict[str, int], source: int) -> dict[str, Any] | None:
    if not story.lift:
        return None
    return {
        "lift": story.lift, "service": services[story.service], "extra": services[EXTRA], "source": source,
        "key": f"R{number:02d}",
    }  # fmt: skip


def _who_came(source: int) -> str:
    """Those whom the rules have brought: their visits have keys of their own."""
    return f"""SELECT patient_id FROM patients_visit
        WHERE source_id = {int(source)} AND external_id >= 'VR' AND external_id < 'VS'"""


def _began(story: Story, now: dt.datetime) -> dt.datetime:
    return now - dt.timedelta(days=story.days) + dt.timedelta(hours=9, minutes=40)


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
