"""The rows of the ledger of one step: who is written to now, who is not and why, who waits for a place tomorrow."""

import datetime
import zoneinfo
from typing import Any

from django.db.backends.utils import CursorWrapper

from campaigns import reasons
from campaigns.models import Offer, Policy, Purpose, TemplateText
from campaigns.planning.quiet_hours import next_allowed
from campaigns.services.deciding import caps, rules
from campaigns.services.deciding.decisions import decisions
from campaigns.services.deciding.rules import Rules, VariantRule
from triggers.models import TriggerRule, TriggerStep
from triggers.services.quota import NOWHERE

# Who shares an address with more than so many others of one moment is counted together with the rest of them.
MOST_WAVES = 5
_KEY = "'t' || {d}.firing_id || ':s' || {d}.step_id"
# The goal is looked at before anything else. No address, no text: nothing was written.
_MET = f"""
WITH written AS (
    INSERT INTO campaigns_message (dedupe_key, patient_id, branch_id, purpose, state, reason, offer_id, visit_id,
        service_id, planned_at, due_at, useful_until)
    SELECT {_KEY.format(d="d")}, d.patient_id, d.branch_id, %(l_purpose)s, 'suppressed', '{reasons.GOAL_MET}',
        %(l_offer)s::bigint, d.visit_id, d.service_id, %(l_now)s, d.due_at, d.useful_until
    FROM ladder_due d WHERE d.step_id = %(l_step)s AND d.ending = '' AND d.met
    ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, dedupe_key
)
UPDATE triggers_firingstep fs SET state = 'held', message_id = w.id
FROM ladder_due d JOIN written w ON w.dedupe_key = {_KEY.format(d="d")} WHERE fs.id = d.ref
"""
_PLACED = f"""
CREATE TEMPORARY TABLE ladder_placed ON COMMIT DROP AS
SELECT placed.*, {_KEY.format(d="placed")} AS key, CASE WHEN why = '' THEN least(%(l_waves)s, greatest(
        row_number() OVER (PARTITION BY why = '', reader_id ORDER BY ref),
        row_number() OVER (PARTITION BY why = '', address_key ORDER BY ref))) ELSE 1 END AS wave
FROM (
    SELECT queue.*, row_number() OVER (
            PARTITION BY first AND why = '', coalesce(branch_id, {NOWHERE}) ORDER BY due_at, useful_until, ref) AS n
    FROM (
        SELECT d.ref, d.firing_id, d.step_id, d.patient_id, d.branch_id, d.service_id, d.visit_id, d.due_at, d.first,
            least(d.useful_until, %(l_offer_ends)s::timestamptz) AS useful_until, j.reader_id,
            j.branch_id AS home_id, j.channel, j.address_key, j.text_id, slot.due_at AS goes_at,
            CASE WHEN j.reason <> '' THEN j.reason
                WHEN %(l_one_per_address)s AND d.service_id IS NULL AND d.visit_id IS NULL AND j.address_key IS NOT NULL
                    AND first_value(d.patient_id) OVER (
                        PARTITION BY j.reason, j.address_key, d.service_id IS NULL AND d.visit_id IS NULL
                        ORDER BY (j.reader_id = d.patient_id) DESC, j.last_visit_on DESC NULLS LAST, d.patient_id
                    ) <> d.patient_id THEN '{reasons.HOUSEHOLD}'
                WHEN slot.due_at >= least(d.useful_until, %(l_offer_ends)s::timestamptz) THEN '{reasons.LATE}'
                ELSE '' END AS why
        FROM ladder_decided j JOIN ladder_due d ON d.ref = j.ref
        LEFT JOIN unnest(%(l_branches)s::int[], %(l_goes)s::timestamptz[]) slot(branch_id, due_at)
            ON slot.branch_id = coalesce(j.branch_id, {NOWHERE})
    ) queue
) placed
LEFT JOIN unnest(%(l_rooms)s::int[], %(l_room)s::int[]) room(branch_id, places)
    ON room.branch_id = coalesce(placed.branch_id, {NOWHERE})
WHERE NOT (first AND why = '' AND coalesce(n > room.places, false))
"""
_CAPPED = f"""
UPDATE ladder_placed p SET why = CASE WHEN o.by_person THEN '{reasons.CAP_PERSON}' ELSE '{reasons.CAP_ADDRESS}' END
FROM ({{over}}) o WHERE o.ref = p.ref
"""
_WRITTEN = f"""
WITH written AS (
    INSERT INTO campaigns_message AS old (dedupe_key, patient_id, recipient_id, branch_id, channel, purpose, state,
        reason, text_id, offer_id, visit_id, service_id, address_key, planned_at, due_at, useful_until)
    SELECT key, patient_id, nullif(reader_id, patient_id), coalesce(branch_id, home_id), coalesce(channel, ''),
        %(l_purpose)s, CASE why WHEN '' THEN 'planned' ELSE 'suppressed' END, why, CASE why WHEN '' THEN text_id END,
        %(l_offer)s::bigint, visit_id, service_id, address_key, %(l_now)s, goes_at, useful_until
    FROM ladder_placed WHERE wave = %(l_wave)s
    ON CONFLICT (dedupe_key) DO UPDATE SET
        recipient_id = excluded.recipient_id, branch_id = excluded.branch_id, channel = excluded.channel,
        state = excluded.state, reason = excluded.reason, text_id = excluded.text_id, offer_id = excluded.offer_id,
        address_key = excluded.address_key, planned_at = excluded.planned_at, due_at = excluded.due_at,
        useful_until = excluded.useful_until, dispatcher_id = NULL, claimed_at = NULL, attempts = 0
        WHERE old.state IN ('suppressed', 'cancelled') AND old.reason = '{reasons.GOAL_MET}'
    RETURNING id, dedupe_key
)
UPDATE triggers_firingstep fs SET state = 'planned', reason = '', message_id = w.id
FROM ladder_placed p JOIN written w ON w.dedupe_key = p.key WHERE fs.id = p.ref
"""
_BEGUN = """
UPDATE triggers_firing f SET begun_at = %(l_now)s FROM ladder_placed p
WHERE f.id = p.firing_id AND p.first AND p.why = '' AND f.begun_at IS NULL
RETURNING coalesce(f.branch_id, 0)
"""


