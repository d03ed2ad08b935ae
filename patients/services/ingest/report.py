"""What became of the posted items."""

from dataclasses import dataclass, field
from typing import Any

Errors = dict[str, list[str]]


@dataclass(slots=True)
class RejectedItem:
    """An item (or a part of it) that could not be taken: its place in the request and its errors by field path."""

    index: int
    external_id: str
    errors: Errors

    def as_dict(self) -> dict[str, Any]:
        return {"index": self.index, "external_id": self.external_id, "errors": self.errors}


@dataclass(slots=True)
class IngestReport:
    """Counts of one call: created + updated + unchanged + len(rejected) is the number of items.

    `warnings` name items that were taken without a contact that nobody could use (a phone, an e-mail); they are
    counted among the taken ones, and left out of the answer when there are none.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[RejectedItem] = field(default_factory=list)
    warnings: list[RejectedItem] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": [item.as_dict() for item in self.rejected],
        }
        if self.warnings:
            answer["warnings"] = [item.as_dict() for item in self.warnings]
        return answer
