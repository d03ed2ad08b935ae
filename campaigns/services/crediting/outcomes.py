"""What became of the patients of campaigns, counted in SQL: one pass over the ledger, however many campaigns.

Who is counted: everybody whom chance put among those to be written to (also when in the end nothing was sent: whoever
is left out afterwards cannot be left out of the hold-out in the same way) against the hold-out. Rows refused by the
gate when the campaign was planned were never drawn and are in neither group.

A row is watched from the day after it was due: days due + 1 … due + window. Its day is that of the clinic's clock.
A stopped campaign is counted up to its stop, in both groups.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns.models import Message

State = Message.State
# Drawn to be written to, whatever happened afterwards; "suppressed" only when found out right before sending.
DRAWN = (
    State.PLANNED, State.DEFERRED, State.SENDING, State.SENT, State.FAILED, State.UNKNOWN, State.CANCELLED,
    State.EXPIRED,
)  # fmt: skip
BREAKDOWNS = ("value", "rfm", "lifecycle")
RECENT_DAYS = 28  # the pace at which patients come into a campaign is that of the last four weeks

_STATES = ", ".join(f"'{state}'" for state in DRAWN)
IS_DRAWN = f"(m.state IN ({_STATES}) OR (m.state = 'suppressed' AND m.claimed_at IS NOT NULL))"

_ROWS = f"""
    CREATE TEMP TABLE result_rows ON COMMIT DROP AS
    SELECT r.*, least(%(as_of)s - r.due_on, r.window_days) AS watched, r.due_on + r.window_days <= %(as_of)s AS complete
    FROM (
        SELECT m.id, m.campaign_id, m.patient_id, m.state = 'holdout' AS held, COALESCE(v.letter, '') AS letter,
               (m.due_at AT TIME ZONE %(zone)s)::date AS due_on,
               (m.planned_at AT TIME ZONE %(zone)s)::date AS planned_on,
               c.window_days::int AS window_days, m.cost, c.goal_service_id, c.goal_group_id
        FROM campaigns_message m
        JOIN campaigns_campaign c ON c.id = m.campaign_id
        LEFT JOIN campaigns_variant v ON v.id = m.variant_id
        WHERE m.campaign_id = ANY(%(campaigns)s) AND (m.state = 'holdout' OR {IS_DRAWN})
          AND (c.state <> 'stopped' OR c.ended_at IS NULL OR m.due_at <= c.ended_at)
    ) r
    WHERE r.due_on < %(as_of)s
"""

# The days between which anything can have happened are given as constants: the indexes by day are then read once.
_CAME = """
    CREATE TEMP TABLE result_came ON COMMIT DROP AS
    SELECT r.id, count(*)::int AS visits, min(v.starts_on - r.due_on)::int AS first_day
    FROM result_rows r
    JOIN patients_visit v ON v.patient_id = r.patient_id
     AND v.starts_on > r.due_on AND v.starts_on <= r.due_on + r.watched
    WHERE v.status = 'completed' AND v.deleted_at IS NULL AND v.starts_on > %(first)s AND v.starts_on <= %(as_of)s
    GROUP BY r.id
"""
_PAID = """
    CREATE TEMP TABLE result_paid ON COMMIT DROP AS
    SELECT r.id, sum(CASE p.kind WHEN 'refund' THEN -p.amount ELSE p.amount END) AS money
    FROM result_rows r
    JOIN patients_payment p ON p.patient_id = r.patient_id
     AND p.paid_on > r.due_on AND p.paid_on <= r.due_on + r.watched
    WHERE p.deleted_at IS NULL AND p.paid_on > %(first)s AND p.paid_on <= %(as_of)s
    GROUP BY r.id
"""
_GOAL = """
    CREATE TEMP TABLE result_goal ON COMMIT DROP AS
    SELECT DISTINCT r.id
    FROM result_rows r
    JOIN patients_visit v ON v.patient_id = r.patient_id
     AND v.starts_on > r.due_on AND v.starts_on <= r.due_on + r.watched
    JOIN patients_visititem i ON i.visit_id = v.id
    JOIN patients_service s ON s.id = i.service_id
    WHERE v.status = 'completed' AND v.deleted_at IS NULL AND v.starts_on > %(first)s AND v.starts_on <= %(as_of)s
      AND (r.goal_service_id = s.id OR (r.goal_service_id IS NULL AND r.goal_group_id = s.group_id))
