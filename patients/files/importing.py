"""A file goes in: rows are read, turned into items by a mapping and handed to ingest in chunks.

Killed in the middle and run again, it ends in the same rows: every item has an id of the source, so what is already
there is unchanged. Memory holds one chunk, whatever the size of the file.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from patients.files import values
from patients.files.expressions import Row
from patients.files.mapping import FileMapping, Made, ResourceReader, RowReader, compile_mapping
from patients.files.readers import Cells, FileError, Table, open_table
from patients.models import IngestBatch, Integration
from patients.services.ingest import RejectedItem, ingest, rejections

CHUNK = 10_000
SHOWN_REJECTIONS = 50


@dataclass
class Tally:
    """What became of the items of one resource.

    `repeated` items stood in the same chunk before, word for word: a branch named in every line goes in once.
    `warned` items were taken without a phone or an e-mail that nobody could use.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    warned: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Refusal:
    resource: str
    line: int
    errors: dict[str, Any]


@dataclass
class Outcome:
    """What an import did; `refusals` are the first few, all of them are on the data page."""

    rows: int = 0
    skipped: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        return sum(tally.rejected for tally in self.tallies.values())


Progress = Callable[[int, int], None]


def import_file(
    path: Path,
    mapping: FileMapping,
    source: Integration,
    *,
    main: str,
    only: Sequence[str] = (),
    limit: int | None = None,
    dry_run: bool = False,
    progress: Progress = lambda done, expected: None,
    file_name: str = "",
) -> Outcome:
    """Take the rows of a file in. `main` is the resource the file is about: rows that fit no column are its.

    `dry_run` does everything and rolls it back, so its counts are those of the real run.
    """
    table = open_table(path, mapping.layout)
    reader = compile_mapping(mapping, table.columns, only)
    name = (file_name or path.name)[:200]
    with _alone(source, name), transaction.atomic() if dry_run else nullcontext():
        importing = _Import(source, table, reader, mapping.layout.form, main, name, limit)
        outcome = importing.run(progress)
        if dry_run:
            transaction.set_rollback(True)
    return outcome


@contextmanager
def _alone(source: Integration, file_name: str) -> Iterator[None]:
    """One import of a file at a time; a batch found `running` here has lost its process."""
    key = f"import_file:{source.pk}:{file_name}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        if not cursor.fetchone()[0]:
            raise FileError(_("This file is being imported right now."))
    try:
        IngestBatch.objects.filter(
            source=source, origin=IngestBatch.Origin.FILE, file_name=file_name, state=IngestBatch.State.RUNNING
        ).update(state=IngestBatch.State.FAILED, error=_("Interrupted."), finished_at=timezone.now())
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


