"""Ready rules: they come with the installation, switched off, with their texts in both languages.

A rule that came is never touched again, whatever a person made of it: archived, it stays so. Only its services are
found later, while nobody has chosen them: an empty installation knows none yet.
"""

import secrets
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.text import slugify

from campaigns.models import Channel, Purpose, Template
from campaigns.services.writing import content
from patients.models import Service
from segmentation.models import Segment, Segmentation
from triggers import rule_types
from triggers.models import TriggerRule
from triggers.selectors import words
from triggers.selectors.ladder import Draft
from triggers.services import switching
from triggers.services.starters import around_visit, relations, returning
from triggers.services.starters.pieces import Starter, Step, Texts

STARTERS: tuple[Starter, ...] = (*around_visit.STARTERS, *returning.STARTERS, *relations.STARTERS)
CHOOSE = "choose"  # of the settings: words by which the services of the rule are still looked for


def ensure(user: Any = None, language: str = "ru") -> list[TriggerRule]:
    """The ready rules that are not there yet. Safe to call twice and at once."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('triggers.services.starters.ensure'))")
        _find_services()
        return [_made(starter, user, language) for starter in _missing()]


def missing() -> list[str]:
    """The names of those that are not there yet, in the reader's language."""
    english = translation.get_language() == "en"
    return [starter.name_en if english else starter.name for starter in _missing()]


def free_code(base: str) -> str:
    """A name for commands that no rule has: recall, recall-2, …"""
    base = slugify(base.replace("_", "-"))[:50] or "rule"
    taken = set(TriggerRule.objects.filter(code__startswith=base).values_list("code", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(code for code in (base, *numbered) if code not in taken)


def _missing() -> list[Starter]:
    known = set(TriggerRule.objects.filter(starter__isnull=False).values_list("starter", flat=True))
    return [one for one in STARTERS if one.code not in known and one.rule_type in rule_types.TYPES]


def _made(starter: Starter, user: Any, language: str) -> TriggerRule:
    kind = rule_types.of(starter.rule_type)
    service = starter.purpose == Purpose.SERVICE
    fields: dict[str, Any] = {
        "goal": kind.goals[0], "cooldown_days": kind.cooldown_days, "holdout_percent": 0 if service else 10,
        "resend_unknown": service, **starter.fields,
    }  # fmt: skip
    rule = TriggerRule.objects.create(
        code=free_code(starter.code), starter=starter.code, rule_type=starter.rule_type, purpose=starter.purpose,
        name=starter.name, name_en=starter.name_en, description=starter.description,
        description_en=starter.description_en, params=_params(starter), salt=secrets.token_hex(8), created_by=user,
        **fields,
    )  # fmt: skip
    drafts = [
        Draft(step.offset, step.unit, step.at, step.useful_hours, _templates(rule, starter, step, user, language))
        for step in starter.steps
    ]
    switching.save_steps(rule, drafts, "keep", timezone.now())
    return rule


def _templates(rule: TriggerRule, starter: Starter, step: Step, user: Any, language: str) -> dict[str, int]:
    return {
        channel: _template(_title(starter, step, channel, language), channel, starter.purpose, texts, user).pk
        for channel, texts in step.texts.items()
    }


def _title(starter: Starter, step: Step, channel: str, language: str) -> str:
    with translation.override(language):
        name = starter.name_en if language == "en" else starter.name
        return f"{name}: {words.distance(step.offset, step.unit)}, {Channel(channel).label}"


def _template(name: str, channel: str, purpose: str, texts: Texts, user: Any) -> Template:
    template = Template.objects.create(name=name[:200], channel=channel, purpose=purpose, created_by=user)
    for language, text in texts.items():
        content.save_text(template, language, text.subject, text.preheader, text.body, user)
    return template


# --- Settings that name rows of the clinic ----------------------------------------------------------------------------
def _params(starter: Starter) -> dict[str, Any]:
    kind = rule_types.of(starter.rule_type)
    params = {**kind.defaults(), **_with_segments(starter.params)}
    if not starter.services:
        return kind.clean(params)
    found = _services(starter.services, starter.rule_type, starter.params)
    if found:
        return kind.clean({**params, "services": found})
    return {**params, "services": [], CHOOSE: list(starter.services)}


def _with_segments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Codes of a segmentation and its segments as their ids."""
    found = dict(params)
    if code := found.get("segmentation"):
        division = Segmentation.objects.get(code=code)
        segments = dict(Segment.objects.filter(segmentation=division).values_list("code", "pk"))
        found["segmentation"] = division.pk
        for name in ("out_of", "into"):
            if name in found:
                found[name] = [segments[one] for one in found[name]]
    return found


def _services(names: Iterable[str], rule_type: str, params: Mapping[str, Any]) -> list[int]:
    """Services whose names have one of the words; of a recall without an interval of its own, those that have one."""
    rows = Service.objects.filter(reduce(or_, (Q(name__icontains=word) for word in names)))
    if rule_type == "recall" and not params.get("days"):
        rows = rows.filter(recall_days__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _find_services() -> None:
    """Rules that came before the clinic's services did."""
    waiting = TriggerRule.objects.select_for_update().filter(params__has_key=CHOOSE, starter__isnull=False)
    for rule in waiting:
        found = _services(rule.params[CHOOSE], rule.rule_type, rule.params)
        if found:
            whole = {name: value for name, value in rule.params.items() if name != CHOOSE}
            rule.params = rule_types.of(rule.rule_type).clean({**whole, "services": found})
            rule.save(update_fields=["params", "updated_at"])
