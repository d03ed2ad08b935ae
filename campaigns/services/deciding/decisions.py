"""What the gate decides, as one statement: who is written to, who reads it, on which channel, or why not. Used by the
check of a campaign, by its planning (services.statement) and again right before sending (services.gate).

    candidate ─► person (who reads, which branch) ─► way (per channel: address, consent, suppression, text)
              ─► decided (one reason, or none) ─► household (one message per address)

The reasons are looked at in the order of campaigns.reasons and the first one that holds is noted. For a channel the
furthest obstacle counts: whoever has an e-mail without consent and no phone "has not agreed" (docs/sending.md).

Right before sending the statistics of the tables are old: of a campaign written a minute ago the database may believe
that it has no row. Any plan looks cheap then, and one that reads for every message whatever was sent before is slower
with every batch. So what is asked of a message in hand is fenced by OFFSET 0: each is one look into the one index that
starts with its patient or its address. Planning leaves the choice to the database: it knows its audience.
"""

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from campaigns import reasons
from campaigns.models import Channel
from campaigns.planning.holdout import DIGEST_SQL, held_out_sql, variant_sql
from campaigns.services.deciding.rules import Rules

ADULT_AT = 18
# How far somebody got on a channel; the furthest of all channels is the reason.
_OBSTACLES = (reasons.NO_ADDRESS, reasons.NO_CONSENT, reasons.SUPPRESSED_ADDRESS, reasons.NO_TEXT)
_COMING = "('booked', 'confirmed', 'arrived', 'completed')"
_REACHED = "('planned', 'deferred', 'sending', 'sent', 'unknown')"


class Query(NamedTuple):
    sql: str
    params: dict[str, Any]


def decisions(
    rule: Rules, candidates: str, now: datetime.datetime, *, settled: bool = False, known: bool = True, keep: str = "",
    moment: str = "",
) -> Query:  # fmt: skip
    """The SELECT with one row per candidate.

    `candidates` selects patient_id; for messages that exist (`settled`) also message_id, variant_id and since (when it
    was planned), and text and household are judged by the row itself. `known`: the campaign has rows in the ledger.
    `keep`: a further column of the candidates, for who asks about one patient twice. `moment`: the column of the
    candidates with the moment each is asked about, instead of `now`: consents and ages are those of then, and one
    message per address means one at that moment.

    Columns: those of the candidates, reader_id, branch_id, channel, address_key, variant_id, text_id, last_visit_on,
    digest, reason ("" = may be written to), held_out.
    """
    params: dict[str, Any] = {
        "now": now, "salt": rule.salt, "purpose": rule.purpose, "campaign": rule.campaign_id,
        "adult_born": _years_before(timezone.localdate(now), ADULT_AT), "home_zone": settings.TIME_ZONE,
        "language": settings.LANGUAGE_CODE[:2],
        "goal_service": rule.goal_service_id, "goal_group": rule.goal_group_id,
    }  # fmt: skip
    parts = [
        f"candidate AS ({candidates})",
        # OFFSET 0 keeps the planner from computing an expression anew wherever a later step names it.
        f"person AS ({_person(settled, moment)} OFFSET 0)",
        f"way AS ({_way(rule, settled, moment)} OFFSET 0)",
        f"decided AS ({_decided(rule, settled, params)} OFFSET 0)",
        f"merged AS ({_merged(rule, settled, known, moment)})",
    ]
    extra = "message_id, useful_until, held_address, held_reader, house_waits," if settled else "digest, last_visit_on,"
    kept = f"{keep}," if keep else ""
    final = f"""SELECT patient_id, {kept} {extra} reader_id, branch_id, variant_id, channel, address_key, text_id,
        CASE WHEN reason = '' AND in_house THEN '{reasons.HOUSEHOLD}'
             WHEN reason = '' AND channel IS NULL THEN '{reasons.NO_TEXT}' ELSE reason END AS reason"""
    if not settled:
        final += f", {held_out_sql('digest', rule.holdout_percent)} AS held_out"
    return Query(f"WITH {', '.join(parts)} {final} FROM merged", params)


