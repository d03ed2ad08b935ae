"""The one domain call of the metrics: who is concerned, what their facts add up to, which rows differ."""

import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from segmentation.selectors.cycles import days_in_use
from segmentation.services.metrics import facts, rhythms, scope, writing

# Above this share of the base, looking facts up patient by patient is slower than reading all of them in order.
FULL_ABOVE = 0.3
# Below this share the items are looked up visit by visit; the planner, unsure how many visits a patient has, would
# rather read all of them.
FEW_BELOW = 0.05
# Two refreshes at once would write the same rows; the second waits. Any number will do, it must only be ours.
LOCK = 0x6D657472696373

_NOT_KEPT = "NOT EXISTS (SELECT FROM patients_patient AS merged WHERE merged.merged_into_id = {patient})"
_CONCERNED = "{patient} IN (SELECT patient FROM night_patient)"
# Facts of people without a row of their own, and of those whose merged cards are added afterwards.
_DROP_STRANGERS = """
DELETE FROM night_rhythms WHERE patient_id IN (
    SELECT id FROM patients_patient WHERE deleted_at IS NOT NULL OR merged_into_id IS NOT NULL
    UNION ALL
    SELECT merged_into_id FROM patients_patient WHERE merged_into_id IS NOT NULL
)
"""


def refresh(as_of: datetime.date, *, full: bool, previous: datetime.date | None) -> int:
    """Bring Metrics and ServiceRhythm to the end of `as_of`; return how many rows were written or removed.

    Runs inside the caller's transaction. `previous` is the date of the last finished night. Patients recomputed: those
    in the log of changes (its rows are consumed here) and those for whom the passing of time alone moves a number.
    With `full`, or without `previous`, or when `as_of` is before it: everybody.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("metrics.refresh must run inside a transaction: the log of changes is consumed in it")
    night = _Night(as_of, previous)
    night.prepare()
    if full or previous is None or as_of < previous or night.concerns_many():
        written = night.recompute_everybody()
    else:
        written = night.recompute_concerned()
    night.keep_intervals()
    return written


class _Night:
    """One refresh; its temporary tables live until the transaction ends, or until the next round drops them."""

    def __init__(self, as_of: datetime.date, previous: datetime.date | None) -> None:
        self.previous = previous
        self.parameters: dict[str, Any] = {"as_of": as_of, "previous": previous, "zone": settings.TIME_ZONE}
        self.intervals = rhythms.BY_HAND

    def run(self, statement: str, **places: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(**places), self.parameters)
            return cursor.rowcount

    def value(self, query: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]

    def build(self, table: str, statement: str, *, key: str = "", **places: str) -> None:
        """Create a temporary table. Its key tells the planner that the rows are stored in order: it merges them."""
        self.run(f"DROP TABLE IF EXISTS {table}")
        self.run(statement, **places)
        if key:
            self.run(f"CREATE UNIQUE INDEX ON {table} ({key})")
        self.run(f"ANALYZE {table}")

    def prepare(self) -> None:
        self.run(f"SELECT pg_advisory_xact_lock({LOCK})")
        self.run("SET LOCAL jit = off")
        self.run("SET LOCAL work_mem = '64MB'")
        self.read_intervals()

    def read_intervals(self) -> None:
        by_hand, learned = days_in_use()
        rows = [(service, 0, days) for service, days in by_hand.items()]
        rows += [(service, cell, days) for service, cells in learned.items() for cell, days in enumerate(cells)]
        names = ("i_services", "i_cells", "i_days")
        self.parameters |= {name: [row[number] for row in rows] for number, name in enumerate(names)}
        self.parameters["i_learned"] = list(learned)
        self.intervals = rhythms.OR_LEARNED if learned else rhythms.BY_HAND
        self.build("night_intervals", rhythms.INTERVALS)
        self.build("night_recalls", rhythms.RECALLS)

    def keep_intervals(self) -> None:
        """The next night has to know with which intervals the due dates were computed."""
        self.run(scope.INTERVALS_GONE)
        self.run(scope.INTERVALS_USED)

    def concerns_many(self) -> bool:
        """Consume the log and find who is concerned; True when reading everybody's facts is cheaper."""
        self.build("night_touched", scope.TOUCHED)
        self.run(scope.CONSUMED)
        self.run(scope.MOVED_BY_TIME)
        self.run(scope.MOVED_BY_INTERVAL)
        self.run("ANALYZE night_touched")
        self.build("night_patient", scope.PATIENTS)
        return self.share() > FULL_ABOVE

    def share(self) -> float:
        """Share of the base that is to be recomputed; a small base is looked up patient by patient at any share."""
        concerned, everybody = (
            self.value(f"SELECT count(*) FROM {table}") for table in ("night_patient", "patients_patient")
        )
        return concerned / everybody if everybody > 1000 else 0.0

    def recompute_everybody(self) -> int:
        self.run(scope.FORGET_CHANGES)
        # Facts are read in the order of the index: aggregates over sorted input need no memory, where hashing a
        # million groups takes four times as long.
        self.run("SET LOCAL enable_hashagg = off")
        # Visits and items are stored in the same order: merging them needs no hash of every visit.
        self.summarize(facts.EVERYBODY, without=("hashjoin",))
        self.run(_DROP_STRANGERS)
        written = self.write(_NOT_KEPT)
        self.run("SET LOCAL enable_hashagg TO DEFAULT")
        self.build("night_patient", scope.KEPT_PATIENTS)
        if self.value("SELECT count(*) FROM night_patient"):
            written += self.recompute_concerned()
        return written

    def recompute_concerned(self) -> int:
        self.build("night_card", scope.CARDS)
        self.summarize(facts.CONCERNED, without=("hashjoin", "mergejoin") if self.share() < FEW_BELOW else ())
        return self.write(_CONCERNED)

    def summarize(self, source: facts.Source, *, without: tuple[str, ...]) -> None:
        """Build every summary; `without` names the ways of joining visits with items that the planner must not take."""
        places = source._asdict()
        for table, statement in facts.SUMMARIES.items():
            self.build(table, statement, key="patient", **places)
        for way in without:
            self.run(f"SET LOCAL enable_{way} = off")
        self.build("night_rhythms", rhythms.RHYTHMS, key="patient_id, service_id", **places)
        for way in without:
            self.run(f"SET LOCAL enable_{way} TO DEFAULT")
        if self.parameters["i_learned"]:
            self.build("night_learned", rhythms.LEARNED, key="patient_id, service_id")
        self.build("night_habits", rhythms.HABITS, key="patient", **self.intervals)

    def write(self, mine: str) -> int:
        people, stored = (mine.format(patient=column) for column in ("person.id", "stored.patient_id"))
        return sum(self.bring(table, people=people, stored=stored) for table in writing.TABLES)

    def bring(self, table: writing.Table, *, people: str, stored: str) -> int:
        """Make the stored rows equal to the fresh ones; return how many were removed and written."""
        if self.value(f"SELECT NOT EXISTS (SELECT FROM {table.name})"):
            return self.fill(table, people)
        if table.fresh:
            self.build("night_metrics", table.fresh, key="patient_id", people=people)
        return self.run(table.delete, stored=stored, **self.intervals) + self.run(table.upsert, **self.intervals)

    def fill(self, table: writing.Table, people: str) -> int:
        """The first filling writes millions of rows: its indexes, the key among them, are built behind them."""
        with connection.cursor() as cursor:
            cursor.execute(writing.INDEXES, [table.name])
            indexes = cursor.fetchall()
        for drop, _create in indexes:
            self.run(drop)
        written = self.run(table.insert, people=people, **self.intervals)
        for _drop, create in indexes:
            self.run(create)
        return written
