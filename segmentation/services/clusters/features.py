"""The matrix clusters are looked for in: features of the members of a base, one query per source.

Everything is asked of the database for the members only. Metrics, rhythms and forecasts are as the last night left
them; visits are counted up to `as_of`. What is not known is NaN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from segmentation.frames import ID, NUMBER, Wire, read_query
from segmentation.kinds.features import FEATURES, responses
from segmentation.models import Segment
from segmentation.services.divided import Ids, spread

# At most so many groups of services and channels become columns, and none that nearly everybody or nobody has.
MOST_COLUMNS = 6
LEAST_SHARE, MOST_SHARE = 0.03, 0.97
FLOAT: Wire = NUMBER._replace(native=lambda values: values.astype(np.float32))

_METRICS = {
    "average_bill": "average_bill",
    "money_365": "money_365",
    "margin": "margin",
    "visits_365": "visits_365",
    "own_interval_days": "own_interval_days",
    "lifetime_days": "lifetime_days",
    "discount_share": "discount_share",
    "since_days": "%(as_of)s::date - last_visit_on",
    "cycles_since": "(%(as_of)s::date - last_visit_on) / nullif(cycle_days, 0)",
    "overdue_days": "%(as_of)s::date - due_on",
}
_PERSON = {
    "age": "(%(as_of)s::date - birth_date) / 365.25",
    "female": "CASE sex WHEN 'female' THEN 1 WHEN 'male' THEN 0 END",
}
_FORECAST = {"p_alive": "p_alive", "money_12m": "money_12m"}
_HOURS = {
    "hour": "avg(date_part('hour', local) + date_part('minute', local) / 60)",
    "weekend_share": "avg((date_part('isodow', local) >= 6)::int::float8)",
}
_RESPONSE = {"clicked_share": "clicked::float8 / nullif(sent, 0)", "booked_share": "booked::float8 / nullif(sent, 0)"}

# Facts of a merged card are those of the card that was kept.
_VISITS = """
SELECT coalesce(merged.merged_into_id, visit.patient_id) AS patient_id,
    visit.starts_at AT TIME ZONE coalesce(branch.timezone, %(zone)s) AS local
FROM patients_visit visit
LEFT JOIN patients_branch branch ON branch.id = visit.branch_id
LEFT JOIN (SELECT id, merged_into_id FROM patients_patient WHERE merged_into_id IS NOT NULL) merged
    ON merged.id = visit.patient_id
