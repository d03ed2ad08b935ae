"""From the audience to the click, and visits that name their campaign by a promo code: counted in SQL."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns.selectors.clicks import IN_A_BURST
from campaigns.services.crediting.outcomes import IS_DRAWN

_STATES = f"""
    SELECT m.campaign_id, COALESCE(v.letter, ''), m.state, m.reason, {IS_DRAWN} AS drawn, count(*), sum(m.cost)
    FROM campaigns_message m
    LEFT JOIN campaigns_variant v ON v.id = m.variant_id
    WHERE m.campaign_id = ANY(%s)
    GROUP BY 1, 2, 3, 4, 5
"""
# A scanner that opens every link is not a reader; a person who clicks thrice is one.
_EVENTS = f"""
    SELECT m.campaign_id, COALESCE(v.letter, ''), e.kind, count(DISTINCT e.message_id)
    FROM campaigns_messageevent e
    JOIN campaigns_message m ON m.id = e.message_id
    LEFT JOIN campaigns_variant v ON v.id = m.variant_id
    WHERE m.campaign_id = ANY(%(campaigns)s) AND NOT e.machine AND NOT {IN_A_BURST}
      AND e.at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s
    GROUP BY 1, 2, 3
"""
# Several campaigns may carry one offer: its visit belongs to the last of their messages that was due before it. The
# day itself counts: a code is proof enough that the message came first.
_PROMO = """
    WITH codes AS (
        SELECT v.id AS variant_id, v.campaign_id, upper(btrim(o.promo_code)) AS code
        FROM campaigns_variant v JOIN campaigns_offer o ON o.id = v.offer_id
        WHERE o.promo_code <> ''
    ), wanted AS (
        SELECT DISTINCT code FROM codes WHERE campaign_id = ANY(%(campaigns)s)
    ), used AS (
        SELECT vi.id, vi.patient_id, vi.starts_on, vi.amount, w.code
        FROM patients_visit vi JOIN wanted w ON w.code = upper(btrim(vi.promo_code))
        WHERE vi.promo_code <> '' AND vi.status = 'completed' AND vi.deleted_at IS NULL
          AND vi.starts_on <= %(as_of)s AND vi.starts_on >= %(first)s
    ), credited AS (
        SELECT DISTINCT ON (u.id) u.id, u.amount, m.campaign_id, m.state = 'holdout' AS held,
               COALESCE(va.letter, '') AS letter
        FROM used u
        JOIN campaigns_message m ON m.patient_id = u.patient_id
        JOIN campaigns_campaign c ON c.id = m.campaign_id
        JOIN codes k ON k.campaign_id = m.campaign_id AND k.code = u.code
         AND (m.variant_id = k.variant_id OR m.variant_id IS NULL)
        LEFT JOIN campaigns_variant va ON va.id = m.variant_id
        WHERE m.state IN ('sent', 'unknown', 'sending', 'holdout')
          AND (m.due_at AT TIME ZONE %(zone)s)::date <= u.starts_on
          AND (m.due_at AT TIME ZONE %(zone)s)::date + c.window_days >= u.starts_on
        -- Whoever got the code outweighs a campaign that held them out.
        ORDER BY u.id, m.state = 'holdout', m.due_at DESC, m.id DESC
    )
    SELECT campaign_id, held, letter, count(*), COALESCE(sum(amount), 0)
    FROM credited WHERE campaign_id = ANY(%(campaigns)s) GROUP BY 1, 2, 3
"""
PER_MESSAGE = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed", "outcome")
Funnel = dict[str, Any]


def funnels(campaigns: Sequence[int], as_of: datetime.date) -> dict[tuple[int, str], Funnel]:
    """Per campaign and letter ("" for all of it): audience, holdout, excluded by reason, drawn by state, not sent by
    reason, cost in ₽, and the messages that were delivered, opened, clicked by people and so on."""
    found: dict[tuple[int, str], Funnel] = {(campaign, ""): _empty() for campaign in campaigns}
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [list(campaigns)])
        for campaign, letter, state, reason, drawn, count, cost in cursor.fetchall():
            for key in {(campaign, ""), (campaign, letter)}:
                _count(found.setdefault(key, _empty()), state, reason, drawn, count, float(cost))
        cursor.execute(_EVENTS, {"campaigns": list(campaigns), "as_of": as_of, "zone": settings.TIME_ZONE})
        for campaign, letter, kind, count in cursor.fetchall():
            for key in {(campaign, ""), (campaign, letter)}:
                if kind in PER_MESSAGE:
                    funnel = found.setdefault(key, _empty())
                    funnel[kind] = funnel.get(kind, 0) + count
    return found


def _empty() -> Funnel:
    return {"audience": 0, "holdout": 0, "excluded": {}, "drawn": 0, "states": {}, "not_sent": {}, "cost": 0.0}


def _count(funnel: Funnel, state: str, reason: str, drawn: bool, count: int, cost: float) -> None:
    funnel["audience"] += count
    funnel["cost"] += cost
    if state == "holdout":
        funnel["holdout"] += count
    elif not drawn:
        funnel["excluded"][reason] = funnel["excluded"].get(reason, 0) + count
    else:
        funnel["drawn"] += count
        funnel["states"][state] = funnel["states"].get(state, 0) + count
        if state in ("suppressed", "cancelled", "expired", "failed", "unknown"):
            funnel["not_sent"][reason or state] = funnel["not_sent"].get(reason or state, 0) + count


def promo(campaigns: Sequence[int], as_of: datetime.date) -> dict[tuple[int, bool, str | None], dict[str, float]]:
    """Completed visits with the promo code of the offer: (campaign, held, letter; None: all letters) → how many and
    their amount, ₽. Visits of the hold-out mean that the code went round: the difference is then too small."""
    found: dict[tuple[int, bool, str | None], dict[str, float]] = defaultdict(lambda: {"visits": 0, "money": 0.0})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min((launched_at AT TIME ZONE %s)::date) FROM campaigns_campaign WHERE id = ANY(%s)",
            [settings.TIME_ZONE, list(campaigns)],
        )
        first = cursor.fetchone()[0]
        if first is None:
            return found
        cursor.execute(
            _PROMO, {"campaigns": list(campaigns), "as_of": as_of, "first": first, "zone": settings.TIME_ZONE}
        )
        for campaign, held, letter, visits, money in cursor.fetchall():
            for key in {(campaign, held, None), (campaign, held, letter)}:
                found[key]["visits"] += visits
                found[key]["money"] += float(money)
    return found
