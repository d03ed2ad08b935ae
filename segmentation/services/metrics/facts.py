"""SQL that sums up the facts of each patient, one temporary table per kind of fact.

Every statement reads `{visits}`, `{payments}` or `{feedback}` with the patient in `{patient}`: the bare table when
everybody is recomputed (then indexes and parallel workers do the work), or the cards of the patients concerned.
Facts count up to the end of `as_of`; the formulas are listed in docs/metrics.md.
"""

from typing import NamedTuple


class Source(NamedTuple):
    """From where the facts are read, and which column names the patient they count for.

    `moved` restricts the rhythms to patients whose visits may have changed, `stored` adds those of the others as they
    are.
    """

    visits: str
    payments: str
    feedback: str
    patient: str
    moved: str = ""
    stored: str = ""


EVERYBODY = Source("patients_visit fact", "patients_payment fact", "patients_feedback fact", "fact.patient_id")
_OF_CARD = "night_card JOIN {} fact ON fact.patient_id = night_card.card"
CONCERNED = Source(
    _OF_CARD.format("patients_visit"),
    _OF_CARD.format("patients_payment"),
    _OF_CARD.format("patients_feedback"),
    "night_card.patient",
    moved="AND night_card.rhythms",
    stored="""
    UNION ALL
    SELECT stored.patient_id, stored.service_id, stored.visits, stored.first_on, stored.last_on, stored.money
    FROM night_patient JOIN segmentation_servicerhythm AS stored ON stored.patient_id = night_patient.patient
    WHERE NOT night_patient.rhythms
    """,
)

_YEAR = "fact.starts_on > %(as_of)s::date - 365"
_COMPLETED = "fact.status = 'completed'"
_MISSED = "fact.status IN ('cancelled', 'no_show')"
# The moment of the visit in the high bits, who or where in the low ones: min and max of one number then carry the
# first and the last doctor through a parallel aggregate, where ordered aggregates would sort every patient.
_MOMENT = "date_part('epoch', fact.starts_at)::bigint << 31"
LOW_31_BITS = 2147483647

VISITS = f"""
CREATE TEMPORARY TABLE night_visits ON COMMIT DROP AS
SELECT {{patient}} AS patient,
    min(fact.starts_on) FILTER (WHERE {_COMPLETED}) AS first_visit_on,
    max(fact.starts_on) FILTER (WHERE {_COMPLETED}) AS last_visit_on,
    count(*) FILTER (WHERE {_COMPLETED}) AS visits,
    count(*) FILTER (WHERE {_COMPLETED} AND {_YEAR}) AS visits_365,
    count(*) FILTER (WHERE fact.status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE fact.status = 'no_show') AS no_shows,
    count(*) FILTER (WHERE {_MISSED} AND {_YEAR}) AS cancelled_365,
    min(fact.starts_on) FILTER (WHERE fact.status IN ('booked', 'confirmed') AND fact.starts_on >= %(as_of)s::date)
        AS next_visit_on,
    sum(fact.amount) FILTER (WHERE {_COMPLETED}) AS billed,
    sum(fact.discount) FILTER (WHERE {_COMPLETED}) AS discount,
    sum(fact.cost) FILTER (WHERE {_COMPLETED}) AS cost,
    sum(fact.cost) FILTER (WHERE {_COMPLETED} AND {_YEAR}) AS cost_365,
    min({_MOMENT} | fact.doctor_id) FILTER (WHERE {_COMPLETED}) & {LOW_31_BITS} AS first_doctor_id,
    max({_MOMENT} | fact.doctor_id) FILTER (WHERE {_COMPLETED}) & {LOW_31_BITS} AS last_doctor_id,
    max({_MOMENT} | fact.branch_id) FILTER (WHERE {_COMPLETED}) & {LOW_31_BITS} AS last_branch_id
FROM {{visits}}
WHERE fact.deleted_at IS NULL AND (fact.starts_on <= %(as_of)s::date OR fact.status IN ('booked', 'confirmed'))
GROUP BY {{patient}}
"""

# A day counts once however many visits it had; the first day has no gap before it.
DAYS = f"""
CREATE TEMPORARY TABLE night_days ON COMMIT DROP AS
SELECT patient, count(*) AS visit_days, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS own_interval_days
FROM (
    SELECT {{patient}} AS patient,
        fact.starts_on - lag(fact.starts_on) OVER (PARTITION BY {{patient}} ORDER BY fact.starts_on) AS gap
    FROM {{visits}}
    WHERE fact.deleted_at IS NULL AND {_COMPLETED} AND fact.starts_on <= %(as_of)s::date
) AS day
WHERE gap IS NULL OR gap > 0
GROUP BY patient
"""

# A visit in the last quarter of the waiting time, or later, is taken for the one the doctor asked for.
WORDS = f"""
CREATE TEMPORARY TABLE night_words ON COMMIT DROP AS
SELECT word.patient, min(word.return_due_on) AS word_due_on
FROM (
    SELECT {{patient}} AS patient, fact.return_due_on,
        fact.starts_on + (3 * (fact.return_due_on - fact.starts_on) + 3) / 4 AS answered_from
    FROM {{visits}}
    WHERE fact.deleted_at IS NULL AND {_COMPLETED} AND fact.starts_on <= %(as_of)s::date
        AND fact.return_due_on > fact.starts_on
) AS word
JOIN night_visits USING (patient)
WHERE night_visits.last_visit_on < word.answered_from
GROUP BY word.patient
"""

PAYMENTS = """
CREATE TEMPORARY TABLE night_payments ON COMMIT DROP AS
SELECT {patient} AS patient,
    sum(CASE WHEN fact.kind = 'refund' THEN -fact.amount ELSE fact.amount END) AS money,
    sum(CASE WHEN fact.kind = 'refund' THEN -fact.amount ELSE fact.amount END)
        FILTER (WHERE fact.paid_on > %(as_of)s::date - 365) AS money_365,
    sum(fact.amount) FILTER (WHERE fact.kind = 'refund') AS refunds
FROM {payments}
WHERE fact.deleted_at IS NULL AND fact.paid_on <= %(as_of)s::date
GROUP BY {patient}
"""

_GIVEN_ON = "(fact.given_at AT TIME ZONE %(zone)s)::date"
FEEDBACK = f"""
CREATE TEMPORARY TABLE night_feedback ON COMMIT DROP AS
SELECT {{patient}} AS patient,
    count(fact.score) AS answers,
    max(date_part('epoch', fact.given_at)::bigint << 4 | fact.score) & 15 AS last_nps,
    max({_GIVEN_ON}) FILTER (WHERE fact.score IS NOT NULL) AS last_answer_on,
    count(*) FILTER (WHERE fact.complaint) AS complaints,
    count(*) FILTER (WHERE fact.complaint AND {_GIVEN_ON} > %(as_of)s::date - 365) AS complaints_365
FROM {{feedback}}
WHERE fact.given_at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s
GROUP BY {{patient}}
"""

SUMMARIES = {
    "night_visits": VISITS,
    "night_days": DAYS,
    "night_words": WORDS,
    "night_payments": PAYMENTS,
    "night_feedback": FEEDBACK,
}