class _Import:
    def __init__(
        self, source: Integration, table: Table, reader: RowReader, form: str, main: str, name: str, limit: int | None
    ) -> None:
        self.source, self.table, self.reader, self.limit = source, table, reader, limit
        self.form, self.main = form, main
        self.expected = table.expected if limit is None else min(limit, table.expected)
        self.outcome = Outcome(tallies={one.resource: Tally() for one in reader.readers})
        self.batches = {
            one.resource: IngestBatch.objects.create(
                source=source, resource=one.resource, origin=IngestBatch.Origin.FILE, file_name=name,
                expected=self.expected,
            )
            for one in reader.readers
        }  # fmt: skip

    def run(self, progress: Progress) -> Outcome:
        try:
            for chunk in self._chunks():
                self._take(chunk)
                progress(self.outcome.rows, self.expected)
        except Exception as error:
            self._finish(IngestBatch.State.FAILED, str(error) if isinstance(error, FileError) else type(error).__name__)
            raise
        self._finish(IngestBatch.State.DONE)
        return self.outcome

    def _chunks(self) -> Iterator[list[tuple[int, Cells]]]:
        rows = islice(self.table.rows, self.limit)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def _take(self, chunk: Sequence[tuple[int, Cells]]) -> None:
        rows = []
        for line, cells in chunk:
            row = Row(line, cells)
            if self._misfit(cells):
                self._reject_misfit(row)
            elif self.reader.wanted(row):
                rows.append(row)
            else:
                self.outcome.skipped += 1
        for one in self.reader.readers:
            self._take_resource(one, rows)
        # The chunk is counted once it is in, so that `received` is what a run that was killed has left.
        self.outcome.rows += len(chunk)

    def _misfit(self, cells: Cells) -> bool:
        """More cells than columns: a delimiter inside a value has moved everything behind it. Text allows no gaps."""
        named = len(self.table.columns)
        return bool(named) and (len(cells) != named if self.form == "text" else len(cells) > named)

    def _take_resource(self, one: ResourceReader, rows: Sequence[Row]) -> None:
        tally = self.outcome.tallies[one.resource]
        before = tally.repeated
        items: list[dict[str, Any]] = []
        lines: list[int] = []
        last: dict[Any, dict[str, Any]] = {}
        unread: list[tuple[int, Made]] = []
        for row in rows:
            made = one.read(row)
            if made is None:
                continue
            if made.errors:
                unread.append((row.line, made))
                continue
            key = made.item.get("external_id")
            if key is not None and last.get(key) == made.item:
                tally.repeated += 1
                continue
            last[key] = made.item
            items.append(made.item)
            lines.append(row.line)
        self._reject(one.resource, unread)
        self._ingest(one.resource, items, lines)
        if repeated := tally.repeated - before:
            IngestBatch.objects.filter(pk=self.batches[one.resource].pk).update(
                received=F("received") + repeated, unchanged=F("unchanged") + repeated
            )

    def _ingest(self, resource: str, items: list[dict[str, Any]], lines: list[int]) -> None:
        if not items:
            return
        report = ingest(
            self.source, resource, items, origin=IngestBatch.Origin.FILE, batch=self.batches[resource], rows=lines
        )
        tally = self.outcome.tallies[resource]
        tally.created += report.created
        tally.updated += report.updated
        tally.unchanged += report.unchanged
        tally.rejected += len(report.rejected)
        tally.warned += len(report.warnings)
        for refused in report.rejected:
            self._show(Refusal(resource, lines[refused.index], refused.errors))

    def _reject_misfit(self, row: Row) -> None:
        counts = {"cells": len(row.cells), "columns": len(self.table.columns)}
        problem = _("The line has %(cells)s cells, the file has %(columns)s columns.") % counts
        cells = [values.text(cell)[:200] for cell in row.cells[:100]]
        self._reject(self.main, [(row.line, Made({"unread": cells}, {"row": [problem]}))])

    def _reject(self, resource: str, unread: Sequence[tuple[int, Made]]) -> None:
        """Keep aside what could not be read; ingest never sees it."""
        if not unread:
            return
        batch = self.batches[resource]
        refused = [RejectedItem(n, _id(made.item), made.errors) for n, (_line, made) in enumerate(unread)]
        with transaction.atomic():
            rejections.keep(batch, refused, [made.item for _line, made in unread], [line for line, _made in unread])
            IngestBatch.objects.filter(pk=batch.pk).update(
                received=F("received") + len(unread), rejected=F("rejected") + len(unread)
            )
        self.outcome.tallies[resource].rejected += len(unread)
        for line, made in unread:
            self._show(Refusal(resource, line, made.errors))

    def _show(self, refusal: Refusal) -> None:
        if len(self.outcome.refusals) < SHOWN_REJECTIONS:
            self.outcome.refusals.append(refusal)

    def _finish(self, state: str, error: str = "") -> None:
        ids = [batch.pk for batch in self.batches.values()]
        IngestBatch.objects.filter(pk__in=ids).update(state=state, error=error[:1000], finished_at=timezone.now())


def _id(item: dict[str, Any]) -> str:
    found = item.get("external_id")
    return found[:64] if isinstance(found, str) else ""
