"""One patient and the rules: what is still to come, what every rule has decided, and why it has not found them."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Message
from segmentation.models import Membership
from triggers import rule_types
from triggers.models import Firing, FiringStep, TriggerRule, Unit
from triggers.rule_types import Clause
from triggers.selectors import ladder
from triggers.selectors import rules as rows

RECENT = dt.timedelta(days=365)
OF_A_RULE = 3  # the last occasions of a rule that are told
LADDERS = 200  # read at most: of a patient with more the older ones are not told
STILL_OPEN = ("planned", "deferred", "sending")
Fate = FiringStep.State


@dataclass
class Decision:
    """What a rule has decided about the patient. Without `firings` it has not found anything within a year: `clauses`
    are its conditions as of now, `outside` says why its audience does not hold the patient. `asked`: they were looked
    at; those of rules that are off only when the reader asks."""

    rule: TriggerRule
    firings: list[Firing] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    outside: list[Clause] = field(default_factory=list)
    asked: bool = False
    broken: bool = False
    time: Literal["ahead", "past", ""] = ""  # when its messages about what the clauses tell fall due, where known

    @property
    def conditions(self) -> list[Clause]:
        return [*self.clauses, *self.outside]

    @property
    def fits(self) -> bool:
        return bool(self.conditions) and all(clause.holds for clause in self.conditions)


@dataclass
class Story:
    """`coming`: messages that still wait for their turn, the next first. `decisions`: rules that are on or have found
    the patient; `off`: the others, by name."""

    coming: list[FiringStep] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    off: list[TriggerRule] = field(default_factory=list)


def story(patient_id: int, now: dt.datetime) -> Story:
    """Five queries, and for every rule that is on and has not found the patient those of its `explain`."""
    found = _firings(patient_id, now)
    told = Story()
    for rule in (
        rows.listed().prefetch_related("include", "exclude", "branches").order_by("-enabled", "-priority", "pk")
    ):
        of_rule = found.get(rule.pk, [])
        if of_rule:
            told.decisions.append(Decision(rule, of_rule[:OF_A_RULE]))
        elif rule.enabled:
            told.decisions.append(explained(rule, patient_id, now))
        else:
            told.off.append(rule)
    # Those that have decided something come first.
    told.decisions.sort(key=lambda decision: not decision.firings)
    steps = [step for firings in found.values() for firing in firings for step in firing.told]  # type: ignore[attr-defined]
    told.coming = sorted((step for step in steps if to_come(step)), key=lambda step: step.due_at)
    return told


def name_rules(messages: Iterable[Message]) -> None:
    """Give every row of the ledger the `rule` it comes from, or None. One query."""
    rows = list(messages)
    steps = FiringStep.objects.filter(message__in=rows).select_related("firing__rule")
    by_message = {step.message_id: step.firing.rule for step in steps}
    for message in rows:
        message.rule = by_message.get(message.pk)  # type: ignore[attr-defined]


def to_come(step: FiringStep) -> bool:
    """Whether the message may still be sent."""
    if step.state in (Fate.WAITING, Fate.HELD):
        return step.firing.state == Firing.State.OPEN
    return step.state == Fate.PLANNED and step.message is not None and step.message.state in STILL_OPEN


def _firings(patient_id: int, now: dt.datetime) -> dict[int, list[Firing]]:
    """The firings of a year by rule, the latest first, each with its steps (`told`). Two queries."""
    recent = Firing.objects.filter(Q(first_due__gte=now - RECENT) | Q(state="open"), patient=patient_id)
    firings = list(recent.select_related("rule", "service", "visit", "branch").order_by("-first_due", "-pk")[:LADDERS])
    steps = FiringStep.objects.filter(firing__in=firings).select_related("step", "message").order_by("due_at", "pk")
    by_firing: dict[int, list[FiringStep]] = defaultdict(list)
    for step in steps:
        by_firing[step.firing_id].append(step)
    found: dict[int, list[Firing]] = defaultdict(list)
    for firing in firings:
        for step in by_firing[firing.pk]:
            step.firing = firing
        firing.told = by_firing[firing.pk]  # type: ignore[attr-defined]
        found[firing.rule_id].append(firing)
    return found


def explained(rule: TriggerRule, patient_id: int, now: dt.datetime) -> Decision:
    """Its conditions for a patient it has not found, as of now; those of its audience that do not hold."""
    decision = Decision(rule, asked=True)
    kind = rule_types.TYPES.get(rule.rule_type)
    if kind is None or rule.params.get("choose"):
        decision.broken = True
        return decision
    try:
        decision.clauses = kind.explain({**kind.defaults(), **rule.params}, patient_id, now)
    except (KeyError, TypeError, ValueError):
        decision.broken = True
        return decision
    decision.outside = list(_outside(rule, patient_id))
    if decision.fits:
        decision.time = _time(rule, [clause.anchor for clause in decision.clauses if clause.anchor], now)
    return decision


def _time(rule: TriggerRule, anchors: list[dt.date], now: dt.datetime) -> Literal["ahead", "past", ""]:
    """Whether the first message is still to come, or even the last has lost its use; to a day, as branches have clocks
    of their own."""
    steps = ladder.current(rule)
    if not anchors or not steps:
        return ""
    today = timezone.localdate(now)
    offsets = [step.offset if step.unit == Unit.DAY else step.offset / 24 for step in steps]
    if any(anchor + dt.timedelta(days=math.floor(min(offsets))) > today for anchor in anchors):
        return "ahead"
    useful = max(offset + step.useful_hours / 24 for offset, step in zip(offsets, steps, strict=True))
    over = dt.timedelta(days=math.ceil(useful) + 1)
    return "past" if all(anchor + over < today for anchor in anchors) else ""


def _outside(rule: TriggerRule, patient_id: int) -> Iterable[Clause]:
    """Segments and branches of the rule that leave the patient out today."""
    include, exclude, branches = list(rule.include.all()), list(rule.exclude.all()), list(rule.branches.all())
    if include or exclude:
        member = set(
            Membership.objects.filter(patient=patient_id, left_on__isnull=True).values_list("segment", flat=True)
        )
        names = ", ".join(str(segment) for segment in include)
        if include and not member & {segment.pk for segment in include}:
            yield Clause(_("Is in one of the segments: %(segments)s") % {"segments": names}, False)
        names = ", ".join(str(segment) for segment in exclude if segment.pk in member)
        if names:
            yield Clause(_("Is in none of the segments: %(segments)s") % {"segments": names}, False)
    if branches and _branch(patient_id) not in {branch.pk for branch in branches}:
        names = ", ".join(branch.name for branch in branches)
        yield Clause(_("Belongs to one of the branches: %(branches)s") % {"branches": names}, False)


def _branch(patient_id: int) -> int | None:
    """The home branch, else that of the last visit; an occasion may have a branch of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(p.branch_id, x.last_branch_id) FROM patients_patient p "
            "LEFT JOIN segmentation_metrics x ON x.patient_id = p.id WHERE p.id = %s",
            [patient_id],
        )
        row = cursor.fetchone()
        return int(row[0]) if row and row[0] else None
