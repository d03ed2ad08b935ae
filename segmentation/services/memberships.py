"""The step "memberships": compare where patients belong with where they are, and write only the differences.

For one patient and segmentation, with `was` the segment before this date and `is` the one that is open now (they differ
only when this night is run again):

    belongs = is                 nothing
    belongs ≠ is, is = was       close `was` on this date, open `belongs` with came_from = was
    belongs ≠ is, belongs = was  a move of today is taken back: its row goes, the row before it is open again
    belongs ≠ is, otherwise      a move of today is replaced
    belongs nowhere              close; a row opened today goes
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

from segmentation.frames import ID, copy_frame, read_frame
from segmentation.services.divided import Division, Held, load_held
from segmentation.services.night import Night

MEMBERSHIPS = "segmentation_membership"


def refresh(night: Night) -> int:
    """Bring Membership to `night.as_of`; return how many rows were opened. Inside the caller's transaction."""
    # The others wait: two writers of memberships would only collide on the unique index and lose the whole step.
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {MEMBERSHIPS} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"SELECT NOT EXISTS (SELECT FROM {MEMBERSHIPS})")
        empty = cursor.fetchone()[0]
    if empty:
        with without_indexes(MEMBERSHIPS):
            opened = sum(_fill(night, division) for division in night.divisions)
    else:
        opened = sum(_move(night, division) for division in night.divisions)
    # Own segments may be about the others, which by now are written.
    return opened + sum(_move(night, division) for division in night.asked())


def refresh_one(night: Night, division: Division) -> int:
    """Bring one own segment to `night.as_of`. Inside the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {MEMBERSHIPS} IN SHARE ROW EXCLUSIVE MODE")
    return _move(night, division)


def _fill(night: Night, division: Division) -> int:
    """The first night: everybody enters from nowhere."""
    belongs = division.outcome.segments
    inside = np.flatnonzero(belongs >= 0)
    told = _told(division, belongs[inside])
    rows = pd.DataFrame({"patient_id": night.patients[inside], "segment_id": division.id_table()[belongs[inside]]})
    rows["segmentation_id"] = division.segmentation.pk
    rows["entered_on"] = night.as_of.isoformat()
    if told.any():
        rows["cause"] = _causes(division, inside, told)
        rows["money"] = np.where(told, np.round(night.frame["money_365"].to_numpy()[inside], 2), np.nan)
    return copy_frame(MEMBERSHIPS, rows)


def _move(night: Night, division: Division) -> int:
    moves = _moves(night, division)
    if moves.empty:
        return 0
    scope = f"moved.patient_id = held.patient_id AND held.segmentation_id = {int(division.segmentation.pk)}"
    day = {"day": night.as_of}
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE night_moves (patient_id bigint NOT NULL, segment_id bigint, cause jsonb, "
            "money numeric) ON COMMIT DROP"
        )
        copy_frame("night_moves", moves)
        cursor.execute("ANALYZE night_moves")
        if night.again:
            cursor.execute(
                f"DELETE FROM {MEMBERSHIPS} held USING night_moves moved WHERE {scope} AND held.entered_on = %(day)s",
                day,
            )
            cursor.execute(
                f"UPDATE {MEMBERSHIPS} held SET left_on = NULL FROM night_moves moved "
                f"WHERE {scope} AND held.left_on = %(day)s",
                day,
            )
        cursor.execute(
            f"UPDATE {MEMBERSHIPS} held SET left_on = %(day)s FROM night_moves moved "
            f"WHERE {scope} AND held.left_on IS NULL AND held.segment_id IS DISTINCT FROM moved.segment_id",
            day,
        )
        cursor.execute(
            f"""
            INSERT INTO {MEMBERSHIPS} (patient_id, segmentation_id, segment_id, came_from_id, entered_on, cause, money)
            SELECT moved.patient_id, %(segmentation)s, moved.segment_id, held.segment_id, %(day)s,
                moved.cause, CASE WHEN held.segment_id IS NOT NULL OR moved.cause IS NOT NULL THEN moved.money END
            FROM night_moves moved
            LEFT JOIN {MEMBERSHIPS} held ON {scope} AND held.left_on = %(day)s
            WHERE moved.segment_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM {MEMBERSHIPS} kept WHERE kept.patient_id = moved.patient_id
                AND kept.segmentation_id = %(segmentation)s AND kept.left_on IS NULL
            )
            """,
            {**day, "segmentation": division.segmentation.pk},
        )
        opened = int(cursor.rowcount)
        cursor.execute("DROP TABLE night_moves")
    return opened


def _moves(night: Night, division: Division) -> pd.DataFrame:
    """patient_id, segment_id (missing: belongs nowhere), cause, money of all whose open membership must change."""
    held = load_held(division.segments, division.segment_ids) if night.again else division.before
    belongs = division.outcome.segments
    changed = belongs != held.along(night.patients)
    if night.again:  # the cause of a move may have changed though its goal has not
        changed |= np.isin(night.patients, _moved_today(night, division))
    rows = np.flatnonzero(changed)
    known = division.before.along(night.patients)[rows] != -1
    causes = _causes(division, rows, known | _told(division, belongs[rows]))
    moves = pd.DataFrame(
        {
            "patient_id": night.patients[rows],
            "segment_id": pd.arrays.IntegerArray(division.id_table()[belongs[rows]], belongs[rows] < 0),
            "cause": causes,
            "money": np.round(night.frame["money_365"].to_numpy()[rows], 2),
        }
    )
    leavers = _leavers(held, night.patients)
    return pd.concat([moves, leavers], ignore_index=True) if len(leavers) else moves


def _told(division: Division, belongs: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Who gets a cause though they come from nowhere: some segments are a finding in themselves."""
    told = [division.segments.index(code) for code in division.kind.told_from_nowhere]
    return np.isin(belongs, told)


