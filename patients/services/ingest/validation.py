"""Posted items -> checked items, and what is wrong with the others.

The whole list is checked in one call; only when that fails are the bad items set aside and the rest checked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from patients.models.intake import Resource
from patients.services.ingest import items as models
from patients.services.ingest.messages import say
from patients.services.ingest.report import Errors, RejectedItem

MODELS: dict[str, type[models.Item]] = {
    Resource.BRANCHES: models.BranchItem,
    Resource.DOCTORS: models.DoctorItem,
    Resource.SERVICES: models.ServiceItem,
    Resource.PATIENTS: models.PatientItem,
    Resource.VISITS: models.VisitItem,
    Resource.PAYMENTS: models.PaymentItem,
    Resource.FEEDBACK: models.FeedbackItem,
    Resource.CONSENTS: models.ConsentItem,
    Resource.PACKAGES: models.PackageItem,
    Resource.SLOTS: models.SlotItem,
}
# Times that mean the clock on a branch's wall when they carry no offset.
MOMENTS: dict[str, tuple[str, ...]] = {
    Resource.PATIENTS: ("registered_at",),
    Resource.VISITS: ("starts_at",),
    Resource.PAYMENTS: ("paid_at",),
    Resource.FEEDBACK: ("given_at",),
}
# What a clinic decides about its services in the admin when the MIS does not know it: left out, it stays as it is.
CLINICS_WORD = ("cost", "recall_days", "sensitive", "min_age", "max_age", "sex")
MAX_ERRORS = 50
Values = dict[str, Any]


@dataclass
class Checked:
    """Items on their way in: `values[i]` was posted at `index[i]`."""

    values: list[Values]
    index: list[int]
    rejected: list[RejectedItem] = field(default_factory=list)
    warnings: list[RejectedItem] = field(default_factory=list)
    superseded: int = 0

    def reject(self, errors_by_position: dict[int, Errors]) -> None:
        """Take the items at these positions out."""
        if not errors_by_position:
            return
        for position, errors in errors_by_position.items():
            self.rejected.append(RejectedItem(self.index[position], external_id(self.values[position]), errors))
        keep = [position for position in range(len(self.values)) if position not in errors_by_position]
        self.values = [self.values[position] for position in keep]
        self.index = [self.index[position] for position in keep]

    def warn(self, position: int, errors: Errors) -> None:
        self.warnings.append(RejectedItem(self.index[position], external_id(self.values[position]), errors))


@lru_cache
def adapter(resource: str) -> TypeAdapter[list[models.Item]]:
    return TypeAdapter(list[MODELS[resource]])  # type: ignore[valid-type]


def external_id(item: Any) -> str:
    """The identifier of an item that may be anything; empty when it has none."""
    value = item.get("external_id") if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return clean(str(value)).strip()[:64]


def clean(text: str) -> str:
    """Text that PostgreSQL can store."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def check(resource: str, items: Sequence[Any]) -> Checked:
    posted = list(items)
    try:
        good = adapter(resource).validate_python(posted)
    except ValidationError as problem:
        errors = by_item(resource, problem)
        rejected = [RejectedItem(at, external_id(posted[at]), wrong) for at, wrong in errors.items()]
        index = [at for at in range(len(posted)) if at not in errors]
        posted = [posted[at] for at in index]
        good = adapter(resource).validate_python(posted)
        return Checked(_values(resource, good, posted), index, rejected)
    return Checked(_values(resource, good, posted), list(range(len(good))))


def _values(resource: str, good: list[models.Item], posted: list[Any]) -> list[Values]:
    """The fields of the items; times stay as they were written, PostgreSQL reads them (and much faster)."""
    values = list(map(vars, good))
    for name in MOMENTS.get(resource, ()):
        for value, item in zip(values, posted, strict=True):
            value[name] = item.get(name)
    if resource == Resource.SERVICES:
        for value, model in zip(values, good, strict=True):
            value["unsaid"] = ",".join(name for name in CLINICS_WORD if name not in model.model_fields_set)
    return values


def by_item(resource: str, problem: ValidationError) -> dict[int, Errors]:
    """The errors of a list by index and field path."""
    found: dict[int, Errors] = {}
    for error in problem.errors(include_url=False, include_input=False):
        at, *path = error["loc"]
        errors = found.setdefault(int(at), {})
        if len(errors) < MAX_ERRORS:
            name = clean(".".join(map(str, path)))[:200] or "item"
            kind = error["type"]
            if kind == "money" and resource == Resource.PAYMENTS:
                kind = "amount"
            errors.setdefault(name, []).append(say(kind, error.get("ctx")))
    return found
