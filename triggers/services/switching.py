"""The switches of a rule. Each waits for the look that is going on, and does its work once however often it is pressed.

switch_on     from now on; whoever is in the middle of the path gets what is still ahead
switch_off    nothing new begins; ladders that have begun end by themselves ("finish") or at once ("stop")
save_steps    another ladder; those on the old one end it ("keep"), go over ("new") or stop
"""

import datetime
import secrets
from collections.abc import Sequence
from typing import Any, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns import reasons as ledger_reasons
from campaigns.models import CallTask, Channel, Message
from campaigns.services.calling import needless
from triggers import reasons
from triggers.models import Firing, FiringStep, StepTemplate, TriggerRule, TriggerStep
from triggers.selectors import ladder
from triggers.selectors.ladder import Draft
from triggers.services import finding, looking, moving
from triggers.services.fitness import problems

__all__ = [
    "SWITCH",
    "NotAllowed",
    "archive",
    "look_again",
    "problems",
    "save_steps",
    "switch_off",
    "switch_on",
    "unarchive",
]

SWITCH = "triggers.switch_triggerrule"
State, Fate = Firing.State, FiringStep.State
_UNDECIDED = (Fate.WAITING, Fate.HELD)


class NotAllowed(Exception):
    """The state or the person forbids it; the message is for the reader."""


def switch_on(rule_id: int, user: Any, now: datetime.datetime) -> TriggerRule:
    """From now on. It looks back as far as its ladder is long: steps that fell due before now are never sent, and who
    has only had the earlier ones coming gets the others."""
    _may(user)
    with transaction.atomic():
        rule = _held(rule_id)
        if rule.enabled:
            return rule
        if wrong := problems(rule, now):
            raise NotAllowed(_("This has to be put right first: %(what)s") % {"what": " ".join(wrong)})
        rule.enabled, rule.enabled_at, rule.error = True, now, ""
        rule.looked_until, rule.horizon = now - finding.length_of(rule), looking.snapshot()
        rule.salt = rule.salt or secrets.token_hex(8)
        rule.save(update_fields=["enabled", "enabled_at", "error", "looked_until", "horizon", "salt", "updated_at"])
        return rule


def switch_off(
    rule_id: int, user: Any, now: datetime.datetime, ladders: Literal["finish", "stop"] = "finish"
) -> TriggerRule:  # fmt: skip
    """Nothing new begins. Stopped ladders send nothing more: what was planned and not handed over is cancelled."""
    _may(user)
    with transaction.atomic():
        rule = _held(rule_id)
        if rule.enabled:
            rule.enabled = False
            rule.save(update_fields=["enabled", "updated_at"])
        if ladders == "stop":
            _stop_ladders(rule, now)
        return rule


def archive(rule_id: int, user: Any, now: datetime.datetime) -> TriggerRule:
    """Out of the lists, its history stays. Only a rule that is off and has nobody on its ladder."""
    _may(user)
    with transaction.atomic():
        rule = _held(rule_id)
        if rule.archived_at:
            return rule
        if rule.enabled:
            raise NotAllowed(_("The rule is on: switch it off first."))
        if rule.firings.filter(state=State.OPEN).exists():
            raise NotAllowed(_("Patients are still on its ladder: wait until it ends, or stop it."))
        rule.archived_at = now
        rule.save(update_fields=["archived_at", "updated_at"])
        return rule


def unarchive(rule_id: int, user: Any) -> TriggerRule:
    """Back into the lists, switched off."""
    _may(user)
    with transaction.atomic():
        rule = _held(rule_id)
        rule.archived_at = None
        rule.save(update_fields=["archived_at", "updated_at"])
        return rule