def _causes(division: Division, rows: NDArray[np.int64], asked: NDArray[np.bool_]) -> list[str | None]:
    """Causes as JSON, only for those asked for: who was somewhere before, and whom `_told` names."""
    texts: list[str | None] = [None] * len(rows)
    found = division.outcome.causes(rows[asked])
    for position, cause in zip(np.flatnonzero(asked).tolist(), found, strict=True):
        texts[position] = json.dumps(cause)
    return texts


def _leavers(held: Held, patients: NDArray[np.int64]) -> pd.DataFrame:
    """Patients who hold a membership and are no longer patients."""
    gone = held.patients[held.missing_in(patients)]
    nowhere = pd.arrays.IntegerArray(np.zeros(len(gone), np.int64), np.ones(len(gone), dtype=bool))
    return pd.DataFrame({"patient_id": gone, "segment_id": nowhere, "cause": None, "money": np.nan})


def _moved_today(night: Night, division: Division) -> NDArray[np.int64]:
    rows = read_frame(
        MEMBERSHIPS,
        {"patient_id": ID},
        where=f"segmentation_id = {int(division.segmentation.pk)} AND entered_on = '{night.as_of}' "
        "AND (came_from_id IS NOT NULL OR cause IS NOT NULL)",
    )
    return np.asarray(rows["patient_id"].to_numpy())


@contextmanager
def without_indexes(table: str) -> Iterator[None]:
    """Fill an empty table without its indexes and foreign keys, and build and check them afterwards, all at once.

    Four million memberships with four references each are sixteen million single checks and as many index descents;
    building and checking in bulk takes a tenth of the time and leaves the same guarantees: everything happens in the
    caller's transaction. Dropping a foreign key needs a moment alone with the table it points at. When that is not to
    be had at once, because somebody is reading patients, the table is filled the slow way and nobody waits.
    """
    definitions: list[str] = []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            definitions = _drop_definitions(cursor, table)
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except DatabaseError:
        definitions = []
    yield
    with connection.cursor() as cursor:
        for definition in definitions:
            cursor.execute(definition)
        cursor.execute(f"ANALYZE {table}")


def _drop_definitions(cursor: CursorWrapper, table: str) -> list[str]:
    """Drop secondary indexes and foreign keys; return the statements that create them again."""
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'",
        [table],
    )
    keys = cursor.fetchall()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT indisprimary",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _definition in keys:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    return [
        *(definition for _name, definition in indexes),
        *(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}' for name, definition in keys),
    ]
