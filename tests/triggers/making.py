"""Small builders for the tests of triggers: a rule with a ladder, and the tick that lives it.

rule = make_rule("recall", steps=[make_step(-7), make_step(-3, channels=["sms"])], params={"service": service.pk})
fire(now)                   # look, then plan what is due: rows of the ledger
"""

import datetime
import itertools
from collections.abc import Sequence
from typing import Any

from campaigns.models import Purpose
from tests.campaigns.making import LAWFUL, NOW, make_template
from triggers import rule_types
from triggers.models import Firing, StepTemplate, TriggerRule, TriggerStep

# When rules of tests were switched on, unless they say otherwise: everything that falls due from then on is found.
ON = NOW - datetime.timedelta(days=2)
SERVICE_TEXT = "Здравствуйте, {{ patient.first_name }}! Ждём вас."
_numbers = itertools.count(1)


def make_step(
    offset: int = 0, unit: str = "day", *, channels: Sequence[str] = ("email",), at: datetime.time | None = None,
    useful_hours: int = 48, **fields: Any,
) -> TriggerStep:  # fmt: skip
    """A step that is not saved yet; `make_rule` gives it its position, saves it and finds it a text per channel."""
    return TriggerStep(
        offset=offset, unit=unit, channels=list(channels), at=at, useful_hours=useful_hours, **fields
    )  # fmt: skip


def make_rule(
    rule_type: str, steps: Sequence[TriggerStep] | None = None, params: dict[str, Any] | None = None, *,
    on: datetime.datetime | None = ON, include: Sequence[Any] = (), exclude: Sequence[Any] = (),
    branches: Sequence[Any] = (), **fields: Any,
) -> TriggerRule:  # fmt: skip
    """A rule with its ladder (one e-mail on the anchor unless told), on since `on` (None: off), without a hold-out.

    Purpose, goal and cooldown are the defaults of the type; its settings are cleaned by its form."""
    kind = rule_types.of(rule_type)
    number = next(_numbers)
    since: dict[str, Any] = {}
    if on:
        since = {"enabled": True, "enabled_at": on, "looked_until": on, "horizon": current_snapshot()}
    rule = TriggerRule.objects.create(
        **{
            "name": f"Правило {number}", "code": f"rule-{number}", "rule_type": rule_type,
            "params": kind.clean(params or {}), "purpose": kind.purposes[0], "goal": kind.goals[0],
            "cooldown_days": kind.cooldown_days, "holdout_percent": 0, "salt": f"rule{number}", **since, **fields,
        }
    )  # fmt: skip
    rule.include.set(include)
    rule.exclude.set(exclude)
    rule.branches.set(branches)
    for position, step in enumerate(steps if steps is not None else [make_step()], start=1):
        step.rule, step.position = rule, position
        step.save()
        templates_for(step)
    return rule


def templates_for(step: TriggerStep, **texts: str) -> None:
    """A template per channel of the step: templates_for(step, ru="…", en="…")."""
    purpose = step.rule.purpose
    texts = texts or {"ru": LAWFUL if purpose == Purpose.MARKETING else SERVICE_TEXT}
    for channel in step.channels:
        template = make_template(channel, purpose, **texts)
        StepTemplate.objects.create(step=step, channel=channel, template=template)


def current_snapshot() -> str:
    """What a rule remembers of the database at its last look: changes committed later are new to it."""
    from triggers.services import looking

    return looking.snapshot()


def look(now: datetime.datetime = NOW) -> int:
    """The tick without planning."""
    from triggers.services import looking

    return looking.look_all(now)


def fire(now: datetime.datetime = NOW) -> int:
    """The tick: every rule looks, what is due is planned. Returns the number of steps decided."""
    from triggers.services import ladders, looking

    looking.look_all(now)
    return ladders.plan_due(now)


def found_by(rule: TriggerRule) -> list[tuple[int, str, str]]:
    """What a rule has found: (patient, occasion, state), in order."""
    return list(
        Firing.objects.filter(rule=rule).order_by("patient", "occasion").values_list("patient", "occasion", "state")
    )
