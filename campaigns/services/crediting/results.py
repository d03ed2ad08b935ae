"""The nightly step "results": what every campaign brought as of a date, as stored sums.

A campaign is counted every night from its first message until its last window has ended and LATE_DAYS more have
passed, for the MIS posts late; then its figures are final. Nothing here estimates: pages do, from the sums
(campaigns.attribution), so that a better estimate needs no recounting.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from campaigns.models import Campaign, CampaignResult, ReachTotal
from campaigns.services.crediting import funnels, outcomes
from segmentation.models import BaseTotal
from segmentation.services.night import Night

TREATED, HOLDOUT = "treated", "holdout"
LATE_DAYS = 14
REACH_DAYS = 30

_OPEN = """
    SELECT c.id FROM campaigns_campaign c
    WHERE c.state IN ('running', 'paused', 'finished', 'stopped')
      AND (c.launched_at AT TIME ZONE %(zone)s)::date <= %(as_of)s
      AND NOT EXISTS (
        SELECT FROM campaigns_campaignresult r
        WHERE r.campaign_id = c.id AND r."group" = 'treated' AND r.breakdown = '' AND r.as_of < %(as_of)s
          AND r.figures @> '{"final": true}'
      )
    ORDER BY c.id
"""
_REACHED = """
    SELECT count(DISTINCT COALESCE(p.merged_into_id, p.id)), count(*)
    FROM campaigns_message m JOIN patients_patient p ON p.id = m.patient_id
    WHERE m.state = 'sent' AND p.deleted_at IS NULL
      AND m.sent_at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s
      AND m.sent_at >= (%(as_of)s::date + 1 - %(days)s)::timestamp AT TIME ZONE %(zone)s
"""


def refresh(night: Night) -> int:
    """Write the results of `night.as_of` anew; the number of rows. Inside the caller's transaction."""
    return refresh_as_of(night.as_of)


@transaction.atomic
def refresh_as_of(as_of: datetime.date, campaigns: Sequence[int] | None = None) -> int:
    """Count as of a date; `campaigns`: only these, also when they are final."""
    wanted = list(campaigns) if campaigns is not None else _open(as_of)
    stale = CampaignResult.objects.filter(as_of=as_of)
    (stale if campaigns is None else stale.filter(campaign__in=wanted)).delete()
    written = 0
    if wanted:
        outcomes.gather(wanted, as_of)
        written = len(CampaignResult.objects.bulk_create(_rows(wanted, as_of)))
    _write_reach(as_of)
    return written + 1


def rewind(as_of: datetime.date) -> None:
    """Take back what the nights of `as_of` and later have counted."""
    CampaignResult.objects.filter(as_of__gte=as_of).delete()
    ReachTotal.objects.filter(as_of__gte=as_of).delete()


def _open(as_of: datetime.date) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"as_of": as_of, "zone": settings.TIME_ZONE})
        return [row[0] for row in cursor.fetchall()]


def _rows(campaigns: Sequence[int], as_of: datetime.date) -> list[CampaignResult]:
    figures: dict[tuple[int, str, str], dict[str, Any]] = {}
    several = _with_variants(campaigns)
    codes = funnels.promo(campaigns, as_of)
    for campaign in campaigns:
        figures[campaign, TREATED, ""] = outcomes.figures([0] * 2 * len(outcomes.NAMES))
    for campaign, held, letter, sums in outcomes.groups():
        group = HOLDOUT if held else TREATED if letter is None else letter
        if letter is None or (not held and letter and campaign in several):
            figures[campaign, group, ""] = {**sums, "promo": codes.get((campaign, held, letter))}
    for campaign, held, division, segment, sums in outcomes.by_segment():
        figures[campaign, HOLDOUT if held else TREATED, f"{division}:{segment}"] = sums
    for (campaign, held), curve in _curves(as_of).items():
        figures[campaign, HOLDOUT if held else TREATED, ""] |= curve
    for (campaign, letter), funnel in funnels.funnels(campaigns, as_of).items():
        key = (campaign, letter or TREATED, "")
        if key in figures:
            figures[key]["funnel"] = funnel
    for campaign, facts in _standing(campaigns, as_of).items():
        figures[campaign, TREATED, ""] |= facts
    return [
        CampaignResult(campaign_id=campaign, as_of=as_of, group=group, breakdown=breakdown, figures=sums)
        for (campaign, group, breakdown), sums in figures.items()
    ]


