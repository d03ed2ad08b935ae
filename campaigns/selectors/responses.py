"""How patients respond to advertising, for those who look for clusters among them."""

import datetime as dt
from typing import Any

from campaigns.selectors.clicks import BY_PEOPLE

# A visit within so many days of a message counts as coming after it.
DAYS = 30

# Advertising only: whoever is reminded of an appointment comes anyway. Messages to a card that was merged since, and
# visits noted on it, are those of the card that was kept; clicks of later days are not known yet.
_SQL = f"""
SELECT m.person AS patient_id, count(*) AS sent,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM campaigns_messageevent e
        WHERE e.message_id = m.id AND {BY_PEOPLE} AND (e.at AT TIME ZONE %(zone)s)::date <= %(as_of)s
    )) AS clicked,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM patients_visit v
        WHERE v.patient_id = ANY (ARRAY(
                SELECT m.person UNION ALL SELECT d.id FROM patients_patient d WHERE d.merged_into_id = m.person
            ))
            AND v.deleted_at IS NULL AND v.status = 'completed'
            AND v.starts_on > m.day AND v.starts_on <= least(m.day + {DAYS}, %(as_of)s::date)
    )) AS booked
FROM (
    SELECT m.id, coalesce(card.merged_into_id, card.id) AS person, (m.sent_at AT TIME ZONE %(zone)s)::date AS day
    FROM campaigns_message m JOIN patients_patient card ON card.id = m.patient_id
    WHERE m.state = 'sent' AND m.purpose = 'marketing'
) m
WHERE m.day <= %(as_of)s
GROUP BY m.person
"""


def responses(as_of: dt.date) -> tuple[str, dict[str, Any]]:
    """A query of (patient_id, sent, clicked, booked) over the messages sent up to a day; it takes `zone` and `as_of`
    from whoever asks."""
    return _SQL, {"as_of": as_of}
