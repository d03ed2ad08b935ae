"""One call takes up to 10 000 items of one resource of one source, in one transaction."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from psycopg import errors as pg

from patients.models import IngestBatch, Integration
from patients.models.intake import Resource
from patients.services.ingest import checks, consents, implied, rejections, visits, zones
from patients.services.ingest.messages import say
from patients.services.ingest.pauses import without_pauses
from patients.services.ingest.plans import PLANS, Plan
from patients.services.ingest.report import IngestReport, RejectedItem
from patients.services.ingest.staging import stage
from patients.services.ingest.upsert import Written, create_names, create_stubs, upsert
from patients.services.ingest.validation import Checked, check

MAX_ITEMS = 10_000
ATTEMPTS = 4
REPEATABLE = (pg.DeadlockDetected, pg.SerializationFailure)


def ingest(
    source: Integration,
    resource: str,
    items: Sequence[Any],
    *,
    origin: str = IngestBatch.Origin.API,
    batch: IngestBatch | None = None,
    rows: Sequence[int] | None = None,
    keep_rejected: bool = True,
    journal: bool = True,
) -> IngestReport:
    """Take `items` (JSON values: dates and times are ISO strings) and say what became of each.

    `batch`: count into this running batch, whose state stays the caller's; without it a finished batch is written.
    `rows`: the numbers to keep with rejected items (line numbers of a file) instead of their index.
    `keep_rejected=False` (replay): rejected items are only reported; no `Rejected` row is written.
    `journal=False` (a single PUT): a batch is written only when something was rejected.
    """
    if len(items) > MAX_ITEMS:
        raise ValueError(f"at most {MAX_ITEMS} items at once")
    with without_pauses():
        for attempt in range(ATTEMPTS):
            try:
                with transaction.atomic():
                    report = _take(source, Resource(resource), items)
                    if journal or report.rejected or report.warnings or batch is not None:
                        book = batch or _finished_batch(source, resource, origin, len(items))
                        _count(book, report, len(items))
                        if keep_rejected:
                            rejections.keep(book, report.rejected + report.warnings, items, rows)
                return report
            except OperationalError as problem:
                if not isinstance(problem.__cause__, REPEATABLE) or connection.in_atomic_block:
                    raise
                if attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError("unreachable")


def _finished_batch(source: Integration, resource: str, origin: str, expected: int) -> IngestBatch:
    return IngestBatch.objects.create(
        source=source,
        resource=resource,
        origin=origin,
        state=IngestBatch.State.DONE,
        expected=expected,
        finished_at=timezone.now(),
    )


def _take(source: Integration, resource: Resource, items: Sequence[Any]) -> IngestReport:
    if resource == Resource.VISITS:
        return _take_visits(source, items)
    checked = check(resource, items)
    if resource == Resource.CONSENTS:
        checks.consent_moments(checked)
        report = _take_consents(source, checked)
    else:
        report = _take_rows(source, resource, checked)
    report.rejected = sorted(checked.rejected, key=lambda item: item.index)
    report.warnings = checked.warnings
    return report


def _take_visits(source: Integration, items: Sequence[Any]) -> IngestReport:
    """Only those that differ from what made their row go the long way."""
    known, hashes = visits.recognise(items, source.pk)
    others = [at for at in range(len(items)) if at not in known]
    report = IngestReport()
    if others:
        checked = check(Resource.VISITS, [items[at] for at in others])
        for value, at in zip(checked.values, checked.index, strict=True):
            value["posted_hash"] = hashes[others[at]]
        report = _take_rows(source, Resource.VISITS, checked)
        report.rejected = sorted(checked.rejected, key=lambda item: item.index)
        for item in report.rejected:
            item.index = others[item.index]
    report.unchanged += len(known)
    _settle(source, Resource.VISITS, [items[at]["external_id"].strip() for at in known])
    return report


def _take_rows(source: Integration, resource: Resource, checked: Checked) -> IngestReport:
    checks.stamp(checked, timezone.now())
    checks.keep_last(checked)
    if resource in checks.RULES:
        checks.RULES[resource](checked, source)
    if resource == Resource.VISITS:
        visits.prepare(checked)
    plan = PLANS[resource]
    params = {"source": source.pk, "zone": settings.TIME_ZONE}
    table = f"stage_{resource.value}"
    stage(table, plan.staged, map(itemgetter(*plan.staged), checked.values))
    if "visit" in plan.stage:
        _reject_unknown_visits(table, checked, params)
    stubs = _create_missing(table, plan, params)
    services = visits.service_ids(checked, source.pk) if resource == Resource.VISITS else {}
    written = upsert(table, plan, params)
    if resource == Resource.VISITS:
        visits.write_items(checked, written, source.pk, services)
        if source.implied_payments:
            implied.keep_in_step(source, [visit.id for visit in written])
    if resource == Resource.BRANCHES:
        zones.rederive_days([branch.id for branch in written if branch.flag])
    warned = {item.external_id for item in checked.warnings}
    _settle(source, resource, [v["external_id"] for v in checked.values if v["external_id"] not in warned])
    return _counted(checked, written, stubs)


def _create_missing(table: str, plan: Plan, params: dict[str, Any]) -> set[str]:
    """Names and stubs in the order branches, doctors, patients. Returns the stubs made in the plan's own table."""
    own: set[str] = set()
    for field, names in plan.names:
        create_names(table, field, names)
    for field, target in plan.references:
        made = create_stubs(table, field, target, params)
        if target == plan.table:
            own |= made
    return own


def _counted(checked: Checked, written: list[Written], stubs: set[str]) -> IngestReport:
    """A patient first named as a guardian in the same request is new, although a stub was there a moment before."""
    created = sum(row.created or row.external_id in stubs for row in written)
    updated = sum(row.changed for row in written) - created
    return IngestReport(created, updated, len(checked.values) + checked.superseded - created - updated)


def _reject_unknown_visits(table: str, checked: Checked, params: dict[str, Any]) -> None:
    """A payment for an unknown visit would lose its link for good: it waits among the rejected until it is replayed."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {table} s WHERE s.visit IS NOT NULL AND NOT EXISTS (
                SELECT FROM patients_visit v WHERE v.source_id = %(source)s AND v.external_id = s.visit
            ) RETURNING s.external_id
            """,
            params,
        )
        unknown = {external_id for (external_id,) in cursor.fetchall()}
    checked.reject(
        {
            position: {"visit": [say("unknown_visit")]}
            for position, value in enumerate(checked.values)
            if value["external_id"] in unknown
        }
    )


def _take_consents(source: Integration, checked: Checked) -> IngestReport:
    consents.stage_words(checked.values)
    params = {"source": source.pk, "zone": settings.TIME_ZONE}
    create_stubs(consents.STAGE, "patient", "patients_patient", params)
    created, updated = consents.take_words(source.pk)
    return IngestReport(created, updated, len(checked.values) - created - updated)


def _settle(source: Integration, resource: Resource, taken: list[str]) -> None:
    if taken and rejections.any_open(source.pk, resource):
        rejections.resolve(source.pk, resource, taken)


def _count(batch: IngestBatch, report: IngestReport, received: int) -> None:
    IngestBatch.objects.filter(pk=batch.pk).update(
        received=F("received") + received,
        created=F("created") + report.created,
        updated=F("updated") + report.updated,
        unchanged=F("unchanged") + report.unchanged,
        rejected=F("rejected") + len(report.rejected),
    )


__all__ = ["MAX_ITEMS", "IngestReport", "RejectedItem", "ingest"]
