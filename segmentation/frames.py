"""The only bridge between the database and frames: rows out by COPY into pandas, frames in by COPY.

COPY runs on Django's own connection, so a frame sees what the open transaction has written.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from django.db import connection
from django.db.backends.postgresql.psycopg_any import mogrify
from numpy.typing import NDArray

DATES = ("first_visit_on", "last_visit_on", "next_visit_on", "due_on", "last_answer_on")
COUNTS = (
    "visits", "visit_days", "visits_365", "cancelled", "no_shows", "cancelled_365", "answers", "complaints",
    "complaints_365",
)  # fmt: skip
AMOUNTS = ("money", "money_365", "refunds", "cost", "margin", "margin_365", "discount", "average_bill")
RATIOS = ("discount_share", "lifetime_days", "own_interval_days", "cycle_days", "last_nps")
REFERENCES = (
    "first_service_id", "last_service_id", "main_service_id", "first_doctor_id", "last_doctor_id", "last_branch_id",
)  # fmt: skip


class Wire(NamedTuple):
    """How a value travels: as SQL of a fixed number of bytes, read here as `dtype`, then turned into what is wanted."""

    sql: str
    dtype: str
    native: Callable[[NDArray[Any]], NDArray[Any]]


def _roubles(kopecks: NDArray[np.int64]) -> NDArray[np.float64]:
    """The double nearest to the decimal, as if it had been read from text; −1 << 63 stands for NULL."""
    return np.where(kopecks == np.iinfo(np.int64).min, np.nan, kopecks / 100)


ID = Wire("int8send({})", ">i8", lambda values: values.astype(np.int64))
COUNT = Wire("int4send({})", ">i4", lambda values: values.astype(np.int32))
SCORE = Wire("int2send(COALESCE({}, 0::smallint))", ">i2", lambda values: values.astype(np.int8))
NUMBER = Wire("float8send(COALESCE({}::float8, 'NaN'))", ">f8", lambda values: values.astype(np.float64))
DAY = NUMBER._replace(sql=NUMBER.sql.format("({} - DATE '1970-01-01')"))
MONEY = Wire("int8send(COALESCE(({} * 100)::bigint, (-1)::bigint << 63))", ">i8", _roubles)
REFERENCE = COUNT._replace(sql=COUNT.sql.format("COALESCE({}, 0)"))
TEXT = Wire("", "", lambda values: values)  # few different ones: rows are packed per text

METRICS: dict[str, Wire] = {
    "patient_id": ID,
    **dict.fromkeys(DATES, DAY),
    **dict.fromkeys(COUNTS, COUNT),
    **dict.fromkeys(AMOUNTS, MONEY),
    **dict.fromkeys(RATIOS, NUMBER),
    **dict.fromkeys(REFERENCES, REFERENCE),
}
FORECASTS: dict[str, Wire] = {
    "patient_id": ID,
    **dict.fromkeys(("p_alive", "visits_3m", "visits_12m", "visits_36m"), NUMBER),
    **dict.fromkeys(("bill", "money_3m", "money_12m", "money_36m"), MONEY),
}
SPAN = 1 << 21  # so many ids are read at once: a value of PostgreSQL holds a gigabyte at most
EPOCH = datetime.date(1970, 1, 1)


def day_number(day: datetime.date) -> int:
    """Days since 1970-01-01, the unit of every date in a frame."""
    return (day - EPOCH).days


def load_metrics(as_of: datetime.date, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Metrics of every patient as the last night left them, sorted by `patient` (int64), indexed 0..n-1.

    `columns` limits what is read: at a million patients every column costs a tenth of a second.

    Dates are float64 days since 1970-01-01 (NaN: none); counts int32; money float64 ₽; discount_share, lifetime_days,
    own_interval_days, cycle_days, last_nps float64 (NaN: unknown); references int32 (0: none).
    `frame.attrs["as_of"]` is `as_of` in the same day numbers.
    """
    needed = METRICS if columns is None else {name: METRICS[name] for name in ("patient_id", *sorted(set(columns)))}
    frame = read_frame("segmentation_metrics", needed).rename(columns={"patient_id": "patient"})
    frame.attrs["as_of"] = day_number(as_of)
    return frame


def load_forecasts(columns: Collection[str]) -> pd.DataFrame:
    """Forecasts of those who have one, sorted by `patient`: probabilities and visits float64, money float64 ₽ (NaN
    where the bill could not be modelled)."""
    needed = {name: FORECASTS[name] for name in ("patient_id", *sorted(set(columns)))}
    return read_frame("segmentation_forecast", needed).rename(columns={"patient_id": "patient"})


