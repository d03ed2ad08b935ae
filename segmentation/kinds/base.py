"""What a kind of segmentation is: a form for its thresholds, a fit, an application, a sentence for every reason."""

import datetime
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from django import forms
from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext
from numpy.typing import NDArray

from segmentation.kinds.reasons import reason_label

Params = dict[str, Any]
Cause = dict[str, Any]
Indices = NDArray[np.int8]


@dataclass(frozen=True)
class Before:
    """How each patient of the frame stood before this night.

    `segments`: index into `Kind.segments`, −1 for none. `scores`: r, f, m, profit_band (int8, 0 for none).
    """

    segments: Indices
    scores: dict[str, Indices] = field(default_factory=dict)

    @classmethod
    def nothing(cls, count: int) -> "Before":
        return cls(np.full(count, -1, dtype=np.int8))

    def score(self, name: str) -> Indices:
        return self.scores.get(name, np.zeros(len(self.segments), dtype=np.int8))


@dataclass(frozen=True)
class Outcome:
    """What a kind concludes about each patient of the frame.

    `segments`: index into `Kind.segments`, −1: in none. `scores`: columns of Score this kind writes. `causes`: given
    row numbers of patients who moved, what made each of them move (JSON); asked only for those.
    """

    segments: Indices
    causes: Callable[[NDArray[np.int64]], list[Cause]]
    scores: dict[str, Any] = field(default_factory=dict)


class Kind(ABC):
    """One way of dividing the base. A new kind is a subclass in `KINDS` and a row of Segmentation; no migration.

    `fit` and `apply` are functions of their arguments alone: the same night gives the same rows, and the preview of a
    threshold is the night itself without the writing. `as_of` and all dates in the frame are day numbers
    (`segmentation.frames.day_number`).
    """

    code: ClassVar[str]
    title: ClassVar[Promise]
    segments: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[str, ...]]  # the columns of Metrics it reads; visit_days is always there
    forecasts: ClassVar[tuple[str, ...]] = ()  # the columns of Forecast it reads; NaN where there is none
    # Segments that are a finding in themselves: whoever enters one from nowhere gets a cause as well.
    told_from_nowhere: ClassVar[tuple[str, ...]] = ()
    form_class: ClassVar[type[forms.Form]]

    def clean(self, params: Params) -> Params:
        """The thresholds with defaults filled in, checked by the form; ValidationError names the fields."""
        form = self.form_class({**self.defaults(), **params})
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        return dict(form.cleaned_data)

    def defaults(self) -> Params:
        return {name: item.initial for name, item in self.form_class().fields.items()}

    @abstractmethod
    def describe(self, params: Params) -> str:
        """The thresholds as a sentence in the reader's language."""

    def fit(self, frame: pd.DataFrame, params: Params, as_of: int) -> dict[str, Any]:
        """Borders that follow the base, as JSON; fitted rarely and kept in between. Nothing to fit by default."""
        return {}

    @abstractmethod
    def apply(
        self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int
    ) -> Outcome: ...

    def reason(self, cause: Cause | None) -> str:
        """What made a patient move, in the reader's language; empty when it is not known (the first membership)."""
        return "; ".join(str(reason_label(code)) for code in (cause or {}).get("reasons", []))

    def index(self, code: str) -> int:
        return self.segments.index(code)


MEMBERS = "members"


class AskedKind(Kind):
    """A kind with a single segment, whose members the database names when it is asked.

    It is asked after the memberships of all other kinds have been written: a rule may be about them. Nothing is fitted,
    no metric is read, nobody moves between segments; patients enter and leave.
    """

    segments = (MEMBERS,)
    metrics = ()

    @abstractmethod
    def members(self, segmentation: int, params: Params, as_of: datetime.date) -> tuple[str, dict[str, Any]] | None:
        """A query for the ids of the members and its parameters. None: it cannot be asked any more (a service it is
        about is gone); then everybody stays where they are until somebody has looked at it."""

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        raise TypeError(f"{self.code}: members are asked for, not computed from a frame")


# Nobody pays a trillion; a border beyond it is a slip of the finger.
LARGEST_BORDER = 10**12


class BordersField(forms.CharField):
    """Ascending numbers, written with semicolons: `1; 1,5; 2; 3`. Cleaned to a list of floats."""

    def __init__(self, *, count: int, **kwargs: Any) -> None:
        self.count = count
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return numbers(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else super().to_python(value)

    def clean(self, value: Any) -> list[float]:
        text = self.to_python(value)
        parts = text if isinstance(text, list | tuple) else [part for part in str(text).split(";") if part.strip()]
        try:
            borders = [float(str(part).replace(",", ".").replace(" ", "").replace("\u00a0", "")) for part in parts]
        except ValueError:
            raise ValidationError(gettext("Write numbers separated by semicolons, for example 1; 1.5; 2; 3.")) from None
        if len(borders) != self.count:
            raise ValidationError(gettext("%(count)d numbers are needed.") % {"count": self.count})
        if not all(0 <= number <= LARGEST_BORDER for number in borders):
            raise ValidationError(gettext("Numbers from 0 to %(largest)s.") % {"largest": f"{LARGEST_BORDER:,}"})
        if any(a >= b for a, b in pairwise(borders)):
            raise ValidationError(gettext("Each number must be greater than the one before it."))
        return borders


def numbers(values: Sequence[float]) -> str:
    """Borders in a sentence or a field, in the reader's decimals; never 1e+06."""
    mark = formats.get_format("DECIMAL_SEPARATOR")
    return "; ".join(f"{value:.2f}".rstrip("0").rstrip(".").replace(".", mark) for value in values)
