"""Puts a generated clinic into the database, in one transaction: all of it or nothing."""

import datetime
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import groupby
from operator import itemgetter

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from patients.demo import binary, catalogue, tables
from patients.demo.blocks import Block, generate
from patients.demo.openings import post_slots
from patients.demo.plan import Plan
from patients.demo.rows import COLUMNS, Keys, Offsets, encoded
from patients.models import (
    AcquisitionChannel,
    Branch,
    ChannelSpend,
    Doctor,
    IngestBatch,
    Integration,
    Patient,
    Service,
    ServiceGroup,
)
from patients.models.intake import Resource

log = logging.getLogger(__name__)

SOURCE = "demo"
STRIP_FROM = 5_000  # patients from which rebuilding the indexes is cheaper than keeping them

Progress = Callable[[str], None]


class NotEmpty(Exception):
    """The database has patients already: a demo clinic is never mixed with them."""


def seed(
    patients: int = 400, years: float = 3, seed: int = 7, as_of: datetime.date | None = None,
    progress: Progress | None = None,
) -> Offsets:  # fmt: skip
    """Fill an empty database with a demo clinic; returns the number of rows of each fact table.

    The same arguments give the same rows. `as_of` is the day on which the clinic is seen (today when omitted): visits
    before it have happened, those of the following 60 days are booked.
    """
    return load(Plan(patients, years, seed, as_of or timezone.localdate()), progress)


def load(plan: Plan, progress: Progress | None = None) -> Offsets:
    """Generate the blocks of the plan and load them. A second thread generates while this one sends."""
    tell = progress or log.info
    big = plan.patients >= STRIP_FROM
    with transaction.atomic():
        _refuse_unless_empty()
        keys = _load_catalogue()
        names = list(tables.FACT_TABLES)
        with tables.without_change_triggers(names), tables.stripped(names, tell) if big else nullcontext():
            offsets, registered = _load_blocks(plan, keys, frozen=big, tell=tell)
        tables.restart_sequences(names)
        _load_spend(plan, keys, registered)
        tables.analyze(names)
        _note_batches(keys, offsets, post_slots(keys.source, plan.as_of))
    return offsets


def _refuse_unless_empty() -> None:
    with connection.cursor() as cursor:
        # Two seeds at once: the second waits here and then finds patients.
        cursor.execute("LOCK TABLE patients_patient IN ACCESS EXCLUSIVE MODE")
    if Patient.objects.exists():
        raise NotEmpty


def _load_blocks(plan: Plan, keys: Keys, frozen: bool, tell: Progress) -> tuple[Offsets, np.ndarray]:
    offsets = Offsets()
    registered = np.zeros((len(catalogue.CHANNELS), 12 * 300), dtype=np.int64)
    for block in _blocks(plan):
        for table, chunks in groupby(encoded(block, offsets, keys), key=itemgetter(0)):
            with _copy(table, frozen) as write:
                for _, rows in chunks:
                    write(rows)
        months = plan.calendar.months_since_1970(block.people.registered)
        np.add.at(registered, (block.people.channel, months), 1)
        offsets = offsets.after(block)
        tell(f"{offsets.patients:,} of {plan.patients:,} patients, {offsets.visits:,} visits".replace(",", " "))
    return offsets, registered


