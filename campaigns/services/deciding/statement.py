"""The statement that plans: one row per member of the audience, as it would stand in the ledger.

    audience ─► gate (services.decisions) ─► days (services.placing) ─► caps (services.caps)

The audience and what the gate says of it are kept in temporary tables of the transaction: the number of messages per
channel is needed before their days can be known, and the planner of the database chooses well when it knows the sizes.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from campaigns import reasons
from campaigns.models import Campaign, Message
from campaigns.services.deciding import caps, placing, rules
from campaigns.services.deciding.decisions import Query, decisions
from campaigns.services.deciding.placing import Places
from campaigns.services.deciding.rules import Rules
from segmentation.services.audiences import members_sql

ENGAGED_DAYS = 180


@contextmanager
def placed(campaign: Campaign, now: datetime.datetime) -> Iterator[tuple[Rules, Query, Places]]:
    """The statement with one row per member of the audience as it would be written, and the days it was placed on.

    Columns: patient_id, reader_id, branch_id, channel, address_key, variant_id, text_id, offer_id, state, reason, day,
    due_at. Nothing is written to any table that outlives the transaction.
    """
    rule = rules.of_campaign(campaign)
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling these statements takes longer than they run; sorting a million rows wants room.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        _decide(cursor, campaign, rule, now)
        cursor.execute(
            "SELECT channel, count(*) FROM campaign_decided WHERE reason = '' AND NOT held_out GROUP BY channel"
        )
        places = placing.find(campaign, rule, dict(cursor.fetchall()), now)
        _prepare_slots(cursor, places)
        yield rule, _planned(campaign, rule, places, now), places
        cursor.execute("DROP TABLE campaign_audience, campaign_decided, campaign_slot")


def _decide(cursor: CursorWrapper, campaign: Campaign, rule: Rules, now: datetime.datetime) -> None:
    audience = campaign.audience or {}
    sql, params = members_sql(audience.get("where") or {}, timezone.localdate(now), audience.get("except") or None)
    known = Message.objects.filter(campaign=campaign).exists()
    cursor.execute("CREATE TEMPORARY TABLE campaign_audience (patient_id bigint NOT NULL) ON COMMIT DROP")
    if known:
        sql = f"""SELECT audience.id FROM ({sql}) audience WHERE NOT EXISTS (
            SELECT FROM campaigns_message m WHERE m.dedupe_key = 'c' || %(campaign)s || ':p' || audience.id)"""
        params["campaign"] = campaign.pk
    cursor.execute(f"INSERT INTO campaign_audience {sql}", params)
    # The planner then knows how many there are, and chooses well for ten people as for a million.
    cursor.execute("ANALYZE campaign_audience")
    query = decisions(rule, "SELECT patient_id FROM campaign_audience", now, known=known)
    cursor.execute(f"CREATE TEMPORARY TABLE campaign_decided ON COMMIT DROP AS {query.sql}", query.params)
    cursor.execute("ANALYZE campaign_decided (patient_id, reason, reader_id, address_key)")


def _prepare_slots(cursor: CursorWrapper, places: Places) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE campaign_slot ON COMMIT DROP AS "
        "SELECT * FROM unnest(%s::int[], %s::int[], %s::timestamptz[]) slot(branch_id, day, due_at)",
        [*places.slots()],
    )
    cursor.execute("ANALYZE campaign_slot")


def _planned(campaign: Campaign, rule: Rules, places: Places, now: datetime.datetime) -> Query:
    """Days, then caps, over what the gate has decided."""
    params: dict[str, Any] = {
        "campaign": campaign.pk, "purpose": rule.purpose, "now": now, "useful_until": rule.useful_until,
        **caps.params(rule),
    }  # fmt: skip
    timed = f"""
        SELECT d.*, slot.due_at, first.due_at AS begins_at,
            d.reason = '' AND (slot.due_at IS NULL OR slot.due_at >= %(useful_until)s::timestamptz) IS TRUE AS late
        FROM ({_ranked(campaign, rule, places, params)}) d
        LEFT JOIN campaign_slot slot ON slot.branch_id = coalesce(d.branch_id, {placing.NOWHERE}) AND slot.day = d.day
        JOIN campaign_slot first ON first.branch_id = coalesce(d.branch_id, {placing.NOWHERE}) AND first.day = 0
    """
    over = "SELECT NULL::bigint AS ref, false AS by_person WHERE false"
    if rule.marketing:
        over = caps.over_sql(
            "SELECT patient_id AS ref, reader_id, address_key, due_at AS at FROM timed WHERE reason = '' AND NOT late"
        )
    offers = " ".join(
        f"WHEN variant_id = {variant.id} THEN {variant.offer_id}" for variant in rule.variants if variant.offer_id
    )
    offer = f"CASE {offers} END" if offers else "NULL::bigint"
    return Query(
        f"""
        WITH timed AS MATERIALIZED ({timed}), over AS ({over}), judged AS (
            SELECT t.*, CASE WHEN t.reason <> '' THEN t.reason WHEN t.late THEN '{reasons.LATE}'
                WHEN o.by_person THEN '{reasons.CAP_PERSON}' WHEN o.ref IS NOT NULL THEN '{reasons.CAP_ADDRESS}'
                ELSE '' END AS why
            FROM timed t LEFT JOIN over o ON o.ref = t.patient_id
        )
        SELECT patient_id, reader_id, branch_id, channel, address_key, why AS reason,
            CASE WHEN why <> '' THEN 'suppressed' WHEN held_out THEN 'holdout' ELSE 'planned' END AS state,
            CASE WHEN why = '' AND NOT held_out THEN variant_id END AS variant_id,
            CASE WHEN why = '' AND NOT held_out THEN text_id END AS text_id,
            CASE WHEN why = '' AND NOT held_out THEN {offer} END AS offer_id,
            day, coalesce(due_at, begins_at) AS due_at
        FROM judged
        """,
        params,
    )


def _ranked(campaign: Campaign, rule: Rules, places: Places, params: dict[str, Any]) -> str:
    """The decided with the day on which each falls due: the n-th message of its channel on the day n belongs to.

    With a warm-up the most active come first: the last visit, then the last click of a
    person; otherwise, and among equals, by a hash of its own. The hold-out stands in the queue without taking a place.
    """
    if places.in_a_day:
        return "SELECT *, 0 AS day FROM campaign_decided"
    lines = []
    for number, channel in enumerate(rule.channels):
        params[f"bounds{number}"] = places.bounds(channel)
        lines.append(f"WHEN channel = '{channel}' THEN width_bucket(n, %(bounds{number})s::bigint[])")
    chance, active = "substring(digest FROM 17)", ""
    order = chance
    if campaign.warm_up:
        order = f"last_visit_on DESC NULLS LAST, engaged.at DESC NULLS LAST, {chance}"
        params["engaged_since"] = params["now"] - datetime.timedelta(days=ENGAGED_DAYS)
        active = """LEFT JOIN (
            SELECT m.patient_id, max(e.at) AS at FROM campaigns_messageevent e
            JOIN campaigns_message m ON m.id = e.message_id
            WHERE e.kind = 'clicked' AND NOT e.machine AND e.at >= %(engaged_since)s GROUP BY 1
        ) engaged USING (patient_id)"""
    written = "count(*) FILTER (WHERE NOT held_out) OVER (PARTITION BY channel"
    return f"""
        SELECT queue.*, CASE {" ".join(lines)} END AS day FROM (
            SELECT d.*, least({written} ORDER BY {order} ROWS UNBOUNDED PRECEDING) - (NOT held_out)::int,
                greatest({written}) - 1, 0)) AS n
            FROM campaign_decided d {active} WHERE reason = ''
        ) queue
        UNION ALL SELECT d.*, NULL, 0 FROM campaign_decided d WHERE reason <> ''
    """
