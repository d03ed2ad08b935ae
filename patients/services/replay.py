"""Rejected items go through ingest once more, after a setting or a reference has been put right."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Model
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from patients.models import (
    Branch,
    Doctor,
    Feedback,
    IngestBatch,
    Integration,
    Package,
    Patient,
    Payment,
    Rejected,
    Service,
    Slot,
    Visit,
)
from patients.services.ingest import ingest

CHUNK = 1000
ATTEMPTS = 3
# References first, as in files: a patient replayed together with its visit must go in before it.
_ORDER = (
    "branches",
    "doctors",
    "services",
    "patients",
    "visits",
    "payments",
    "feedback",
    "consents",
    "packages",
    "slots",
)
_MODELS: dict[str, type[Model]] = {
    "branches": Branch, "doctors": Doctor, "services": Service, "patients": Patient,
    "visits": Visit, "payments": Payment, "feedback": Feedback,
    "packages": Package, "slots": Slot,
}  # fmt: skip


@dataclass
class Replay:
    """What became of the items: taken; still bad; overtaken by a later word of the source; unreadable in the file."""

    taken: int = 0
    still_bad: int = 0
    overtaken: int = 0
    unreadable: int = 0

    def __iadd__(self, other: "Replay") -> "Replay":
        self.taken += other.taken
        self.still_bad += other.still_bad
        self.overtaken += other.overtaken
        self.unreadable += other.unreadable
        return self

    @property
    def looked_at(self) -> int:
        return self.taken + self.still_bad + self.overtaken + self.unreadable


def replay(rejected_ids: Iterable[int]) -> Replay:
    """Send stored payloads through ingest again. Taken → `replayed`; still bad → its errors are brought up to date.

    An item whose id the source has posted again since then is not sent: the old payload would undo the newer one.
    It is dismissed. A cell that no mapping could read stays open: the file has to be imported anew.
    """
    done = Replay()
    ids = list(dict.fromkeys(rejected_ids))
    for start in range(0, len(ids), CHUNK):
        done += _replay_whole(ids[start : start + CHUNK])
    return done


def _replay_whole(ids: list[int]) -> Replay:
    """One chunk in one transaction; begun anew when it crossed a bulk request of the same rows (a deadlock)."""
    for left in reversed(range(ATTEMPTS)):
        try:
            with transaction.atomic():
                return _replay_chunk(ids)
        except OperationalError as problem:
            if not left or connection.in_atomic_block or not isinstance(problem.__cause__, DeadlockDetected):
                raise
    raise AssertionError("unreachable")


def _replay_chunk(ids: list[int]) -> Replay:
    """Rows locked by another replay are left to it, so an item asked for twice goes in once."""
    rows = (
        Rejected.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk__in=ids, resolution=Rejected.Resolution.OPEN)
        .select_related("batch__source")
        .order_by("pk")
    )
    groups: dict[tuple[str, int], list[Rejected]] = defaultdict(list)
    done = Replay()
    for row in rows:
        if _unread(row.payload):
            done.unreadable += 1
        else:
            groups[row.batch.resource, row.batch.source_id].append(row)
    for resource, source_id in sorted(groups, key=lambda group: (_ORDER.index(group[0]), group[1])):
        done += _replay_group(resource, groups[resource, source_id])
    return done


def _replay_group(resource: str, rows: list[Rejected]) -> Replay:
    source = rows[0].batch.source
    newer = _posted_since(source, resource, rows)
    overtaken = [row for row in rows if row.pk in newer]
    left = [row for row in rows if row.pk not in newer]
    _resolve(overtaken, Rejected.Resolution.DISMISSED)
    if not left:
        return Replay(overtaken=len(overtaken))
    report = ingest(
        source, resource, [row.payload for row in left], origin=IngestBatch.Origin.REPLAY, keep_rejected=False
    )
    # A warning is an item that was taken without its phone or e-mail: it waits until the contact is right.
    bad = {item.index: item.errors for item in [*report.rejected, *report.warnings]}
    for index, errors in bad.items():
        left[index].errors = errors
    Rejected.objects.bulk_update([left[index] for index in bad], ["errors"], batch_size=500)
    taken = [row for index, row in enumerate(left) if index not in bad]
    _resolve(taken, Rejected.Resolution.REPLAYED)
    return Replay(taken=len(taken), still_bad=len(bad), overtaken=len(overtaken))


def _posted_since(source: Integration, resource: str, rows: list[Rejected]) -> set[int]:
    model = _MODELS.get(resource)
    named = {row.external_id for row in rows if row.external_id}
    if model is None or not named:
        return set()
    described = model._default_manager.filter(source=source, external_id__in=named)
    if resource in {"branches", "doctors", "services", "patients"}:
        described = described.filter(stub=False)
    changed = dict(described.values_list("external_id", "updated_at"))
    return {row.pk for row in rows if row.external_id in changed and changed[row.external_id] > row.created_at}


def _resolve(rows: list[Rejected], resolution: str) -> None:
    Rejected.objects.filter(pk__in=[row.pk for row in rows]).update(resolution=resolution, resolved_at=timezone.now())


def _unread(payload: Any) -> bool:
    """A cell of a file that could not be read stands in the payload as `{"unread": …}`, at the top or in an item."""
    if not isinstance(payload, dict):
        return False
    parts = [payload, *(line for line in payload.get("items") or [] if isinstance(line, dict))]
    return any("unread" in part or any(_is_mark(value) for value in part.values()) for part in parts)


def _is_mark(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"unread"}


def dismiss(rejected_ids: Iterable[int]) -> int:
    """Put open items aside for good; they stay readable under "dismissed"."""
    return Rejected.objects.filter(pk__in=list(rejected_ids), resolution=Rejected.Resolution.OPEN).update(
        resolution=Rejected.Resolution.DISMISSED, resolved_at=timezone.now()
    )
