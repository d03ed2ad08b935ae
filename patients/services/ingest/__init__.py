"""Facts come in: validation, staging by COPY, one upsert. `ingest` is the only door, for REST, files and replay."""

from patients.services.ingest.deletion import delete
from patients.services.ingest.implied import keep_in_step
from patients.services.ingest.report import IngestReport, RejectedItem
from patients.services.ingest.service import MAX_ITEMS, ingest

__all__ = ["MAX_ITEMS", "IngestReport", "RejectedItem", "delete", "ingest", "keep_in_step"]