def _person(settled: bool, moment: str) -> str:
    """Who reads: the guardian of a minor, or of an adult without an address; else the patient."""
    born = "%(adult_born)s"
    if moment:  # PostgreSQL takes 29 February back to the 28th, as _years_before does
        born = f"(c.{moment} AT TIME ZONE %(home_zone)s)::date - interval '{ADULT_AT} years'"
    minor = f"coalesce({{}}.birth_date > {born}, false)"
    digest = "" if settled else f"{DIGEST_SQL.format(patient='c.patient_id')} AS digest,"
    return f"""
        SELECT c.*, {digest}
            p.deleted_at IS NOT NULL OR p.merged_into_id IS NOT NULL AS gone,
            coalesce(p.branch_id, b.id) AS branch_id, x.last_visit_on,
            CASE WHEN {minor.format("p")} THEN g.id ELSE coalesce(g.id, p.id) END AS reader_id,
            CASE WHEN g.id IS NOT NULL THEN g.email ELSE p.email END AS email,
            CASE WHEN g.id IS NOT NULL THEN g.phone ELSE p.phone END AS phone,
            coalesce(nullif(lower(left(coalesce(g.language, p.language), 2)), ''), %(language)s) AS language
        FROM candidate c
        JOIN patients_patient p ON p.id = c.patient_id
        LEFT JOIN segmentation_metrics x ON x.patient_id = p.id
        LEFT JOIN patients_branch b ON b.id = x.last_branch_id
        LEFT JOIN LATERAL (
            SELECT kept.id, kept.email, kept.phone, kept.language
            FROM patients_patient named
            JOIN patients_patient kept ON kept.id = coalesce(named.merged_into_id, named.id) AND kept.id <> p.id
                AND kept.deleted_at IS NULL AND kept.merged_into_id IS NULL AND NOT {minor.format("kept")}
            WHERE named.id = p.guardian_id AND ({minor.format("p")} OR (p.email = '' AND p.phone = ''))
            OFFSET 0
        ) g ON true
    """


def _way(rule: Rules, settled: bool, moment: str) -> str:
    """Per channel the obstacle (1 … 4; 0 = free) and the address."""
    variant = "" if settled else f", {_variant(rule)} AS variant_id"
    columns = []
    for number, channel in enumerate(rule.channels):
        address = "email" if channel == Channel.EMAIL else "phone"
        key = f"hashtextextended(lower({address}), 0)"
        text = "false" if settled else f"{_text(rule, channel)} IS NULL"
        columns.append(f"""CASE WHEN {address} = '' THEN 1 WHEN {_denied(rule, channel, settled, moment)} THEN 2
            WHEN {_suppressed(rule, channel, key, settled)} THEN 3 WHEN {text} THEN 4 ELSE 0 END AS way{number}""")
    inner = f"(SELECT *{variant} FROM person OFFSET 0)"
    return f"SELECT *, {', '.join(columns)} FROM {inner} person"


def _decided(rule: Rules, settled: bool, params: dict[str, Any]) -> str:
    ways = [f"way{number}" for number in range(len(rule.channels))]
    # The channels come from a fixed list (Channel.choices), never from a form unchecked.
    channel = " ".join(
        f"WHEN {way} = 0 THEN '{Channel(code).value}'" for way, code in zip(ways, rule.channels, strict=True)
    )
    key = " ".join(
        f"WHEN {way} = 0 THEN hashtextextended(lower({'email' if code == Channel.EMAIL else 'phone'}), 0)"
        for way, code in zip(ways, rule.channels, strict=True)
    )
    blocked = f"least({', '.join(ways)}) > 0 AND greatest({', '.join(ways)})"
    obstacles = " ".join(
        f"WHEN {blocked} = {stage} THEN '{reason}'" for stage, reason in enumerate(_OBSTACLES[:-1], start=1)
    )
    text = "NULL::bigint" if settled else _text_of_way(rule, ways)
    return f"""
        SELECT *, CASE {channel} END AS channel, CASE {key} END AS address_key, {text} AS text_id,
            CASE WHEN gone THEN '{reasons.GONE}'
                 WHEN NOT ({_in_branch(rule, params)}) THEN '{reasons.OTHER_BRANCH}'
                 WHEN reader_id IS NULL THEN '{reasons.MINOR}'
                 {obstacles}
                 WHEN {_goal_met(rule, settled)} THEN '{reasons.GOAL_MET}'
                 ELSE '' END AS reason
        FROM way
    """


def _merged(rule: Rules, settled: bool, known: bool, moment: str) -> str:
    """One message per address: to the reader's own card first, then to whoever came last, then the older card."""
    if settled:
        return _merged_in_hand(known)
    if not rule.one_per_address:
        return "SELECT d.*, false AS in_house FROM decided d"
    taken = f"OR {_of_address('true')}" if known else ""
    at_once = f", d.{moment}" if moment else ""
    return f"""
        SELECT d.*, d.reason = '' AND d.address_key IS NOT NULL AND (row_number() OVER (
            PARTITION BY d.reason = '', d.address_key{at_once}
            ORDER BY (d.reader_id = d.patient_id) DESC, d.last_visit_on DESC NULLS LAST, d.patient_id
        ) > 1 {taken}) AS in_house FROM decided d
    """


def _merged_in_hand(known: bool) -> str:
    """What went to the address decides for good. What is being sent may still come to nothing: whoever meets it waits
    (`house_waits`), except for the older of two rows of one batch. What is planned will meet this question itself."""
    if not known:
        return "SELECT d.*, false AS in_house, false AS house_waits FROM decided d"
    went = _of_address("m.id <> d.message_id AND m.state IN ('sent', 'unknown')")
    going = _of_address(
        "m.id <> d.message_id AND m.state = 'sending' AND (m.id < d.message_id OR NOT m.id = ANY(%(ids)s))"
    )
    return f"""
        SELECT h.*, went OR going AS in_house, going AND NOT went AS house_waits
        FROM (SELECT d.*, {went} AS went, {going} AS going FROM decided d OFFSET 0) h
    """


