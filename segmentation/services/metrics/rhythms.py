"""SQL of what each patient does again and again: rhythm per service, and what follows from it for the patient."""

from segmentation.services.metrics.facts import LOW_31_BITS

# The recall intervals of this night, read once: an administrator may change them while the statements run.
# A hundred years is "never"; it keeps date arithmetic in range whatever was typed.
RECALLS = """
CREATE TEMPORARY TABLE night_recalls ON COMMIT DROP AS
SELECT id AS service_id, CASE WHEN recall_days > 0 THEN LEAST(recall_days, 36500) END AS recall_days
FROM patients_service
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
# What ServiceRhythm holds.
FRESH = """(
    SELECT patient_id, service_id, visits, first_on, last_on, money, last_on + recall_days AS due_on,
        CASE WHEN visits > 1 THEN (last_on - first_on)::float8 / (visits - 1) END AS interval_days
    FROM night_rhythms LEFT JOIN night_recalls USING (service_id)
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
_CURRENT = (
    "night_recalls.recall_days IS NOT NULL"
    " AND night_visits.last_visit_on - rhythm.last_on <= 2 * night_recalls.recall_days"
)
_SMALLER_ID = f"{LOW_31_BITS} - rhythm.service_id"
_FIRST = _rank(f"65535 - {_day('rhythm.first_on')}", "rhythm.visits", _SMALLER_ID)
_LAST = _rank(_day("rhythm.last_on"), "rhythm.visits", _SMALLER_ID)
_MAIN = _rank("rhythm.visits", _day("rhythm.last_on"), _SMALLER_ID)
_CYCLE = _rank("rhythm.visits", _day("rhythm.last_on"), f"{LOW_31_BITS} - night_recalls.recall_days")

HABITS = f"""
CREATE TEMPORARY TABLE night_habits ON COMMIT DROP AS
SELECT rhythm.patient_id AS patient,
    {LOW_31_BITS} - (max({_FIRST}) & {LOW_31_BITS}) AS first_service_id,
    {LOW_31_BITS} - (max({_LAST}) & {LOW_31_BITS}) AS last_service_id,
    {LOW_31_BITS} - (max({_MAIN}) & {LOW_31_BITS}) AS main_service_id,
    {LOW_31_BITS} - (max({_CYCLE}) FILTER (WHERE {_CURRENT}) & {LOW_31_BITS}) AS recall_days,
    min(rhythm.last_on + night_recalls.recall_days) FILTER (WHERE {_CURRENT}) AS service_due_on
FROM night_rhythms AS rhythm
JOIN night_visits ON night_visits.patient = rhythm.patient_id
LEFT JOIN night_recalls ON night_recalls.service_id = rhythm.service_id
GROUP BY rhythm.patient_id
"""
