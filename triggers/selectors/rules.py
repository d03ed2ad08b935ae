"""Rules as the communication map and the search show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from campaigns.models import Channel, Purpose
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep

ON, OFF, ARCHIVED = "on", "off", "archived"
STATES = (ON, OFF, ARCHIVED)
IN_USE = Prefetch(
    "steps", TriggerStep.objects.filter(retired_at__isnull=True).order_by("position"), to_attr="in_use"
)  # fmt: skip


@dataclass(frozen=True)
class RuleFilter:
    """What the reader asks of the map; unknown words of the address mean nothing."""

    state: str = ""
    stage: str = ""
    channel: str = ""
    purpose: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "RuleFilter":
        state, stage = query.get("state", ""), query.get("stage", "")
        channel, purpose = query.get("channel", ""), query.get("purpose", "")
        return cls(
            state=state if state in STATES else "",
            stage=stage if stage in rule_types.STAGES else "",
            channel=channel if channel in Channel.values else "",
            purpose=purpose if purpose in Purpose.values else "",
        )

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.stage or self.channel or self.purpose)


def shown(asked: RuleFilter) -> list[TriggerRule]:
    """The rules with the steps in use (`in_use`), those that are on first. Two queries; there are dozens at most."""
    found = listed(asked.state == ARCHIVED)
    if asked.state in (ON, OFF):
        found = found.filter(enabled=asked.state == ON)
    if asked.purpose:
        found = found.filter(purpose=asked.purpose)
    rules = list(found.prefetch_related(IN_USE).order_by("-enabled", "-priority", "pk"))
    return [
        rule
        for rule in rules
        if (not asked.channel or asked.channel in channels_of(rule))
        and (not asked.stage or asked.stage == stage_of(rule))
    ]


def listed(archived: bool = False) -> QuerySet[TriggerRule]:
    return TriggerRule.objects.filter(archived_at__isnull=not archived)


def in_use(rule: TriggerRule) -> list[TriggerStep]:
    """The steps `shown` has read."""
    return rule.in_use  # type: ignore[attr-defined]


def channels_of(rule: TriggerRule) -> list[str]:
    """Channels of its ladder, each once, in order."""
    return list(dict.fromkeys(channel for step in in_use(rule) for channel in step.channels))


def stage_of(rule: TriggerRule) -> str:
    """Where on the patient's path; rules of a type that is no more stand at the end."""
    kind = rule_types.TYPES.get(rule.rule_type)
    if kind is None:
        return "personal"
    try:
        return kind.stage_for({**kind.defaults(), **rule.params})
    except (KeyError, TypeError, ValueError):  # settings that are not whole yet
        return kind.stage


def searched(text: str, limit: int = 5) -> list[TriggerRule]:
    """Rules whose name in either language, or whose type, contains the words. There are dozens, so Python compares."""
    words = text.casefold().split()
    return [rule for rule in listed() if all(word in _said(rule) for word in words)][:limit]


def _said(rule: TriggerRule) -> str:
    kind = rule_types.TYPES.get(rule.rule_type)
    names: Iterable[object] = (rule.name, rule.name_en, kind.name if kind else "")
    return " ".join(str(name) for name in names).casefold()
