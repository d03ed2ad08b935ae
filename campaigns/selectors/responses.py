"""How patients respond to advertising, for those who look for clusters among them."""

import datetime as dt
from typing import Any

from campaigns.selectors.clicks import BY_PEOPLE

# A visit within so many days of a message counts as coming after it.
DAYS = 30

# Advertising only: whoever is reminded of an appointment comes anyway.
_SQL = f"""
SELECT m.patient_id, count(*) AS sent,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM campaigns_messageevent e WHERE e.message_id = m.id AND {BY_PEOPLE}
    )) AS clicked,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM patients_visit v
        WHERE v.patient_id = m.patient_id AND v.deleted_at IS NULL AND v.status = 'completed'
            AND v.starts_on > (m.sent_at AT TIME ZONE %(zone)s)::date
            AND v.starts_on <= least((m.sent_at AT TIME ZONE %(zone)s)::date + {DAYS}, %(as_of)s::date)
    )) AS booked
FROM campaigns_message m
WHERE m.state = 'sent' AND m.purpose = 'marketing' AND (m.sent_at AT TIME ZONE %(zone)s)::date <= %(as_of)s
GROUP BY m.patient_id
"""


def responses(as_of: dt.date) -> tuple[str, dict[str, Any]]:
    """A query of (patient_id, sent, clicked, booked) over the messages sent up to a day; it takes `zone` and `as_of`
    from whoever asks."""
    return _SQL, {"as_of": as_of}