def _of_address(which: str) -> str:
    """Inside the fence stands what the index message_by_address asks for and no more: its few rows of all campaigns,
    and of none, are then looked through. Campaign and state inside would offer the database three other indexes."""
    return f"""EXISTS (SELECT FROM (
        SELECT m.id, m.campaign_id, m.state FROM campaigns_message m
        WHERE m.address_key = d.address_key AND m.state IN {_REACHED} OFFSET 0
    ) m WHERE m.campaign_id = %(campaign)s AND {which})"""


def _denied(rule: Rules, channel: str, settled: bool, moment: str) -> str:
    """Advertising needs the reader's word, and nobody's refusal; a service message only must not be refused."""
    then = f"person.{moment}" if moment else "%(now)s"
    word = (
        "EXISTS (SELECT FROM patients_consent k WHERE k.patient_id = {whose} AND k.channel = '{channel}' "
        "AND k.purpose = %(purpose)s AND {granted} "
        f"AND k.at <= {then} AND (k.until IS NULL OR k.until > {then})"
        f"{_fence(settled)})"
    )

    def said(whose: str, granted: bool) -> str:
        return word.format(
            whose=whose, channel=Channel(channel).value, granted="k.granted" if granted else "NOT k.granted"
        )

    about_the_ward = f"(reader_id <> patient_id AND {said('person.patient_id', False)})"
    if rule.marketing:
        return f"NOT {said('person.reader_id', True)} OR {about_the_ward}"
    return f"{said('person.reader_id', False)} OR {about_the_ward}"


def _suppressed(rule: Rules, channel: str, key: str, settled: bool) -> str:
    severity = "" if rule.marketing else "AND NOT s.marketing_only"
    return (
        f"EXISTS (SELECT FROM campaigns_suppression s WHERE s.channel = '{Channel(channel).value}' "
        f"AND s.address_key = {key} AND s.lifted_at IS NULL {severity}{_fence(settled)})"
    )


def _fence(settled: bool) -> str:
    """An EXISTS with an OFFSET is never turned round into "all that exist", which reads the whole table per batch."""
    return " OFFSET 0" if settled else ""


def _variant(rule: Rules) -> str:
    if not rule.variants:
        return "NULL::bigint"
    return variant_sql("person.digest", [(variant.id, variant.weight) for variant in rule.variants])


def _text(rule: Rules, channel: str) -> str:
    lines = [
        f"WHEN variant_id = {variant.id} AND language = '{language}' THEN {text}"
        for variant in rule.variants
        for (on, language), text in sorted(variant.texts.items())
        if on == channel and language.isalpha()
    ]
    return f"CASE {' '.join(lines)} END" if lines else "NULL::bigint"


def _text_of_way(rule: Rules, ways: Sequence[str]) -> str:
    lines = [f"WHEN {way} = 0 THEN {_text(rule, code)}" for way, code in zip(ways, rule.channels, strict=True)]
    return f"CASE {' '.join(lines)} END"


def _in_branch(rule: Rules, params: dict[str, Any]) -> str:
    """An unknown branch is another branch, when the variant is for certain ones."""
    bound = [variant for variant in rule.variants if variant.branches is not None]
    if not bound:
        return "true"
    lines = []
    for variant in bound:
        params[f"branches{variant.id}"] = sorted(variant.branches or ())
        lines.append(f"WHEN variant_id = {variant.id} THEN coalesce(branch_id = ANY(%(branches{variant.id})s), false)")
    return f"CASE {' '.join(lines)} ELSE true END"


def _goal_met(rule: Rules, settled: bool) -> str:
    """An appointment that is still to come, or was made and has come since the message was planned."""
    if not rule.skip_booked:
        return "false"
    since = "since" if settled else "%(now)s"
    visits = "patients_visit"
    mine = "v.patient_id = way.patient_id AND v.deleted_at IS NULL"
    if settled:
        # The day inside the fence would offer the index by day: all appointments to come, for every message.
        visits, mine = f"(SELECT v.* FROM patients_visit v WHERE {mine} OFFSET 0)", "true"
    what = ""
    if rule.goal_service_id or rule.goal_group_id:
        what = """AND EXISTS (SELECT FROM patients_visititem i JOIN patients_service s ON s.id = i.service_id
            WHERE i.visit_id = v.id AND (s.id = %(goal_service)s OR s.group_id = %(goal_group)s))"""
    return f"""EXISTS (SELECT FROM {visits} v WHERE {mine}
        AND v.status IN {_COMING} AND v.starts_on >= ({since})::date - 1 AND v.starts_at > {since} {what})"""


def _years_before(day: datetime.date, years: int) -> datetime.date:
    """Whoever was born after this day is younger; 29 February comes of age on 1 March."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