def _with_variants(campaigns: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT campaign_id FROM campaigns_variant WHERE campaign_id = ANY(%s) GROUP BY 1 HAVING count(*) > 1",
            [list(campaigns)],
        )
        return {row[0] for row in cursor.fetchall()}


def _standing(campaigns: Sequence[int], as_of: datetime.date) -> dict[int, dict[str, Any]]:
    """How far each campaign is: when its rows are due, how many patients came into it of late, whether it is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.id, c.window_days, c.state, m.first, m.last, m.recent, m.holdout
            FROM campaigns_campaign c LEFT JOIN (
                SELECT campaign_id, min(due_on) AS first, max(due_on) AS last,
                       count(*) FILTER (WHERE due_on <= %(as_of)s AND due_on > %(as_of)s - %(recent)s) AS recent,
                       count(*) FILTER (WHERE state = 'holdout') AS holdout
                FROM (SELECT m.campaign_id, m.state, (m.due_at AT TIME ZONE %(zone)s)::date AS due_on
                      FROM campaigns_message m JOIN campaigns_campaign k ON k.id = m.campaign_id
                      WHERE m.campaign_id = ANY(%(campaigns)s) AND (m.state = 'holdout' OR {outcomes.IS_DRAWN})
                        AND (k.state <> 'stopped' OR k.ended_at IS NULL OR m.due_at <= k.ended_at)) rows
                GROUP BY 1
            ) m ON m.campaign_id = c.id
            WHERE c.id = ANY(%(campaigns)s)
            """,
            {
                "as_of": as_of, "recent": outcomes.RECENT_DAYS, "zone": settings.TIME_ZONE,
                "campaigns": list(campaigns),
            },
        )  # fmt: skip
        return {row[0]: _facts(as_of, *row[1:]) for row in cursor.fetchall()}


def _facts(
    as_of: datetime.date, window: int, state: str, first: datetime.date | None, last: datetime.date | None,
    recent: int | None, holdout: int | None,
) -> dict[str, Any]:  # fmt: skip
    ends = last + datetime.timedelta(days=window) if last else None
    closed = state in (Campaign.State.FINISHED, Campaign.State.STOPPED) and (ends is None or ends <= as_of)
    late = ends is None or ends + datetime.timedelta(days=LATE_DAYS) <= as_of
    return {
        "window": window, "first_due": first and first.isoformat(), "last_due": last and last.isoformat(),
        "ends": ends and ends.isoformat(), "recent": recent or 0, "planned_holdout": bool(holdout),
        "over": closed, "final": closed and late,
    }  # fmt: skip


def _curves(as_of: datetime.date) -> dict[tuple[int, bool], dict[str, Any]]:
    """`came_by`: the share that had come by day 1 … window, and `at_risk`: how many were watched through that day.

    While windows are open patients are watched for different times: the curve is 1 − Π (1 − came on the day ÷ watched
    and not come before), of Kaplan and Meier (1958). When all have ended it is the plain share.
    """
    rows: dict[tuple[int, bool], list[tuple[int, int | None, int]]] = defaultdict(list)
    windows: dict[tuple[int, bool], int] = {}
    for campaign, held, due_on, window, first_day, count in outcomes.days():
        rows[campaign, held].append((min((as_of - due_on).days, window), first_day, count))
        windows[campaign, held] = window
    return {key: _curve(found, windows[key]) for key, found in rows.items()}


def _curve(rows: Sequence[tuple[int, int | None, int]], window: int) -> dict[str, Any]:
    came, watched, risk = (np.zeros(window + 2) for _ in range(3))
    for through, first_day, count in rows:
        watched[through] += count
        risk[min(through, first_day or through)] += count
        if first_day:
            came[first_day] += count
    at_risk = risk[::-1].cumsum()[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        stay = np.where(at_risk > 0, 1 - came / at_risk, 1.0)
    days = max((through for through, _day, _count in rows), default=0)
    shares = 1 - stay[1 : days + 1].cumprod()
    watched_through = watched[::-1].cumsum()[::-1][1 : days + 1]
    return {"came_by": [round(float(s), 6) for s in shares], "watched": [int(n) for n in watched_through]}


def _write_reach(as_of: datetime.date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, {"as_of": as_of, "zone": settings.TIME_ZONE, "days": REACH_DAYS})
        reached, messages = cursor.fetchone()
    base = BaseTotal.objects.filter(as_of=as_of).values_list("patients", flat=True).first() or 0
    ReachTotal.objects.update_or_create(
        as_of=as_of, defaults={"reached": reached, "messages": messages, "patients": base}
    )
