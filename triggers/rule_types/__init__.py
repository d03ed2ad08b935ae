"""The types of rules, in the order in which they are offered."""

from triggers.rule_types.appointment_changed import AppointmentChanged
from triggers.rule_types.appointment_reminder import AppointmentReminder
from triggers.rule_types.base import STAGES, Clause, Params, Query, RuleType, Span
from triggers.rule_types.birthday import Birthday
from triggers.rule_types.falling import Falling
from triggers.rule_types.life_map import LifeMap
from triggers.rule_types.low_capacity import LowCapacity
from triggers.rule_types.missed_cycle import MissedCycle
from triggers.rule_types.no_show import NoShow
from triggers.rule_types.package import PackageRule
from triggers.rule_types.payment_received import PaymentReceived
from triggers.rule_types.prescribed_return import PrescribedReturn
from triggers.rule_types.recall import Recall
from triggers.rule_types.review import Review
from triggers.rule_types.segment_move import SegmentMove
from triggers.rule_types.welcome import FirstVisit, Welcome

__all__ = ["STAGES", "TYPES", "Clause", "Params", "Query", "RuleType", "Span", "of"]

_OFFERED: tuple[type[RuleType], ...] = (
    Recall,
    PrescribedReturn,
    MissedCycle,
    PackageRule,
    LowCapacity,
    Birthday,
    LifeMap,
    AppointmentReminder,
    AppointmentChanged,
    NoShow,
    Review,
    PaymentReceived,
    Welcome,
    FirstVisit,
    SegmentMove,
    Falling,
)  # fmt: skip
TYPES: dict[str, RuleType] = {kind.code: kind() for kind in _OFFERED}


def of(code: str) -> RuleType:
    """The type of a rule; KeyError for one that is no more."""
    return TYPES[code]