"""
_OUTCOMES = """
    CREATE TEMP TABLE result_outcomes ON COMMIT DROP AS
    SELECT r.id, r.campaign_id, r.patient_id, r.held, r.letter, r.due_on, r.planned_on, r.window_days, r.complete,
           r.cost, COALESCE(c.visits, 0) AS visits, c.first_day, COALESCE(p.money, 0) AS money, g.id IS NOT NULL AS goal
    FROM result_rows r
    LEFT JOIN result_came c ON c.id = r.id
    LEFT JOIN result_paid p ON p.id = r.id
    LEFT JOIN result_goal g ON g.id = r.id
"""
_SUMS = """
    count(*){filter}, count(*) FILTER (WHERE o.visits > 0{and_}), COALESCE(sum(o.visits){filter}, 0),
    count(*) FILTER (WHERE o.money <> 0{and_}), COALESCE(sum(o.money){filter}, 0),
    COALESCE(sum(o.money * o.money){filter}, 0), COALESCE(sum(o.cost){filter}, 0), count(*) FILTER (WHERE o.goal{and_})
"""
NAMES = ("n", "came", "visits", "paid", "money", "money2", "cost", "goal")
SUMS = _SUMS.format(filter="", and_="") + ", " + _SUMS.format(
    filter=" FILTER (WHERE o.complete)", and_=" AND o.complete"
)  # fmt: skip


def gather(campaigns: Sequence[int], as_of: datetime.date) -> None:
    """Fill result_outcomes (a temporary table of this transaction): a row per patient whose window has begun."""
    params: dict[str, Any] = {"campaigns": list(campaigns), "as_of": as_of, "zone": settings.TIME_ZONE}
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS result_rows, result_came, result_paid, result_goal, result_outcomes"
        )  # fmt: skip
        cursor.execute(_ROWS, params)
        cursor.execute("ANALYZE result_rows")
        cursor.execute("SELECT COALESCE(min(due_on), %s) FROM result_rows", [as_of])
        params["first"] = cursor.fetchone()[0]
        for statement, table in ((_CAME, "result_came"), (_PAID, "result_paid"), (_GOAL, "result_goal")):
            cursor.execute(statement, params)
            cursor.execute(f"ANALYZE {table}")
        cursor.execute(_OUTCOMES)
        cursor.execute("ANALYZE result_outcomes")


def figures(row: Sequence[Any]) -> dict[str, Any]:
    """The columns SUMS selects as figures: of all windows, and under "complete" of those that have ended."""
    values = [int(v) if name in ("n", "came", "visits", "paid", "goal") else float(v)
              for name, v in zip(NAMES * 2, row, strict=True)]  # fmt: skip
    half = len(NAMES)
    return {**dict(zip(NAMES, values[:half], strict=True)), "complete": dict(zip(NAMES, values[half:], strict=True))}


def groups() -> list[tuple[int, bool, str | None, dict[str, Any]]]:
    """(campaign, held, letter or None for all letters, figures)."""
    return _select(
        f"SELECT o.campaign_id, o.held, CASE WHEN GROUPING(o.letter) = 0 THEN o.letter END, {SUMS} "
        "FROM result_outcomes o "
        "GROUP BY GROUPING SETS ((o.campaign_id, o.held), (o.campaign_id, o.held, o.letter))",
        keys=3,
    )


def by_segment() -> list[tuple[int, bool, str, str, dict[str, Any]]]:
    """(campaign, held, segmentation, segment, figures), by the memberships of the day of planning."""
    return _select(
        f"SELECT o.campaign_id, o.held, d.code, s.code, {SUMS} "
        "FROM result_outcomes o "
        "JOIN segmentation_membership mb ON mb.patient_id = o.patient_id AND mb.entered_on <= o.planned_on "
        " AND (mb.left_on IS NULL OR mb.left_on > o.planned_on) "
        "JOIN segmentation_segment s ON s.id = mb.segment_id "
        "JOIN segmentation_segmentation d ON d.id = mb.segmentation_id "
        "WHERE d.code = ANY(%s) GROUP BY 1, 2, 3, 4",
        [list(BREAKDOWNS)],
        keys=4,
    )


def days() -> list[tuple[int, bool, datetime.date, int, int | None, int]]:
    """(campaign, held, due day, window, day of the first visit or None, patients): enough for the curve by day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT campaign_id, held, due_on, window_days, first_day, count(*)::int FROM result_outcomes "
            "GROUP BY 1, 2, 3, 4, 5"
        )
        return cursor.fetchall()


def _select(query: str, params: Sequence[Any] = (), *, keys: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [(*row[:keys], figures(row[keys:])) for row in cursor.fetchall()]
