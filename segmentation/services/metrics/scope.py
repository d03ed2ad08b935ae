"""SQL that finds for whom the numbers may have changed, and which cards count for them.

A merged card has no metrics of its own: its facts count for the card that was kept. Merging keeps one level (a card
never points at a card that is itself merged).
"""

# `rhythms`: whether a service may have been rendered, moved or withdrawn. For the others the stored rhythms hold.
TOUCHED = "CREATE TEMPORARY TABLE night_touched (card bigint, rhythms boolean) ON COMMIT DROP"

# Who was touched by a fact. The log is append-only: what is committed after this statement waits for the next night.
CONSUMED = """
WITH consumed AS (DELETE FROM patients_changedpatient RETURNING patient_id)
INSERT INTO night_touched SELECT DISTINCT patient_id, true FROM consumed
"""
FORGET_CHANGES = "DELETE FROM patients_changedpatient"

# Whose numbers move because time has passed: facts that came into effect, appointments that went by (one on the night's
# own day is still ahead), and facts that left the window of 365 days since the last night.
MOVED_BY_TIME = """
INSERT INTO night_touched
SELECT patient_id, true FROM patients_visit
WHERE starts_on > %(previous)s::date AND starts_on <= %(as_of)s::date AND status NOT IN ('booked', 'confirmed')
UNION ALL
SELECT patient_id, false FROM patients_visit
WHERE starts_on >= %(previous)s::date AND starts_on < %(as_of)s::date AND status IN ('booked', 'confirmed')
UNION ALL
SELECT patient_id, false FROM patients_visit
WHERE starts_on > %(previous)s::date - 365 AND starts_on <= %(as_of)s::date - 365
UNION ALL
SELECT patient_id, false FROM patients_payment
WHERE deleted_at IS NULL AND paid_on > %(previous)s::date AND paid_on <= %(as_of)s::date
UNION ALL
SELECT patient_id, false FROM patients_payment
WHERE deleted_at IS NULL AND paid_on > %(previous)s::date - 365 AND paid_on <= %(as_of)s::date - 365
UNION ALL
SELECT patient_id, false FROM patients_feedback
WHERE given_at >= (%(previous)s::date + 1)::timestamp AT TIME ZONE %(zone)s
    AND given_at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s
UNION ALL
SELECT patient_id, false FROM patients_feedback
WHERE complaint
    AND given_at >= (%(previous)s::date - 364)::timestamp AT TIME ZONE %(zone)s
    AND given_at < (%(as_of)s::date - 364)::timestamp AT TIME ZONE %(zone)s
"""

# Due dates are stored: where an interval is another one than they were computed with, everybody of that service.
MOVED_BY_INTERVAL = """
INSERT INTO night_touched
SELECT patient_id, false FROM segmentation_servicerhythm
WHERE service_id IN (
    SELECT service_id
    FROM night_intervals AS fresh FULL JOIN segmentation_intervalinuse AS stored USING (service_id, cell)
    WHERE fresh.days IS DISTINCT FROM stored.days
)
"""
INTERVALS_GONE = """
DELETE FROM segmentation_intervalinuse AS stored
WHERE NOT EXISTS (SELECT FROM night_intervals WHERE (service_id, cell) = (stored.service_id, stored.cell))
"""
INTERVALS_USED = """
INSERT INTO segmentation_intervalinuse (service_id, cell, days)
SELECT service_id, cell, days FROM night_intervals
EXCEPT SELECT service_id, cell, days FROM segmentation_intervalinuse
ON CONFLICT (service_id, cell) DO UPDATE SET days = EXCLUDED.days
"""

PATIENTS = """
CREATE TEMPORARY TABLE night_patient ON COMMIT DROP AS
SELECT patient, bool_or(rhythms) AS rhythms
FROM (
    SELECT card AS patient, rhythms FROM night_touched
    UNION ALL
    SELECT merged_into_id, rhythms FROM patients_patient JOIN night_touched ON id = card
    WHERE merged_into_id IS NOT NULL
) AS touched
GROUP BY patient
"""

KEPT_PATIENTS = """
CREATE TEMPORARY TABLE night_patient ON COMMIT DROP AS
SELECT DISTINCT merged_into_id AS patient, true AS rhythms FROM patients_patient WHERE merged_into_id IS NOT NULL
"""

CARDS = """
CREATE TEMPORARY TABLE night_card ON COMMIT DROP AS
SELECT patient, rhythms, patient AS card FROM night_patient
JOIN patients_patient AS person ON person.id = patient
WHERE person.deleted_at IS NULL AND person.merged_into_id IS NULL
UNION ALL
SELECT patient, rhythms, merged.id FROM night_patient
JOIN patients_patient AS person ON person.id = patient
JOIN patients_patient AS merged ON merged.merged_into_id = patient
WHERE person.deleted_at IS NULL AND person.merged_into_id IS NULL
"""
