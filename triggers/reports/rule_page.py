"""The page of a rule: what it found, what became of every message, why not, day by day."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from campaigns.models import Channel, MessageEvent
from patients import wording
from segmentation.reports.pictures import Column, Picture
from triggers import reasons
from triggers.models import TriggerRule, TriggerStep
from triggers.reports import rule_words
from triggers.reports.communication_map import Mark, marks
from triggers.selectors import words
from triggers.selectors.counts import Day, Tally, Volume

# Events of a message in the table of the ladder.
EVENTS = ("delivered", "clicked", "bounced", "complained", "unsubscribed")
# So far ahead the load that is already known is shown.
AHEAD = dt.timedelta(days=14)
# Whoever is in the hold-out is no refusal, and stands among the occasions already.
NO_REFUSAL = (reasons.HOLDOUT,)


@dataclass(frozen=True)
class Part:
    """Occasions in a state; `share` of all that were found."""

    state: str
    label: str | Promise
    meaning: str | Promise
    tone: str
    number: int
    share: float


@dataclass(frozen=True)
class WhyNot:
    """Messages that were not sent for one reason."""

    reason: str
    label: str
    number: int
    share: float


@dataclass(frozen=True)
class StepLine:
    """A step with what became of its messages. `of` — of all that fell due; shares of events are of what was sent."""

    number: int
    when: str
    marks: list[Mark]
    tally: Tally
    retired: bool
    templates: list[str]
    only_calls: bool = False

    @property
    def events(self) -> list[tuple[str, str, int | None, float | None]]:
        """(kind, its name, how many messages, share of what was sent); None: a call is not delivered or clicked."""
        sent, labels = self.tally.sent, dict(MessageEvent.Kind.choices)
        if self.only_calls:
            return [(kind, str(labels[kind]).capitalize(), None, None) for kind in EVENTS]
        counted = [(kind, self.tally.events.get(kind, 0)) for kind in EVENTS]
        return [
            (kind, str(labels[kind]).capitalize(), number, number / sent if sent else None) for kind, number in counted
        ]


def parts(volume: Volume) -> list[Part]:
    """What became of the occasions; the numbers add up to what was found."""
    return [
        Part(state, label, meaning, tone, volume.firings[state], volume.firings[state] / volume.found)
        for state, (label, meaning, tone) in rule_words.FIRINGS.items()
        if volume.firings.get(state)
    ]


def why_not(volume: Volume, purpose: str) -> list[WhyNot]:
    """Reasons of messages that were not sent, the most frequent first."""
    by_reason: dict[str, int] = defaultdict(int)
    for (state, reason), number in volume.by_reason.items():
        if state not in ("sent", "unknown", "waiting", "planned", "deferred") and reason not in NO_REFUSAL:
            by_reason[reason] += number
    every = sum(by_reason.values())
    return [
        WhyNot(reason, rule_words.reason_words(reason, purpose), number, number / every)
        for reason, number in sorted(by_reason.items(), key=lambda pair: -pair[1])
    ]


def step_lines(steps: Sequence[TriggerStep], volume: Volume) -> list[StepLine]:
    """The ladder in use, and steps retired since that still have messages in the period."""
    in_use = [step for step in steps if step.retired_at is None]
    retired = [step for step in steps if step.retired_at is not None and step.pk in volume.steps]
    return [
        StepLine(
            step.position, words.when(step), marks(step.channels), volume.steps.get(step.pk, Tally()),
            step.retired_at is not None, [str(row.template) for row in step.templates.all()],
            set(step.channels) == {Channel.CALL},
        )
        for step in (*in_use, *retired)
    ]  # fmt: skip


def ladder_table(lines: Sequence[StepLine]) -> Picture:
    """The same as a file."""
    labels = dict(MessageEvent.Kind.choices)
    columns: list[Column] = [
        (_("Message"), "text"), (_("Channels"), "text"), (_("To come"), "number"), (_("Not sent"), "number"),
        (_("Hold-out"), "number"), (_("Sent"), "number"),
        *((str(labels[kind]).capitalize(), "number") for kind in EVENTS), (_("Cost"), "money"),
    ]  # fmt: skip
    rows = [
        [
            line.when, " → ".join(mark.name for mark in line.marks), line.tally.to_come, line.tally.left_out,
            line.tally.held_out, line.tally.sent,
            *(number for _kind, _name, number, _share in line.events), round(line.tally.cost, 2),
        ]
        for line in lines
    ]  # fmt: skip
    return Picture(key="ladder", title=_("Messages"), columns=columns, rows=rows)


def per_day(found: Sequence[Day], today: dt.date) -> Picture:
    """Messages by the day they fall due, those to come up to the last of them. A period in which nothing happened draws
    nothing."""
    last = max((day.day for day in found if day.found or day.sent or day.left_out or day.to_come), default=None)
    shown = [day for day in found if day.day <= max(last, today)] if last else []
    series = [
        (_("Sent"), "sent", "#0b6e69"), (_("To come"), "to_come", "#d97706"), (_("Not sent"), "left_out", "#8a94a0"),
    ]  # fmt: skip
    return Picture(
        key="days",
        title=_("Messages day by day"),
        note=_("By the day they fall due; what was not sent has its reason above. The hold-out is aside"),
        columns=[
            (_("Day"), "date"), (_("Occasions"), "number"), (_("Sent"), "number"), (_("To come"), "number"),
            (_("Not sent"), "number"), (_("Hold-out"), "number"),
        ],
        rows=[[day.day, day.found, day.sent, day.to_come, day.left_out, day.held_out] for day in reversed(shown)],
        config={
            "kind": "time",
            "stack": True,
            "series": [
                {
                    "name": name, "type": "bar", "unit": "number", "colour": colour,
                    "data": [[day.day.isoformat(), getattr(day, field)] for day in shown],
                }
                for name, field, colour in series
                if any(getattr(day, field) for day in shown)
            ],
        },
        empty=_("Nothing has fallen due in this period."),
    )  # fmt: skip


def headline(rule: TriggerRule, volume: Volume, days: int, today: dt.date) -> str:
    """What the rule did in the period, in a sentence."""
    if not volume.found:
        if not rule.enabled:
            return _("The rule is off: it finds nobody and writes to nobody.")
        since = rule.enabled_at.date() if rule.enabled_at else today
        return _("On since %(day)s; nobody has been found in this period yet.") % {"day": wording.day(since)}
    said = _("Within %(days)s: %(found)s found, %(sent)s messages sent, %(to_come)s to come.") % {
        "days": wording.days(days), "found": rule_words.occasions(volume.found), "sent": wording.number(volume.sent),
        "to_come": wording.number(volume.to_come),
    }  # fmt: skip
    return said if rule.enabled else f"{said} {_('The rule is off: nobody new is found.')}"
