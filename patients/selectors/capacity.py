"""How many more appointments a branch can take on a day.

The MIS knows it and posts it (`Slot`). For the days it says nothing about, it is estimated from history:

    free = capacity − taken,   capacity = the second busiest of the twelve same weekdays before

(`percentile_disc(0.9)` of the twelve counts of appointments that were not cancelled). Counts are whole appointments, a
missed one has taken its place too. What the estimate is worth: a branch that was full on at least two of the twelve
days gets its capacity exactly; one that was never full gets less than it could take, so that it is never overbooked;
a single day out of the ordinary (an open day, an outage) changes nothing. A day of the week on which the branch is
closed has no capacity, and neither has a branch younger than two weeks. Public holidays are not known to it: they are
the reason to post slots.

Of a past day the figure says what was left in the end, since nobody has written down when each appointment was made.
"""

import datetime as dt
import zoneinfo

from django.db import connection

from patients.models import Branch

WEEKS = 12
QUANTILE = 0.9


def free_slots_sql(days: str) -> str:
    """SELECT branch_id, day, asked_on, free int, total int, posted bool: one row per different row of `days`.

    `days` is a SELECT of `branch_id` int, `day` date (asked about) and `asked_on` date (the day at the branch on which
    one asks: only days before it are history). `posted` says that the MIS has counted. A row without a doctor is the
    count of the whole branch; without one those of its doctors are added up. Where the MIS also gave the total, never
    more is free than what the appointments known by now leave of it.
    """
    return f"""
    WITH asked AS MATERIALIZED (
        SELECT DISTINCT branch_id, day, asked_on, greatest((day - asked_on) / 7 + 1, 1) AS weeks FROM ({days}) AS days
    ), past AS MATERIALIZED (
        SELECT branch_id, day, asked_on, day - 7 * (weeks + back) AS before
        FROM asked, generate_series(0, {WEEKS - 1}) AS back
    ), taken AS MATERIALIZED (
        -- Day by day, each a short stretch of the index: the planner would read ten years for the days of a week.
        SELECT v.branch_id, d.day, v.n FROM (SELECT before AS day FROM past UNION SELECT day FROM asked) AS d
        CROSS JOIN LATERAL (
            SELECT branch_id, count(*)::int AS n FROM patients_visit
            WHERE starts_on = d.day AND status <> 'cancelled' AND deleted_at IS NULL
            GROUP BY 1
        ) AS v
    ), usual AS (
        SELECT p.branch_id, p.day, p.asked_on,
            percentile_disc({QUANTILE}) WITHIN GROUP (ORDER BY coalesce(t.n, 0)) AS capacity
        FROM past p LEFT JOIN taken t ON t.branch_id = p.branch_id AND t.day = p.before
        GROUP BY 1, 2, 3
    ), posted AS (
        SELECT s.branch_id, s.day,
            coalesce(sum(s.free) FILTER (WHERE s.doctor_id IS NULL), sum(s.free))::int AS free,
            CASE WHEN bool_or(s.doctor_id IS NULL) THEN sum(s.total) FILTER (WHERE s.doctor_id IS NULL)
                 WHEN bool_and(s.total IS NOT NULL) THEN sum(s.total) END::int AS total
        FROM patients_slot s WHERE (s.branch_id, s.day) IN (SELECT branch_id, day FROM asked)
        GROUP BY 1, 2
    )
    SELECT u.branch_id, u.day, u.asked_on,
        CASE WHEN s.branch_id IS NOT NULL
             THEN greatest(least(s.free, coalesce(s.total - coalesce(t.n, 0), s.free)), 0)
             ELSE greatest(u.capacity - coalesce(t.n, 0), 0) END AS free,
        CASE WHEN s.branch_id IS NOT NULL THEN coalesce(s.total, s.free + coalesce(t.n, 0))
             ELSE greatest(u.capacity, coalesce(t.n, 0)) END AS total,
        s.branch_id IS NOT NULL AS posted
    FROM usual u
    LEFT JOIN posted s ON s.branch_id = u.branch_id AND s.day = u.day
    LEFT JOIN taken t ON t.branch_id = u.branch_id AND t.day = u.day
    """


def free(branch: Branch | int, day: dt.date, now: dt.datetime) -> int:
    """How many appointments the branch can still take on this day, as known at `now`."""
    place = branch if isinstance(branch, Branch) else Branch.objects.get(pk=branch)
    return free_on(place, [day], now)[day]


def free_on(branch: Branch, days: list[dt.date], now: dt.datetime) -> dict[dt.date, int]:
    """The same for several days at once."""
    asked_on = now.astimezone(zoneinfo.ZoneInfo(branch.timezone)).date()
    days_sql = "SELECT %(branch)s::int AS branch_id, unnest(%(days)s::date[]) AS day, %(asked_on)s::date AS asked_on"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT day, free FROM ({free_slots_sql(days_sql)}) AS found",
            {"branch": branch.pk, "days": days, "asked_on": asked_on},
        )
        return dict(cursor.fetchall())
