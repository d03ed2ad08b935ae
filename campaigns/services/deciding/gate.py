"""The gate right before sending: what has changed since planning, asked with the statement that planned."""

import datetime
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


Asked = Callable[[Sequence[int], datetime.datetime], dict[int, Verdict]]
_also: list[Asked] = []


def also_ask(verdicts: Asked) -> Asked:
    """Ask this too about messages of no campaign: an app above this one knows what they are about. Told twice, it is
    asked once."""
    if verdicts not in _also:
        _also.append(verdicts)
    return verdicts


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
        verdicts.update(_judged(rule, some, ids, now))
        if campaign is None:
            for ask in _also:
                # What is final outweighs what waits.
                open_ = [pk for pk in some if pk not in verdicts or verdicts[pk].due_at]
                verdicts.update(ask(open_, now) if open_ else {})
    return verdicts


def _grouped(ids: Sequence[int]) -> dict[tuple[int | None, str, str], list[int]]:
    groups: dict[tuple[int | None, str, str], list[int]] = defaultdict(list)
    rows = Message.objects.filter(pk__in=ids).values_list("campaign_id", "channel", "purpose", "pk")
    for campaign, channel, purpose, pk in rows:
        groups[campaign, channel, purpose].append(pk)
    return groups


def _judged(rule: Rules, ids: list[int], batch: Sequence[int], now: datetime.datetime) -> dict[int, Verdict]:
    rows = _asked(rule, ids, batch, now)
    if _keep_up(rows):
        # Two who have swapped their addresses are no household: each is judged by what the other's row says now.
        rows = _asked(rule, ids, batch, now)
    verdicts = {row.message_id: _verdict(row, now) for row in rows if row.reason}
    free = [row for row in rows if not row.reason]
    verdicts.update(_asleep(rule, [(row.message_id, row.branch_id) for row in free], now))
    if rule.marketing:
        over = caps.now_over(rule, [row.message_id for row in free if row.message_id not in verdicts], batch, now)
        verdicts.update({pk: Verdict(reason, now + MOMENT if wait else None) for pk, (reason, wait) in over.items()})
    return verdicts


class _Row(NamedTuple):
    """What the statement says of a message now, beside what its row has kept since planning."""

    message_id: int
    reason: str
    house_waits: bool
    branch_id: int | None
    reader_id: int | None
    address_key: int | None
    held_address: int | None
    held_reader: int | None
    patient_id: int


def _asked(rule: Rules, ids: list[int], batch: Sequence[int], now: datetime.datetime) -> list[_Row]:
    candidates = """SELECT m.id AS message_id, m.patient_id, m.variant_id, m.planned_at AS since, m.useful_until,
        m.address_key AS held_address, m.recipient_id AS held_reader
        FROM campaigns_message m WHERE m.id = ANY(%(asked)s)"""
    query = decisions(rule, candidates, now, settled=True, known=rule.campaign_id is not None)
    sql = f"""SELECT message_id,
        CASE WHEN useful_until <= %(now)s AND reason <> '{reasons.GONE}' THEN '{reasons.LATE}' ELSE reason END,
        house_waits, branch_id, reader_id, address_key, held_address, held_reader, patient_id FROM ({query.sql}) judged
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {**query.params, "asked": ids, "ids": list(batch)})
        return [_Row(*row) for row in cursor.fetchall()]


def _verdict(row: _Row, now: datetime.datetime) -> Verdict:
    waits = row.reason == reasons.HOUSEHOLD and row.house_waits
    return Verdict(row.reason, now + MOMENT if waits else None)


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


def _keep_up(rows: list[_Row]) -> bool:
    """The address or the reader changed since planning: caps and households count by the new one. Whether any did."""
    changed = []
    for row in rows:
        recipient = None if row.reader_id == row.patient_id else row.reader_id
        goes = row.reason in ("", reasons.HOUSEHOLD)
        if goes and (row.address_key != row.held_address or recipient != row.held_reader):
            changed.append((row.message_id, row.address_key, recipient))
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE campaigns_message m SET address_key = n.address_key, recipient_id = n.recipient_id FROM "
                "unnest(%s::bigint[], %s::bigint[], %s::bigint[]) n(id, address_key, recipient_id) WHERE m.id = n.id",
                [list(column) for column in zip(*changed, strict=True)],
            )
    return bool(changed)
