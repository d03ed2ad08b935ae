"""The gate right before sending: what has changed since planning, asked with the statement that planned."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns import reasons
from campaigns.models import Campaign, Message, Policy
from campaigns.planning.quiet_hours import next_allowed
from campaigns.services.deciding import caps, rules
from campaigns.services.deciding.decisions import decisions
from campaigns.services.deciding.rules import Rules

MOMENT = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a message may not go now. With `due_at` it waits until then; without, this is final."""

    reason: str
    due_at: datetime.datetime | None = None


def recheck(ids: Sequence[int], now: datetime.datetime) -> dict[int, Verdict]:
    """Which of these messages, claimed by their dispatcher, may not go now, and why.

    The others may. When the reader or the address has changed since planning, their rows say so afterwards: read the
    address after this call.
    """
    policy = Policy.load()
    verdicts: dict[int, Verdict] = {}
    for (campaign_id, channel, purpose), some in _grouped(ids).items():
        campaign = Campaign.objects.get(pk=campaign_id) if campaign_id else None
        rule = (
            rules.of_campaign(campaign, policy).on(channel) if campaign else rules.of_nobody(purpose, channel, policy)
        )
        if campaign and campaign.state == Campaign.State.STOPPED:
            verdicts.update(dict.fromkeys(some, Verdict(reasons.STOPPED)))
            continue
        verdicts.update(_judged(rule, some, now))
    return verdicts


def _grouped(ids: Sequence[int]) -> dict[tuple[int | None, str, str], list[int]]:
    groups: dict[tuple[int | None, str, str], list[int]] = defaultdict(list)
    rows = Message.objects.filter(pk__in=ids).values_list("campaign_id", "channel", "purpose", "pk")
    for campaign, channel, purpose, pk in rows:
        groups[campaign, channel, purpose].append(pk)
    return groups


def _judged(rule: Rules, ids: list[int], now: datetime.datetime) -> dict[int, Verdict]:
    candidates = """SELECT m.id AS message_id, m.patient_id, m.variant_id, m.planned_at AS since, m.useful_until,
        m.address_key AS held_address, m.recipient_id AS held_reader
        FROM campaigns_message m WHERE m.id = ANY(%(ids)s)"""
    query = decisions(rule, candidates, now, settled=True, known=rule.campaign_id is not None)
    sql = f"""SELECT message_id,
        CASE WHEN useful_until <= %(now)s AND reason <> '{reasons.GONE}' THEN '{reasons.LATE}' ELSE reason END,
        branch_id, reader_id, address_key, held_address, held_reader, patient_id FROM ({query.sql}) judged"""
    with connection.cursor() as cursor:
        cursor.execute(sql, {**query.params, "ids": ids})
        rows = cursor.fetchall()
    verdicts = {row[0]: Verdict(row[1]) for row in rows if row[1]}
    free = [row for row in rows if not row[1]]
    verdicts.update(_asleep(rule, [(row[0], row[2]) for row in free if row[0] not in verdicts], now))
    _keep_up([row for row in free if row[0] not in verdicts])
    if rule.marketing:
        over = caps.now_over(rule, [row[0] for row in free if row[0] not in verdicts], now)
        verdicts.update({pk: Verdict(reason, now + MOMENT if wait else None) for pk, (reason, wait) in over.items()})
    return verdicts


def _asleep(rule: Rules, found: list[tuple[int, int | None]], now: datetime.datetime) -> dict[int, Verdict]:
    zone_of, home = rules.zones() if found else {}, rules.home_zone()
    until: dict[str, datetime.datetime] = {}
    verdicts = {}
    for pk, branch in found:
        zone = zone_of.get(branch or 0, home)
        if zone not in until:
            until[zone] = next_allowed(now, zone, rule.quiet_from, rule.quiet_until)
        if until[zone] > now:
            verdicts[pk] = Verdict(reasons.QUIET_HOURS, until[zone])
    return verdicts


def _keep_up(rows: list[tuple[Any, ...]]) -> None:
    """The address or the reader changed since planning: caps and households count by the new one."""
    changed = []
    for pk, _reason, _branch, reader, address, held_address, held_reader, patient in rows:
        recipient = None if reader == patient else reader
        if address != held_address or recipient != held_reader:
            changed.append((pk, address, recipient))
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE campaigns_message m SET address_key = n.address_key, recipient_id = n.recipient_id FROM "
                "unnest(%s::bigint[], %s::bigint[], %s::bigint[]) n(id, address_key, recipient_id) WHERE m.id = n.id",
                [list(column) for column in zip(*changed, strict=True)],
            )
