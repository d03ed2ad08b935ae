"""One call takes up to 10 000 items of one resource of one source, in one transaction."""

from collections.abc import Sequence
from typing import Any

from patients.models import IngestBatch, Integration
from patients.services.ingest.report import IngestReport

MAX_ITEMS = 10_000


def ingest(
    source: Integration,
    resource: str,
    items: Sequence[Any],
    *,
    origin: str = IngestBatch.Origin.API,
    batch: IngestBatch | None = None,
    rows: Sequence[int] | None = None,
    keep_rejected: bool = True,
) -> IngestReport:
    """Take `items` (JSON values: dates and times are ISO strings) and say what became of each.

    `batch`: count into this running batch, whose state stays the caller's; without it a finished batch is written.
    `rows`: the numbers to keep with rejected items (line numbers of a file) instead of their index.
    `keep_rejected=False` (replay): rejected items are only reported; no `Rejected` row is written.
    """
    raise NotImplementedError