def read_frame(table: str, columns: dict[str, Wire], *, where: str = "TRUE") -> pd.DataFrame:
    """Columns of the rows `where` something holds, as a frame sorted by the first column, a unique id.

    The server packs the rows into a few values: fetched and parsed one by one, a million of them cost several times
    what it takes to read them. Texts become categories; NULL is read as an empty text.
    """
    key = next(iter(columns))
    texts = [name for name, wire in columns.items() if wire is TEXT]
    fixed = {name: wire for name, wire in columns.items() if wire is not TEXT}
    wanted = [f"COALESCE({name}::text, '')" for name in texts]
    line = " || ".join(wire.sql.format(name) for name, wire in fixed.items())
    select = ", ".join([*wanted, f"string_agg({line}, '')"])
    grouped = f"GROUP BY {', '.join(wanted)}" if wanted else ""
    packs: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min({key}), max({key}) FROM {table}")
        low, high = cursor.fetchone()
        for first in range(low, high + 1, SPAN) if low is not None else ():
            span = f"{where} AND {key} BETWEEN {first} AND {first + SPAN - 1}"
            query = f"SELECT {select} FROM {table} WHERE {span} {grouped} HAVING count(*) > 0"
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
                copy.set_types([*("text" for _name in texts), "bytea"])
                packs.extend(copy.rows())
    dtype = np.dtype([(name, wire.dtype) for name, wire in fixed.items()])
    rows = np.frombuffer(b"".join(pack[-1] for pack in packs), dtype)
    # Rows come in any order: several processes have read them.
    order = np.argsort(rows[key].astype(np.int64))
    rows = rows.view(f"V{dtype.itemsize}")[order].view(dtype)
    found: dict[str, Any] = {name: wire.native(rows[name]) for name, wire in fixed.items()}
    counts = [len(pack[-1]) // dtype.itemsize for pack in packs]
    for position, name in enumerate(texts):
        found[name] = _categories([pack[position] for pack in packs], counts, order)
    return pd.DataFrame({name: found[name] for name in columns}, copy=False)


def read_query(query: str, columns: dict[str, Wire], params: dict[str, Any]) -> pd.DataFrame:
    """Columns of a query, none of them a text, as a frame sorted by the first, a unique id. All rows in one value, so
    that a gigabyte is the limit: ten million rows of a dozen columns."""
    key = next(iter(columns))
    line = " || ".join(wire.sql.format(name) for name, wire in columns.items())
    with connection.cursor() as cursor:
        copied = f"COPY (SELECT string_agg({line}, '') FROM ({query}) AS named) TO STDOUT (FORMAT binary)"
        with cursor.copy(mogrify(copied, params, connection)) as copy:
            copy.set_types(["bytea"])
            ((packed,),) = copy.rows()
    dtype = np.dtype([(name, wire.dtype) for name, wire in columns.items()])
    rows = np.frombuffer(packed or b"", dtype)
    rows = rows[np.argsort(rows[key].astype(np.int64))]
    return pd.DataFrame({name: wire.native(rows[name]) for name, wire in columns.items()}, copy=False)


def _categories(texts: list[str], counts: list[int], order: NDArray[np.int64]) -> pd.Categorical[str]:
    """`texts[i]` repeated `counts[i]` times, then put in order."""
    distinct = sorted(set(texts))
    codes = np.array([distinct.index(text) for text in texts], dtype=np.int32)
    return pd.Categorical.from_codes(np.repeat(codes, counts)[order], pd.Index(distinct, dtype=str))


def read_groups(source: str) -> tuple[np.ndarray, np.ndarray]:
    """(groups, ids) of the rows of `source`: two integer columns, the group first, and their FROM clause. In no order.

    The ids of a group come packed in one value: a million rows cost as much as a few hundred.
    """
    groups, ids = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group, members in each_group(source):
        ids.append(members)
        groups.append(np.full(len(members), group, dtype=np.int64))
    return np.concatenate(groups), np.concatenate(ids)


def each_group(source: str, params: dict[str, Any] | None = None) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The ids of `read_groups`, a group at a time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT group_id, string_agg(int8send(id), '') "
            f"FROM (SELECT {source}) AS pairs (group_id, id) GROUP BY group_id",
            params,
        )
        for group, packed in cursor.fetchall():
            yield group, np.frombuffer(packed, dtype=">i8").astype(np.int64)


def read_ids(query: str, params: dict[str, Any]) -> NDArray[np.int64]:
    """The ids a query names in its first column, packed in one value."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(int8send(id), '') FROM ({query}) AS named (id)", params)
        packed = cursor.fetchone()[0]
    return np.frombuffer(packed or b"", dtype=">i8").astype(np.int64)


def copy_frame(table: str, frame: pd.DataFrame) -> int:
    """Append a frame to a table (usually a temporary one) by COPY; columns by name, NaN and None become NULL."""
    rows = io.BytesIO()
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    pyarrow.csv.write_csv(arrow, rows, pyarrow.csv.WriteOptions(include_header=False))
    names = ", ".join(connection.ops.quote_name(name) for name in frame.columns)
    statement = f"COPY {connection.ops.quote_name(table)} ({names}) FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows.getbuffer())
    return len(frame)
