"""The types of rules, in the order in which they are offered."""

from triggers.rule_types.appointment_reminder import AppointmentReminder
from triggers.rule_types.base import STAGES, Clause, Params, Query, RuleType, Span
from triggers.rule_types.recall import Recall

__all__ = ["STAGES", "TYPES", "Clause", "Params", "Query", "RuleType", "Span", "of"]

_OFFERED: tuple[type[RuleType], ...] = (
    Recall,
    AppointmentReminder,
)  # fmt: skip
TYPES: dict[str, RuleType] = {kind.code: kind() for kind in _OFFERED}


def of(code: str) -> RuleType:
    """The type of a rule; KeyError for one that is no more."""
    return TYPES[code]
