"""The types of rules, in the order in which they are offered."""

from triggers.rule_types.base import STAGES, Clause, Params, Query, RuleType, Span

__all__ = ["STAGES", "TYPES", "Clause", "Params", "Query", "RuleType", "Span", "of"]

TYPES: dict[str, RuleType] = {}


def of(code: str) -> RuleType:
    """The type of a rule; KeyError for one that is no more."""
    return TYPES[code]
