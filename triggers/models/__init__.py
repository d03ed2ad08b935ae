"""When patients are written to: rules, what they found, what they planned, what that brought."""

from triggers.models.backtests import Backtest
from triggers.models.firings import Firing, FiringStep
from triggers.models.results import RuleCount, RuleResult
from triggers.models.rules import Goal, StepTemplate, TriggerRule, TriggerStep, Unit

__all__ = [
    "Backtest",
    "Firing",
    "FiringStep",
    "Goal",
    "RuleCount",
    "RuleResult",
    "StepTemplate",
    "TriggerRule",
    "TriggerStep",
    "Unit",
]
