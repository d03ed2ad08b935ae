"""The rules on the card of a patient: what is to come, and why a rule has written or has not."""

import datetime as dt
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from triggers.models import Firing, FiringStep, TriggerRule
from triggers.reports import rule_words
from triggers.reports.communication_map import Mark, marks
from triggers.rule_types import Clause
from triggers.selectors.of_patient import Decision, Story

State = Firing.State
_ICONS = {
    State.OPEN: "ti-clock", State.DONE: "ti-circle-check", State.HOLDOUT: "ti-flask", State.WITHDRAWN: "ti-circle-x",
    State.STOPPED: "ti-circle-x", State.LATE: "ti-clock-x", State.COOLDOWN: "ti-clock-pause",
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One message: when it falls due (`at`: by the clock of the branch), and what became of it."""

    due_at: dt.datetime
    at: str
    words: str
    sent: bool
    marks: list[Mark]
    rule: TriggerRule
    about: str


@dataclass(frozen=True)
class Occasion:
    """`about`: the service or the visit it is about."""

    words: str
    about: str
    turns: list[Turn]


@dataclass(frozen=True)
class Told:
    """A rule about the patient: one sentence, its occasions, or the conditions as of now."""

    rule: TriggerRule
    icon: str
    sentence: str
    occasions: list[Occasion] = field(default_factory=list)
    conditions: list[Clause] = field(default_factory=list)


def coming(story: Story) -> list[Turn]:
    """What is still to come, the next first."""
    return [_turn(step) for step in story.coming]


def decisions(story: Story) -> list[Told]:
    return [decision(one) for one in story.decisions]


def decision(found: Decision) -> Told:
    if found.firings:
        last = found.firings[0]
        occasions = [
            Occasion(rule_words.of_firing(firing, firing.told), _about(firing), [_turn(step) for step in firing.told])  # type: ignore[attr-defined]
            for firing in found.firings
        ]
        return Told(found.rule, _ICONS[State(last.state)], occasions[0].words, occasions)
    conditions = found.conditions
    return Told(found.rule, "ti-circle-dashed" if found.fits else "ti-circle-x", _why(found), [], conditions)


def _why(found: Decision) -> str:
    if found.broken:
        return _("Its settings are not whole yet: it can find nobody.")
    if not found.conditions:
        return _("Has not found anything about this patient within a year.")
    if found.fits:
        if not found.rule.enabled:
            return _("The conditions hold today; the rule is off.")
        if found.time == "ahead":
            return _("The conditions hold today: a message goes as soon as its day comes.")
        if found.time == "past":
            return _("The conditions hold, but the time of its messages is long past: nothing will be sent about it.")
        return _("The conditions hold today, yet nothing is planned: a message goes only if it falls due later.")
    return _("Has not found this patient: as of now not every condition holds.")


def _about(firing: Firing) -> str:
    if firing.service:
        return str(firing.service)
    return _("visit of %(day)s") % {"day": rule_words.day_of(firing.visit.starts_at)} if firing.visit else ""


def _turn(step: FiringStep) -> Turn:
    sent = bool(step.message and step.message.state == "sent" and step.state == FiringStep.State.PLANNED)
    channel = [step.message.channel] if step.message and step.message.channel else step.step.channels
    at = rule_words.moment_at(step.due_at, step.firing.branch)
    return Turn(step.due_at, at, rule_words.of_step(step), sent, marks(channel), step.firing.rule, _about(step.firing))