def _blocks(plan: Plan) -> Iterator[Block]:
    """Blocks in order, one ahead: numpy and libpq both let the other thread run."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(generate, plan, 0)
        for number in range(1, len(plan.sizes) + 1):
            block = ahead.result()
            if number < len(plan.sizes):
                ahead = pool.submit(generate, plan, number)
            yield block
            del block


@contextmanager
def _copy(table: str, frozen: bool) -> Iterator[Callable[[bytes], None]]:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary{})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table].split())),
        sql.SQL(", FREEZE" if frozen else ""),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(binary.HEADER)
        yield copy.write
        copy.write(binary.TRAILER)


def _load_catalogue() -> Keys:
    """Branches, doctors, services and channels of the demo source; present ones are kept."""
    source, _ = Integration.objects.get_or_create(
        code=SOURCE, defaults={"name": "Демонстрационная МИС", "active": True}
    )
    channels = [AcquisitionChannel.objects.get_or_create(name=c.name)[0].pk for c in catalogue.CHANNELS]
    groups = {
        name: ServiceGroup.objects.get_or_create(name=name)[0] for name in {s.group: 0 for s in catalogue.SERVICES}
    }
    branches = [
        Branch(
            source=source,
            external_id=b.code,
            name=b.name,
            city=b.city,
            timezone=b.timezone,
            review_url=f"https://example.com/reviews/{b.code.lower()}",
        )
        for b in catalogue.BRANCHES
    ]
    branch_keys = _kept(Branch, source, branches)
    doctors = [
        Doctor(
            source=source, external_id=d.code, name=d.name, specialty=d.specialty, branch_id=int(branch_keys[d.branch])
        )
        for d in catalogue.DOCTORS
    ]
    services = [
        Service(
            source=source, external_id=s.code, name=s.name, group=groups[s.group], price=s.price,
            cost=round(s.price * s.cost_share), recall_days=s.recall_days, sensitive=s.sensitive, sex=s.sex,
            min_age=s.min_age, max_age=s.max_age,
        )
        for s in catalogue.SERVICES
    ]  # fmt: skip
    doctor_keys = np.append(_kept(Doctor, source, doctors), 0)
    return Keys(source.pk, branch_keys, doctor_keys, _kept(Service, source, services), np.array(channels))


def _kept(model: type, source: Integration, wanted: list) -> np.ndarray:
    """Insert what is missing; primary keys in the order wanted."""
    model.objects.bulk_create(wanted, ignore_conflicts=True)  # type: ignore[attr-defined]
    found = dict(model.objects.filter(source=source).values_list("external_id", "pk"))  # type: ignore[attr-defined]
    return np.array([found[row.external_id] for row in wanted])


def _note_batches(keys: Keys, rows: Offsets, slots: int) -> None:
    """The data page says where the facts came from, as after the first transfer from a MIS."""
    counts = {
        Resource.PATIENTS: rows.patients, Resource.VISITS: rows.visits, Resource.PAYMENTS: rows.payments,
        Resource.FEEDBACK: rows.feedback, Resource.CONSENTS: rows.consents,
        Resource.PACKAGES: rows.packages, Resource.SLOTS: slots,
    }  # fmt: skip
    IngestBatch.objects.bulk_create(
        IngestBatch(
            source_id=keys.source, resource=resource, origin=IngestBatch.Origin.FILE, state=IngestBatch.State.DONE,
            file_name=f"demo-{resource}", expected=count, received=count, created=count, finished_at=timezone.now(),
        )
        for resource, count in counts.items()
    )  # fmt: skip


def _load_spend(plan: Plan, keys: Keys, registered: np.ndarray) -> None:
    """Each month's spend buys about that month's patients, at the channel's cost, with ups and downs."""
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(2**31,)))
    noise = rng.lognormal(0.0, 0.12, registered.shape)
    first = plan.calendar.months_since_1970(np.array([plan.start]))[0]
    last = plan.calendar.months_since_1970(np.array([plan.end - 1]))[0]
    rows = []
    for number, channel in enumerate(catalogue.CHANNELS):
        if not channel.cost_per_patient:
            continue
        for month in range(first, last + 1):
            # Mixed with the mean of the year, because a contract does not follow each single patient.
            near = registered[number, max(first, month - 5) : month + 1].mean()
            bought = 0.5 * registered[number, month] + 0.5 * near
            amount = round(bought * channel.cost_per_patient * noise[number, month], -2)
            day = datetime.date(1970 + month // 12, month % 12 + 1, 1)
            rows.append(ChannelSpend(channel_id=int(keys.channels[number]), month=day, amount=amount))
    ChannelSpend.objects.bulk_create(rows, ignore_conflicts=True)
