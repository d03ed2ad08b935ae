"""SQL that puts the summaries together and writes only the rows that differ."""

from typing import NamedTuple

from django.db.models import Model

from segmentation.models import Metrics, ServiceRhythm
from segmentation.services.metrics import rhythms

# Every living patient, from leads without a visit on; merged cards count for the card that was kept.
METRICS = """
SELECT person.id AS patient_id, %(as_of)s::date AS as_of,
    night_visits.first_visit_on, night_visits.last_visit_on,
    COALESCE(night_visits.visits, 0) AS visits, COALESCE(night_days.visit_days, 0) AS visit_days,
    COALESCE(night_visits.visits_365, 0) AS visits_365,
    COALESCE(night_visits.cancelled, 0) AS cancelled, COALESCE(night_visits.no_shows, 0) AS no_shows,
    COALESCE(night_visits.cancelled_365, 0) AS cancelled_365, night_visits.next_visit_on,
    COALESCE(night_payments.money, 0) AS money, COALESCE(night_payments.money_365, 0) AS money_365,
    COALESCE(night_payments.refunds, 0) AS refunds, COALESCE(night_visits.cost, 0) AS cost,
    COALESCE(night_payments.money, 0) - COALESCE(night_visits.cost, 0) AS margin,
    COALESCE(night_payments.money_365, 0) - COALESCE(night_visits.cost_365, 0) AS margin_365,
    COALESCE(night_visits.discount, 0) AS discount,
    (night_visits.discount / NULLIF(night_visits.billed + night_visits.discount, 0))::float8 AS discount_share,
    round(COALESCE(night_payments.money, 0) / NULLIF(night_visits.visits, 0), 2) AS average_bill,
    night_visits.last_visit_on - night_visits.first_visit_on AS lifetime_days,
    night_days.own_interval_days,
    COALESCE(night_habits.recall_days, CASE WHEN night_days.visit_days >= 3 THEN night_days.own_interval_days END)
        AS cycle_days,
    COALESCE(
        LEAST(night_words.word_due_on, night_habits.service_due_on),
        CASE WHEN night_days.visit_days >= 3
            THEN night_visits.last_visit_on + ceil(night_days.own_interval_days)::integer END
    ) AS due_on,
    COALESCE(night_feedback.answers, 0) AS answers, night_feedback.last_nps, night_feedback.last_answer_on,
    COALESCE(night_feedback.complaints, 0) AS complaints,
    COALESCE(night_feedback.complaints_365, 0) AS complaints_365,
    night_habits.first_service_id, night_habits.last_service_id, night_habits.main_service_id,
    night_visits.first_doctor_id, night_visits.last_doctor_id, night_visits.last_branch_id
FROM patients_patient AS person
LEFT JOIN night_visits ON night_visits.patient = person.id
LEFT JOIN night_days ON night_days.patient = person.id
LEFT JOIN night_words ON night_words.patient = person.id
LEFT JOIN night_payments ON night_payments.patient = person.id
LEFT JOIN night_feedback ON night_feedback.patient = person.id
LEFT JOIN night_habits ON night_habits.patient = person.id
WHERE person.deleted_at IS NULL AND person.merged_into_id IS NULL AND {people}
"""


class Table(NamedTuple):
    """How a table is brought to what was computed: `insert` when it is empty, otherwise `delete` and `upsert`.

    The condition that says whose rows are meant has a place `{people}` in `fresh` and `insert`, `{stored}` in `delete`;
    rhythms have places for their intervals everywhere.
    """

    name: str
    fresh: str  # a temporary table to be built before rows are compared, if they are not in one already
    insert: str
    delete: str
    upsert: str


def _table(
    model: type[Model], source: str, key: list[str], *, fresh: str = "", ignored: tuple[str, ...] = (), stale: str = ""
) -> Table:
    """Rows of the query `source` become rows of the model, compared where they are or in the table `fresh`. Those that
    are `stale` (OR …) are written even if they are equal in all that is not ignored."""
    table = model._meta.db_table
    columns = [field.column for field in model._meta.concrete_fields if field.column]
    values = [column for column in columns if column not in key]
    compared = [column for column in values if column not in ignored]

    def row(alias: str) -> str:
        return ", ".join(f"{alias}.{column}" for column in compared)

    same = " AND ".join(f"fresh.{column} = stored.{column}" for column in key)
    insert = f"""
        INSERT INTO {table} ({", ".join(columns)})
        SELECT {", ".join(f"fresh.{column}" for column in columns)} FROM"""
    computed = fresh or source
    upsert = f"""{insert} {computed} AS fresh LEFT JOIN {table} AS stored ON {same}
        WHERE stored.{key[0]} IS NULL OR ({row("fresh")}) IS DISTINCT FROM ({row("stored")}) {stale}
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(f"{column} = EXCLUDED.{column}" for column in values)}
    """
    delete = f"""
        DELETE FROM {table} AS stored
        WHERE NOT EXISTS (SELECT FROM {computed} AS fresh WHERE {same}) AND {{stored}}
    """
    create = f"CREATE TEMPORARY TABLE {fresh} ON COMMIT DROP AS {source}" if fresh else ""
    return Table(table, create, f"{insert} {source} AS fresh", delete, upsert)


# How to drop and to create again every index of a table, the one behind its primary key by its constraint.
INDEXES = """
SELECT
    CASE WHEN conname IS NULL THEN format('DROP INDEX %%s', indexrelid::regclass)
        ELSE format('ALTER TABLE %%s DROP CONSTRAINT %%I', indrelid::regclass, conname) END,
    CASE WHEN conname IS NULL THEN pg_get_indexdef(indexrelid)
        ELSE format(
            'ALTER TABLE %%s ADD CONSTRAINT %%I %%s', indrelid::regclass, conname, pg_get_constraintdef(key.oid)
        ) END
FROM pg_index LEFT JOIN pg_constraint AS key ON conindid = indexrelid AND contype IN ('p', 'u')
WHERE indrelid = %s::regclass
ORDER BY indexrelid
"""

TABLES = (
    _table(ServiceRhythm, rhythms.FRESH, ["patient_id", "service_id"]),
    # A row of a night that was rewound must not say that it is of a day to come.
    _table(
        Metrics,
        f"({METRICS})",
        ["patient_id"],
        fresh="night_metrics",
        ignored=("as_of",),
        stale="OR stored.as_of > fresh.as_of",
    ),
)
