"""SQL of what each patient does again and again: rhythm per service, and what follows from it for the patient."""

from segmentation.selectors.cycles import cell_sql
from segmentation.services.metrics.facts import LOW_31_BITS

# The intervals of this night, read once: an administrator may change them while the statements run. Learned ones have a
# row for every cell of sex and age.
INTERVALS = """
CREATE TEMPORARY TABLE night_intervals ON COMMIT DROP AS
SELECT * FROM unnest(%(i_services)s::int[], %(i_cells)s::smallint[], %(i_days)s::int[])
    AS interval (service_id, cell, days)
"""
# Those that are the same for everybody.
RECALLS = """
CREATE TEMPORARY TABLE night_recalls ON COMMIT DROP AS
SELECT service_id, days AS recall_days FROM night_intervals WHERE service_id <> ALL(%(i_learned)s::int[])
"""

# Days, not visits: a MIS may write one coming as two documents, or one document with the service twice.
RHYTHMS = """
CREATE TEMPORARY TABLE night_rhythms ON COMMIT DROP AS
SELECT patient AS patient_id, service_id, count(DISTINCT starts_on) AS visits, min(starts_on) AS first_on,
    max(starts_on) AS last_on, round(sum(money), 2) AS money
FROM (
    SELECT {patient} AS patient, item.service_id, fact.starts_on,
        CASE WHEN item.quantity = 1 THEN item.price ELSE item.quantity * item.price END - item.discount AS money
    FROM {visits}
    JOIN patients_visititem item ON item.visit_id = fact.id
    WHERE fact.deleted_at IS NULL AND fact.status = 'completed' AND fact.starts_on <= %(as_of)s::date
        {moved}
    OFFSET 0  -- the money is worked out before the sort: one number to carry instead of three
) AS used
GROUP BY patient, service_id
{stored}
"""
# The intervals of those services that have learned ones: by sex, and by age on the day of the last use.
LEARNED = f"""
CREATE TEMPORARY TABLE night_learned ON COMMIT DROP AS
SELECT rhythm.patient_id, rhythm.service_id, night_intervals.days
FROM night_rhythms AS rhythm
JOIN patients_patient AS person ON person.id = rhythm.patient_id
JOIN night_intervals ON night_intervals.service_id = rhythm.service_id
    AND night_intervals.cell = {cell_sql("person", "rhythm.last_on")}
WHERE rhythm.service_id = ANY(%(i_learned)s::int[])
"""
# How the statements below find the interval of a rhythm; with nothing learned they need not look for it.
BY_HAND = {"interval": "night_recalls.recall_days", "learned": ""}
OR_LEARNED = {
    "interval": "COALESCE(night_recalls.recall_days, night_learned.days)",
    "learned": "LEFT JOIN night_learned USING (patient_id, service_id)",
}
# What ServiceRhythm holds.
FRESH = """(
    SELECT patient_id, service_id, visits, first_on, last_on, money, last_on + {interval} AS due_on,
        CASE WHEN visits > 1 THEN (last_on - first_on)::float8 / (visits - 1) END AS interval_days
    FROM night_rhythms LEFT JOIN night_recalls USING (service_id) {learned}
)"""


def _rank(first: str, second: str, low: str) -> str:
    """One number that orders by `first`, then by `second`, and carries `low` in its last 31 bits.

    The maximum of such numbers is the best row of a group in one pass; ordered aggregates would sort each patient's
    rows three times.
    """
    return f"((LEAST(({first})::bigint, 65535) << 47) | (LEAST(({second})::bigint, 65535) << 31) | ({low}))"


def _day(column: str) -> str:
    return f"GREATEST({column} - DATE '1950-01-01', 0)"


# A service is current unless the patient, by the last visit, had left it undone for two of its intervals.
_CURRENT = "rhythm.recall_days IS NOT NULL AND night_visits.last_visit_on - rhythm.last_on <= 2 * rhythm.recall_days"
_SMALLER_ID = f"{LOW_31_BITS} - rhythm.service_id"
_FIRST = _rank(f"65535 - {_day('rhythm.first_on')}", "rhythm.visits", _SMALLER_ID)
_LAST = _rank(_day("rhythm.last_on"), "rhythm.visits", _SMALLER_ID)
_MAIN = _rank("rhythm.visits", _day("rhythm.last_on"), _SMALLER_ID)
_CYCLE = _rank("rhythm.visits", _day("rhythm.last_on"), f"{LOW_31_BITS} - rhythm.recall_days")

HABITS = f"""
CREATE TEMPORARY TABLE night_habits ON COMMIT DROP AS
SELECT rhythm.patient_id AS patient,
    {LOW_31_BITS} - (max({_FIRST}) & {LOW_31_BITS}) AS first_service_id,
    {LOW_31_BITS} - (max({_LAST}) & {LOW_31_BITS}) AS last_service_id,
    {LOW_31_BITS} - (max({_MAIN}) & {LOW_31_BITS}) AS main_service_id,
    {LOW_31_BITS} - (max({_CYCLE}) FILTER (WHERE {_CURRENT}) & {LOW_31_BITS}) AS recall_days,
    min(rhythm.last_on + rhythm.recall_days) FILTER (WHERE {_CURRENT}) AS service_due_on
FROM (
    SELECT night_rhythms.*, {{interval}} AS recall_days
    FROM night_rhythms LEFT JOIN night_recalls USING (service_id) {{learned}}
) AS rhythm
JOIN night_visits ON night_visits.patient = rhythm.patient_id
GROUP BY rhythm.patient_id
"""