def decide(
    cursor: CursorWrapper, rule: TriggerRule, step: TriggerStep, policy: Policy, rooms: dict[int, int] | None,
    now: datetime.datetime,
) -> int:  # fmt: skip
    """Write the rows of a step's part of `ladder_due` (services.due_steps); how many steps were decided. `rooms` are
    the places left today, and fewer afterwards."""
    asked = rules_of(rule, step, policy)
    params: dict[str, Any] = {
        "l_now": now, "l_step": step.pk, "l_offer": step.offer_id, "l_purpose": rule.purpose,
        "l_one_per_address": asked.marketing, "l_waves": MOST_WAVES, "l_offer_ends": asked.useful_until,
        "l_rooms": list(rooms or ()), "l_room": list((rooms or {}).values()), **_moments(asked, now),
    }  # fmt: skip
    cursor.execute(_MET, params)
    decided = int(cursor.rowcount)
    query = decisions(
        asked,
        "SELECT ref, patient_id FROM ladder_due WHERE step_id = %(l_step)s AND ending = '' AND NOT met",
        now, known=False, keep="ref",
    )  # fmt: skip
    cursor.execute(
        f"CREATE TEMPORARY TABLE ladder_decided ON COMMIT DROP AS {query.sql}", {**query.params, "l_step": step.pk}
    )
    if cursor.rowcount:
        cursor.execute("ANALYZE ladder_decided")
        decided += _write(cursor, asked, params, rooms)
    cursor.execute("DROP TABLE ladder_decided")
    return decided


def rules_of(rule: TriggerRule, step: TriggerStep, policy: Policy) -> Rules:
    """What the gate is asked for a step: its channels and texts as they stand. Goal, hold-out and household are not the
    gate's here."""
    templates = {row.channel: row.template_id for row in step.templates.all()}
    current = TemplateText.objects.filter(template__in=templates.values(), current=True)
    texts = list(current.values_list("template_id", "language", "pk"))
    offer = step.offer
    branches = frozenset(branch.pk for branch in offer.branches.all()) if offer else frozenset()
    variant = VariantRule(
        id=step.pk, letter="", weight=1, offer_id=step.offer_id, branches=branches or None,
        texts={
            (channel, language): text
            for channel, template in templates.items()
            for owner, language, text in texts
            if owner == template
        },
    )  # fmt: skip
    return Rules(
        campaign_id=None, purpose=rule.purpose, channels=tuple(dict.fromkeys(step.channels)), variants=(variant,),
        salt=rule.salt, holdout_percent=0, skip_booked=False, goal_service_id=None, goal_group_id=None,
        useful_until=_end_of(offer), cap_messages=policy.cap_messages, cap_days=policy.cap_days,
        quiet_from=policy.quiet_from, quiet_until=policy.quiet_until, one_per_address=False,
    )  # fmt: skip


def _end_of(offer: Offer | None) -> datetime.datetime | None:
    if offer is None or offer.valid_until is None:
        return None
    return datetime.datetime.combine(offer.valid_until, datetime.time.max, zoneinfo.ZoneInfo(rules.home_zone()))


def _moments(asked: Rules, now: datetime.datetime) -> dict[str, Any]:
    """Per branch when a message may go: now, or when it is no longer night there."""
    zones = {NOWHERE: rules.home_zone(), **rules.zones()}
    by_zone = {zone: next_allowed(now, zone, asked.quiet_from, asked.quiet_until) for zone in set(zones.values())}
    return {"l_branches": list(zones), "l_goes": [by_zone[zone] for zone in zones.values()]}


def _write(cursor: CursorWrapper, asked: Rules, params: dict[str, Any], rooms: dict[int, int] | None) -> int:
    """In waves: two messages of one moment to one reader, or to one address, are counted one after the other."""
    cursor.execute(_PLACED, params)
    cursor.execute("ANALYZE ladder_placed")
    cursor.execute("SELECT DISTINCT wave FROM ladder_placed ORDER BY 1")
    decided = 0
    for (wave,) in cursor.fetchall():
        if asked.purpose == Purpose.MARKETING:
            over = caps.over_sql(
                "SELECT ref, reader_id, address_key, goes_at AS at FROM ladder_placed "
                "WHERE why = '' AND wave = %(l_wave)s"
            )
            cursor.execute(_CAPPED.format(over=over), {**params, "l_wave": wave, **caps.params(asked)})
        cursor.execute(_WRITTEN, {**params, "l_wave": wave})
        decided += int(cursor.rowcount)
    cursor.execute(_BEGUN, params)
    if rooms is not None:
        for (branch,) in cursor.fetchall():
            rooms[branch] -= 1
    cursor.execute("DROP TABLE ladder_placed")
    return decided
