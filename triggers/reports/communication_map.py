"""The communication map: every rule on the patient's path, with its messages, volumes and result."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.models import Channel
from campaigns.reports import in_short
from campaigns.reports.in_short import Short
from patients import wording
from segmentation.reports.pictures import Picture
from triggers import rule_types
from triggers.models import TriggerRule
from triggers.selectors import rules as rows
from triggers.selectors import words
from triggers.selectors.counts import Volume
from triggers.selectors.rule_results import RuleReport

DAYS = 30
MANY = 6
ICONS = {Channel.EMAIL: "ti-mail", Channel.SMS: "ti-message", Channel.CALL: "ti-phone"}
OTHER_ICON = "ti-send"
UNKNOWN_ICON = "ti-help-circle"


@dataclass(frozen=True)
class Mark:
    """A channel as an icon with its name."""

    icon: str
    name: str


@dataclass(frozen=True)
class Line:
    """A message of a rule: when, and the channels in the order they are tried."""

    when: str
    marks: list[Mark]
    sent: int


@dataclass(frozen=True)
class Card:
    """A rule on the map. `share`: of the messages of the busiest rule shown, 0…1."""

    rule: TriggerRule
    icon: str
    type_name: str
    lines: list[Line]
    volume: Volume
    share: float
    result: Short | None
    stage_name: str | Promise

    @property
    def unhappy(self) -> int:
        """Messages that were complained about or unsubscribed from: what tires the base."""
        return self.volume.events.get("complained", 0) + self.volume.events.get("unsubscribed", 0)


@dataclass
class Stage:
    """A part of the path."""

    code: str
    name: str | Promise
    cards: list[Card] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return sum(card.volume.sent for card in self.cards)

    @property
    def wide(self) -> bool:
        """So many rules stand in two columns."""
        return len(self.cards) > MANY

    @property
    def on(self) -> int:
        return sum(card.rule.enabled for card in self.cards)


def marks(channels: Iterable[str]) -> list[Mark]:
    return [
        Mark(ICONS.get(Channel(code), OTHER_ICON), str(Channel(code).label))
        for code in channels
        if code in Channel.values
    ]


def stages(
    rules: Sequence[TriggerRule], volumes: Mapping[int, Volume], results: Mapping[int, RuleReport]
) -> list[Stage]:
    """The whole path, also its empty parts."""
    path = {code: Stage(code, name) for code, name in rule_types.STAGES.items()}
    busiest = max((volume.sent for volume in volumes.values()), default=0)
    for rule in rules:
        stage = path[rows.stage_of(rule)]
        stage.cards.append(_card(rule, stage.name, volumes.get(rule.pk), results[rule.pk], busiest))
    return list(path.values())


def _card(
    rule: TriggerRule, stage_name: str | Promise, volume: Volume | None, result: RuleReport, busiest: int
) -> Card:  # fmt: skip
    kind = rule_types.TYPES.get(rule.rule_type)
    known = volume or Volume()
    return Card(
        rule,
        kind.icon if kind else UNKNOWN_ICON,
        words.type_name(rule),
        [
            Line(words.when(step), marks(step.channels), known.steps[step.pk].sent if step.pk in known.steps else 0)
            for step in rows.in_use(rule)
        ],
        known,
        known.sent / busiest if busiest else 0.0,
        in_short.of_estimate(result.whole),
        stage_name,
    )


def headline(every: Sequence[TriggerRule], volumes: Mapping[int, Volume]) -> str:
    """How many rules work, and what they did within 30 days."""
    on = sum(rule.enabled for rule in every)
    if not every:
        return _("No rule has been made yet.")
    if not on:
        ready = ngettext("%(n)s rule is ready", "%(n)s rules are ready", len(every)) % {"n": len(every)}
        return _("No rule is on: %(ready)s to be looked at, asked about the past and switched on.") % {"ready": ready}
    said = ngettext("%(n)s rule is on", "%(n)s rules are on", on) % {"n": wording.number(on)}
    sent = sum(volume.sent for volume in volumes.values())
    found = sum(volume.found for volume in volumes.values())
    if not found:
        return _("%(rules)s; nothing has come up within 30 days.") % {"rules": said}
    occasions = ngettext("%(n)s occasion", "%(n)s occasions", found) % {"n": wording.number(found)}
    messages = ngettext("%(n)s message", "%(n)s messages", sent) % {"n": wording.number(sent)}
    return _("%(rules)s. Within 30 days they found %(occasions)s and sent %(messages)s.") % {
        "rules": said, "occasions": occasions, "messages": messages,
    }  # fmt: skip


def table(path: Sequence[Stage]) -> Picture:
    """The map as a table: one row per rule."""
    found = [
        [
            str(stage.name), str(card.rule), pgettext("rule", "on") if card.rule.enabled else pgettext("rule", "off"),
            len(card.lines), card.volume.found, card.volume.sent, card.volume.to_come, card.volume.events["clicked"],
            card.volume.events["complained"], card.volume.events["unsubscribed"], round(card.volume.cost, 2),
            f"{card.result.figure}, {card.result.note}" if card.result else None,
        ]
        for stage in path
        for card in stage.cards
    ]  # fmt: skip
    return Picture(
        key="rules",
        title=_("All rules"),
        note=_("Of the last 30 days; results of a year"),
        columns=[
            (_("Where on the path"), "text"), (_("Rule"), "text"), (_("State"), "text"), (_("Messages"), "number"),
            (_("Found"), "number"), (_("Sent"), "number"), (_("To come"), "number"), (_("Clicks"), "number"),
            (_("Complaints"), "number"), (_("Unsubscribed"), "number"), (_("Cost"), "money"), (_("Result"), "text"),
        ],
        rows=found,
    )  # fmt: skip


def period(today: dt.date) -> tuple[dt.date, dt.date]:
    """The last thirty days, today included."""
    return today - dt.timedelta(days=DAYS - 1), today
