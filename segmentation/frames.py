"""The only bridge between the database and frames: rows out by COPY into pandas, frames in by COPY.

COPY runs on Django's own connection, so a frame sees what the open transaction has written.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from django.db import connection

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

_TYPES: dict[str, pa.DataType] = {
    "patient": pa.int64(),
    **dict.fromkeys(DATES, pa.int32()),
    **dict.fromkeys(COUNTS, pa.int32()),
    **dict.fromkeys(AMOUNTS, pa.float64()),
    **dict.fromkeys(RATIOS, pa.float64()),
    **dict.fromkeys(REFERENCES, pa.int32()),
}
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
    expressions = {
        "patient": "patient_id",
        **{name: f"{name} - DATE '1970-01-01'" for name in DATES},
        **{name: name for name in (*COUNTS, *AMOUNTS, *RATIOS)},
        **{name: f"COALESCE({name}, 0)" for name in REFERENCES},
    }
    if columns is not None:
        expressions = {name: expressions[name] for name in ("patient", *sorted(set(columns)))}
    frame = read_frame(
        f"SELECT {', '.join(expressions.values())} FROM segmentation_metrics ORDER BY patient_id",
        {name: _TYPES[name] for name in expressions},
    )
    frame.attrs["as_of"] = day_number(as_of)
    return frame


def read_frame(query: str, types: dict[str, pa.DataType]) -> pd.DataFrame:
    """The rows of a query (without parameters) as a frame; `types` names every column of the result."""
    rows = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for row in copy:
            rows.write(row)
    if not rows.tell():
        return pa.schema(types.items()).empty_table().to_pandas()
    rows.seek(0)
    table = pyarrow.csv.read_csv(
        rows,
        read_options=pyarrow.csv.ReadOptions(column_names=list(types)),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
    )
    return table.to_pandas(split_blocks=True, self_destruct=True)


def read_groups(source: str) -> tuple[np.ndarray, np.ndarray]:
    """(groups, ids) of the rows of `source`: two integer columns, the group first, and their FROM clause. In no order.

    The ids of a group come packed, thousands in a value: a million rows cost as much as a few hundred.
    """
    groups, ids = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT group_id, string_agg(int8send(id), ''::bytea) "
            f"FROM (SELECT {source}) AS pairs (group_id, id) GROUP BY group_id, id >> 16"
        )
        for group, packed in cursor.fetchall():
            members = np.frombuffer(packed, dtype=">i8").astype(np.int64)
            ids.append(members)
            groups.append(np.full(len(members), group, dtype=np.int64))
    return np.concatenate(groups), np.concatenate(ids)


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