def save_steps(
    rule: TriggerRule, steps: Sequence[Draft], ladders: Literal["keep", "new", "stop"], now: datetime.datetime
) -> None:  # fmt: skip
    """Make the ladder what the drafts say. A step that is the same stays the same row; one that was used is retired,
    never changed, so that it can always be seen what was sent; one that was not is deleted."""
    with transaction.atomic():
        held = _held(rule.pk)
        new = _replace(held, steps, now)
        if ladders == "stop":
            _stop_ladders(held, now)
        elif ladders == "new":
            moving.move(held, new, now)
        look_again(held.pk)


def look_again(rule_id: int) -> None:
    """The rule has changed: whoever it concerns now, and would have before, is found by the next look at everybody."""
    TriggerRule.objects.filter(pk=rule_id).update(horizon="")


def _replace(rule: TriggerRule, drafts: Sequence[Draft], now: datetime.datetime) -> list[TriggerStep]:
    """The steps in use as the drafts say, in their order."""
    left = ladder.current(rule)
    kept: dict[int, TriggerStep] = {}
    for number, draft in enumerate(drafts):
        same = next((step for step in left if ladder.draft_of(step) == draft), None)
        if same is not None:
            kept[number] = same
            left.remove(same)
    for step in left:
        if FiringStep.objects.filter(step=step).exists():
            step.retired_at = now
            step.save(update_fields=["retired_at"])
        else:
            step.delete()
    # Out of the way first: two steps never have one position, not even while they change places.
    beyond = 1 + max([len(drafts), *(step.position for step in kept.values())], default=0)
    for number, step in kept.items():
        TriggerStep.objects.filter(pk=step.pk).update(position=beyond + number)
    return [
        _placed(kept[number], number + 1) if number in kept else _made(rule, draft, number + 1)
        for number, draft in enumerate(drafts)
    ]


def _placed(step: TriggerStep, position: int) -> TriggerStep:
    step.position = position
    step.save(update_fields=["position"])
    return step


def _made(rule: TriggerRule, draft: Draft, position: int) -> TriggerStep:
    step = TriggerStep.objects.create(
        rule=rule, position=position, offset=draft.offset, unit=draft.unit, at=draft.at,
        useful_hours=draft.useful_hours, offer_id=draft.offer_id,
        channels=[code for code in Channel.values if code in draft.templates],
    )  # fmt: skip
    StepTemplate.objects.bulk_create(
        StepTemplate(step=step, channel=channel, template_id=template) for channel, template in draft.templates.items()
    )
    return step


def forget(cards: Sequence[int], now: datetime.datetime) -> None:
    """Whoever asked to be forgotten gets nothing more of any ladder."""
    _stop(Firing.objects.filter(patient__in=cards), now)


def _stop_ladders(rule: TriggerRule, now: datetime.datetime) -> None:
    """Nothing more to anybody who is on it now, nor to those whose last message is planned and not yet handed over."""
    _stop(Firing.objects.filter(rule=rule), now)


def _stop(firings: QuerySet[Firing], now: datetime.datetime) -> None:
    begun = firings.filter(state__in=[State.OPEN, State.DONE])
    Message.objects.filter(
        trigger_step__firing__in=begun, state__in=[Message.State.PLANNED, Message.State.DEFERRED]
    ).update(state=Message.State.CANCELLED, reason=ledger_reasons.STOPPED)
    needless.close(CallTask.objects.filter(message__trigger_step__firing__in=begun), CallTask.Closed.STOPPED, now)
    going_on = firings.filter(state=State.OPEN)
    FiringStep.objects.filter(firing__in=going_on, state__in=_UNDECIDED).update(
        state=Fate.SKIPPED, reason=reasons.STOPPED
    )
    going_on.update(state=State.STOPPED, closed_at=now)


def _held(rule_id: int) -> TriggerRule:
    """The row, when the look that is going on has ended."""
    return TriggerRule.objects.select_for_update(no_key=True).get(pk=rule_id)


def _may(user: Any) -> None:
    """Commands and tests act without a user; a person needs the right."""
    if user is not None and not user.has_perm(SWITCH):
        raise NotAllowed(_("You may not do this. Ask your administrator."))