WHERE visit.deleted_at IS NULL AND visit.status = 'completed' AND visit.starts_on <= %(as_of)s
"""
_MONEY_BY_GROUP = """
SELECT rhythm.patient_id, service.group_id, rhythm.money::float8 AS money
FROM segmentation_servicerhythm rhythm JOIN patients_service service ON service.id = rhythm.service_id
WHERE rhythm.money > 0
"""


@dataclass(frozen=True)
class Base:
    """Whose clusters: a segment as it is now, or everybody who has come at least once."""

    segment: Segment | None = None

    @property
    def members(self) -> str:
        """A query of their ids."""
        if self.segment is None:
            return "SELECT patient_id FROM segmentation_metrics WHERE visit_days > 0"
        return (
            "SELECT patient_id FROM segmentation_membership "
            f"WHERE segment_id = {int(self.segment.pk)} AND left_on IS NULL"
        )


def columns_for(base: Base, codes: Sequence[str]) -> list[str]:
    """The columns of the matrix for chosen features: those that stand for several become the largest of this base."""
    found: list[str] = []
    for code in (code for code in FEATURES if code in codes):
        found += _LARGEST[code](base) if FEATURES[code].spread else [code]
    return found


def blocks_of(columns: Sequence[str]) -> list[list[str]]:
    """The columns of every feature that stands for several."""
    parts = [code.partition(":")[0] for code in columns]
    return [
        [code for code, part in zip(columns, parts, strict=True) if part == kind]
        for kind in dict.fromkeys(parts)
        if FEATURES[kind].spread
    ]


def load(base: Base, columns: Sequence[str], as_of: date, *, among: Ids | None = None) -> pd.DataFrame:
    """`patient` (int64, sorted) and the columns as float32 of the members, column-major; NaN: not known.

    `among`: only those of the sorted ids.
    """
    params: dict[str, Any] = {"as_of": as_of, "zone": settings.TIME_ZONE}
    members = read_query(f"SELECT patient_id FROM ({base.members}) members", {"patient_id": ID}, params)
    ids = members["patient_id"].to_numpy()
    if among is not None:
        ids = ids[np.isin(ids, among, assume_unique=True)]
    matrix = np.full((len(ids), len(columns)), np.nan, dtype=np.float32, order="F")
    places = {code: place for place, code in enumerate(columns)}
    for query, wanted, more in _sources(base, columns, as_of):
        rows = read_query(query, {"patient_id": ID, **dict.fromkeys(wanted, FLOAT)}, {**params, **more})
        known = rows["patient_id"].to_numpy()
        for name, code in wanted.items():
            matrix[:, places[code]] = spread(ids, known, rows[name].to_numpy(), np.float32(np.nan))
    return pd.DataFrame(matrix, columns=list(columns)).assign(patient=ids)


def matrix_of(frame: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.float32]:
    return np.asfortranarray(frame[list(columns)].to_numpy(dtype=np.float32))


Source = tuple[str, dict[str, str], dict[str, Any]]


def _sources(base: Base, columns: Sequence[str], as_of: date) -> list[Source]:
    """(query, its columns as name → code of the feature, parameters) of every source that is needed."""
    inside = f"patient_id IN ({base.members})"
    found: list[Source] = []

    def add(expressions: dict[str, str], rest: str, key: str = "patient_id", **more: Any) -> None:
        wanted = {f"c{place}": code for place, code in enumerate(columns) if code in expressions}
        if wanted:
            shown = ", ".join(f"{expressions[code]} AS {name}" for name, code in wanted.items())
            found.append((f"SELECT {key} AS patient_id, {shown} {rest}", wanted, more))

    add(_METRICS, f"FROM segmentation_metrics WHERE {inside}")
    cards = {**_PERSON, **{code: f"(coalesce(channel_id, 0) = {pk})::int" for code, pk in _ids(columns, "channel")}}
    add(cards, f"FROM patients_patient WHERE id IN ({base.members})", key="id")
    add(_FORECAST, f"FROM segmentation_forecast WHERE {inside}")
    mix = {
        code: f"coalesce(sum(money) FILTER (WHERE group_id = {pk}), 0) / sum(money)"
        for code, pk in _ids(columns, "mix")
    }
    add(mix, f"FROM ({_MONEY_BY_GROUP}) billed WHERE {inside} GROUP BY patient_id")
    add(_HOURS, f"FROM ({_VISITS}) visits WHERE {inside} GROUP BY patient_id")
    asked = responses()
    if asked is not None:
        query, more = asked(as_of)
        add(_RESPONSE, f"FROM ({query}) answered WHERE {inside}", **more)
    return found


def _ids(columns: Sequence[str], kind: str) -> list[tuple[str, int]]:
    return [(code, int(code.partition(":")[2])) for code in columns if code.startswith(f"{kind}:")]


def _largest(query: str, kind: str) -> list[str]:
    """The parts that take most of the members, leaving out those that next to nobody or nearly everybody has."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT part, share FROM ({query}) parts WHERE part IS NOT NULL AND share BETWEEN %s AND %s "
            "ORDER BY weight DESC, part LIMIT %s",
            [LEAST_SHARE, MOST_SHARE, MOST_COLUMNS],
        )
        return [f"{kind}:{part}" for part, _share in cursor.fetchall()]


def _groups_of_services(base: Base) -> list[str]:
    return _largest(
        f"""
        SELECT group_id AS part, sum(money) AS weight,
            count(*)::float8 / nullif((SELECT count(*) FROM ({base.members}) members), 0) AS share
        FROM (
            SELECT group_id, patient_id, sum(money) AS money
            FROM ({_MONEY_BY_GROUP}) billed WHERE patient_id IN ({base.members}) GROUP BY group_id, patient_id
        ) each_patient GROUP BY group_id
        """,
        "mix",
    )


def _channels(base: Base) -> list[str]:
    return _largest(
        f"""
        SELECT channel_id AS part, count(*) AS weight, count(*)::float8 / sum(count(*)) OVER () AS share
        FROM patients_patient WHERE id IN ({base.members}) GROUP BY channel_id
        """,
        "channel",
    )


_LARGEST: dict[str, Callable[[Base], list[str]]] = {"mix": _groups_of_services, "channel": _channels}
