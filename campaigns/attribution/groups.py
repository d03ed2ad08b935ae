"""What is known about a group of patients: counts and sums, nothing about anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds within which the truth lies with the confidence asked for (95 % by default)."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Interval":
        """The same in other units; `factor` is not negative."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Group:
    """Sufficient statistics of one group over its windows.

    n: patients; came: those with at least one completed visit; visits: Σ completed visits; paid: patients whose money
    is not 0; money: Σ money per patient, ₽ (refunds negative); money2: Σ (money per patient)², ₽²; cost: what the
    messages cost, ₽.
    """

    n: int = 0
    came: int = 0
    visits: int = 0
    paid: int = 0
    money: float = 0.0
    money2: float = 0.0
    cost: float = 0.0

    @classmethod
    def of(cls, figures: Mapping[str, Any] | None) -> "Group":
        """From the stored figures; a missing number is 0."""
        known = figures or {}
        n, came, visits, paid = (int(known.get(name) or 0) for name in ("n", "came", "visits", "paid"))
        money, money2, cost = (float(known.get(name) or 0) for name in ("money", "money2", "cost"))
        return cls(n, came, visits, paid, money, money2, cost)

    def __add__(self, other: "Group") -> "Group":
        return Group(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def share(self) -> float | None:
        """Of the patients of the group, those who came; 0…1, None of nobody."""
        return self.came / self.n if self.n else None

    @property
    def per_patient(self) -> float | None:
        """Money per patient of the group, also of those who did not come, ₽."""
        return self.money / self.n if self.n else None
