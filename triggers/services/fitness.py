"""Is a rule fit to be switched on? What stands in the way, in the reader's language; empty: nothing."""

import datetime as dt
from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checks
from campaigns.models import Policy
from triggers import rule_types
from triggers.models import Goal, TriggerRule, TriggerStep, Unit
from triggers.rule_types import RuleType
from triggers.selectors import ladder


def problems(rule: TriggerRule, now: dt.datetime | None = None) -> list[str]:
    """Everything that has to be put right first, in the order of the page; what is merely doubtful is not among it."""
    kind = rule_types.TYPES.get(rule.rule_type)
    if kind is None:
        return [_("Rules of this type are not known here any more.")]
    today = timezone.localdate(now or timezone.now())
    return list(dict.fromkeys([*_of_rule(rule, kind, today), *_of_ladder(rule, kind, today)]))


def not_chosen(rule: TriggerRule) -> str:
    """A ready rule whose services nobody has chosen yet: until then there is nothing it could look for. Or ""."""
    if looked_for := rule.params.get("choose"):
        return _("Choose the services it is about: by “%(words)s” none was found.") % {"words": ", ".join(looked_for)}
    return ""


def _of_rule(rule: TriggerRule, kind: RuleType, today: dt.date) -> Iterator[str]:
    if rule.archived_at:
        yield _("The rule is in the archive.")
    if unchosen := not_chosen(rule):
        yield unchosen
        return
    try:
        kind.clean(rule.params)
    except ValidationError as error:
        fields = kind.form_class().fields
        for name, errors in error.message_dict.items():
            label = str(fields[name].label or name) if name in fields else ""
            yield ": ".join(filter(None, [label, " ".join(errors)]))
    if rule.purpose not in kind.purposes:
        yield _("Messages of this type are not %(purpose)s.") % {"purpose": rule.get_purpose_display()}
    if rule.goal not in kind.goals:
        yield _("A rule of this type cannot stop when there is “%(goal)s”.") % {"goal": rule.get_goal_display()}
    if rule.goal == Goal.GROUP and rule.goal_group_id is None:
        yield _("Choose the group of services whose appointment stops the messages.")
    if rule.valid_until and rule.valid_until < today:
        yield _("The rule was valid until %(day)s: change its dates.") % {"day": f"{rule.valid_until:%d.%m.%Y}"}


def _of_ladder(rule: TriggerRule, kind: RuleType, today: dt.date) -> Iterator[str]:
    steps = ladder.current(rule)
    if not steps:
        yield _("There is no message yet: add one.")
    used = list(dict.fromkeys(channel for step in steps for channel in step.channels))
    yield from (str(problem.message) for problem in checks.of_channels(used) if problem.is_error)
    for number, step in enumerate(steps, start=1):
        where = _("Message %(number)s") % {"number": number}
        for problem in _of_step(rule, kind, step, today):
            yield f"{where}: {problem}"
    yield from _of_texts(rule, steps)


def _of_step(rule: TriggerRule, kind: RuleType, step: TriggerStep, today: dt.date) -> Iterator[str]:
    if not step.channels:
        yield _("choose at least one channel.")
    if kind.anchored == "day" and step.unit != Unit.DAY:
        yield _("this rule counts in days.")
    if step.offer:
        yield from (str(problem.message) for problem in checks.of_living_offer(step.offer, today) if problem.is_error)


def _of_texts(rule: TriggerRule, steps: Sequence[TriggerStep]) -> Iterator[str]:
    policy, sensitive = Policy.load(), checks.sensitive_services()
    for number, step in enumerate(steps, start=1):
        where = _("Message %(number)s") % {"number": number}
        chosen = {row.channel: row.template_id for row in step.templates.all()}
        for problem in checks.of_messages(
            rule.purpose, step.channels, chosen, step.offer, where, policy, sensitive
        ):  # fmt: skip
            if problem.is_error:
                yield f"{problem.where}: {problem.message}"
