"""A rule in the reader's words: what it looks for, when each of its messages goes, what is missing."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.models import Channel
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep, Unit


def type_name(rule: TriggerRule) -> str:
    """The name of its type; the code of one that is no more."""
    kind = rule_types.TYPES.get(rule.rule_type)
    return str(kind.name) if kind else rule.rule_type


def sentence(rule: TriggerRule) -> str:
    """What it looks for. Settings that are not whole yet say nothing; `switching.problems` tells what they lack."""
    kind = rule_types.TYPES.get(rule.rule_type)
    if rule.params.get("choose"):
        return _("The services it is about are not chosen yet.")
    try:
        return kind.sentence({**kind.defaults(), **rule.params}) if kind else ""
    except (KeyError, TypeError, ValueError):
        return ""


def when(step: TriggerStep) -> str:
    """«за 7 дней, в 10:00», counted from the anchor of the type."""
    said = distance(step.offset, step.unit)
    return _("%(when)s, at %(time)s") % {"when": said, "time": f"{step.at:%H:%M}"} if step.at else said


def distance(offset: int, unit: str) -> str:
    """«за 7 дней», «через 2 часа», «в тот же день»."""
    number = abs(offset)
    if not offset:
        return _("on the same day") if unit == Unit.DAY else _("at once")
    before = {
        Unit.MINUTE: ngettext("%(n)s minute before", "%(n)s minutes before", number),
        Unit.HOUR: ngettext("%(n)s hour before", "%(n)s hours before", number),
        Unit.DAY: ngettext("%(n)s day before", "%(n)s days before", number),
    }
    after = {
        Unit.MINUTE: ngettext("%(n)s minute after", "%(n)s minutes after", number),
        Unit.HOUR: ngettext("%(n)s hour after", "%(n)s hours after", number),
        Unit.DAY: ngettext("%(n)s day after", "%(n)s days after", number),
    }
    return (before if offset < 0 else after)[Unit(unit)] % {"n": number}


def channels(codes: Iterable[str]) -> str:
    """«SMS, а кого так не достать — звонок»: the order is that in which they are tried."""
    names = [str(Channel(code).label) for code in codes if code in Channel.values]
    return pgettext("channels tried in turn", " → ").join(names)


def ladder(steps: Iterable[TriggerStep]) -> list[dict[str, Any]]:
    """Its messages in words, in order."""
    return [
        {"position": number, "when": when(step), "channels": channels(step.channels), "step": step}
        for number, step in enumerate(steps, 1)
    ]
