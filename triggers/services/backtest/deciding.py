"""What would have become of every message, in the order in which the live run asks.

    goal ─► gate ─► family, night ─► place, caps (triggers.timing.imagined) ─► written

Facts are those of the moment a message falls due where the past is known: appointments, consents, ages, memberships.
Addresses, guardians, suppressed addresses and texts are those of today: nobody kept what they were.

A year of a large clinic has millions of messages, so every row is written once, with its fate. Before it is known from
which moment the goal of a ladder was met, and what the gate says: its answer about a patient changes only when a
consent was given or taken back and when somebody comes of age, so it is asked once for every stretch between
(`era`) and step. Where nothing changed in the year, that is once.
"""

import datetime as dt
from collections.abc import Sequence

from campaigns import reasons
from campaigns.models import Policy
from campaigns.services.deciding.decisions import ADULT_AT, decisions
from campaigns.services.deciding.rules import Rules, home_zone
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.reasons import WITHDRAWN
from triggers.services import goals
from triggers.services.backtest import limits
from triggers.services.backtest.tables import AHEAD, WRITTEN, execute, rows
from triggers.services.finding import due_sql
from triggers.services.step_messages import rules_of


def decide(rule: TriggerRule, steps: Sequence[TriggerStep], now: dt.datetime) -> None:
    """A row for every message, with its fate; those due after `now` lie ahead, whatever will become of them."""
    policy = Policy.load()
    asked = {step.pk: rules_of(rule, step, policy) for step in steps}
    _note_goals(rule)
    _note_eras(rule)
    _ask_the_gate(asked, now)
    _fill_steps(rule, steps, asked, now)
    _one_per_address([pk for pk, rules in asked.items() if rules.marketing])
    limits.keep_the_night(policy)
    limits.keep(rule, policy, now)


def _note_goals(rule: TriggerRule) -> None:
    """Of ladders that end early: from which moment the goal was met, since when somebody had come (else it was only
    booked), and since when the appointment it is about was cancelled or moved. For the last the type's own predicate
    speaks of today; the changes of appointments tell when it came to be so."""
    withdrawn = "NULL::timestamptz"
    if rule_types.of(rule.rule_type).withdrawn(rule.params) != "false":
        withdrawn = """(SELECT min(c.at) FROM patients_visitchange c
            WHERE c.visit_id = f.visit_id AND c.at > f.first_due AND c.at <= f.last_due
                AND (c.status = 'cancelled' OR c.starts_at <> c.was_starts_at))"""
    came = """(SELECT min(v.starts_at) FROM patients_visit v WHERE v.patient_id = q.patient_id
        AND v.deleted_at IS NULL AND v.status IN ('arrived', 'completed')
        AND v.starts_on >= (q.since AT TIME ZONE 'UTC')::date - 1 AND v.starts_at > q.since)"""
    execute(
        f"""CREATE TEMPORARY TABLE backtest_met AS
        SELECT firing_id, met_from, withdrawn_from, CASE WHEN met_from IS NOT NULL THEN {came} END AS came_from FROM (
            SELECT f.id AS firing_id, f.patient_id, f.since, {goals.met_from("f", rule, "f.last_due")} AS met_from,
                {withdrawn} AS withdrawn_from FROM backtest_firing f WHERE f.state = 'open' OFFSET 0
        ) q WHERE met_from IS NOT NULL OR withdrawn_from IS NOT NULL"""
    )
    execute("ANALYZE backtest_met")


def _note_eras(rule: TriggerRule) -> None:
    """Every patient with the moments at which the gate's answer may change: of consents, of majority (on 29 February
    the day after too), of the patient and of the guardian."""
    execute(
        f"""CREATE TEMPORARY TABLE backtest_patient AS
        WITH period AS MATERIALIZED (
            SELECT min(first_due) AS low, max(last_due) AS high FROM backtest_firing WHERE state = 'open'
        ), asked AS MATERIALIZED (
            SELECT DISTINCT patient_id FROM backtest_firing WHERE state = 'open'
        ), related AS MATERIALIZED (
            SELECT patient_id, patient_id AS person FROM asked
            UNION SELECT a.patient_id, coalesce(g.merged_into_id, g.id) FROM asked a
                JOIN patients_patient p ON p.id = a.patient_id JOIN patients_patient g ON g.id = p.guardian_id
        ), moments AS (
            SELECT r.patient_id, k.moment FROM related r JOIN (
                SELECT k.patient_id, m.moment FROM period, patients_consent k,
                    LATERAL (VALUES (k.at), (k.until)) m(moment)
                WHERE k.purpose = %(purpose)s AND m.moment > low AND m.moment <= high
            ) k ON k.patient_id = r.person
            UNION SELECT r.patient_id, adult.moment FROM period, related r JOIN patients_patient p ON p.id = r.person,
                generate_series(0, 1) late, LATERAL (SELECT
                    ((p.birth_date + interval '{ADULT_AT} years')::date + late)::timestamp AT TIME ZONE %(home)s
                ) adult(moment)
            WHERE p.birth_date >= low - interval '{ADULT_AT + 1} years' AND adult.moment > low AND adult.moment <= high
        )
        SELECT a.patient_id, m.moments, period.low FROM period, asked a LEFT JOIN (
            SELECT patient_id, array_agg(moment ORDER BY moment) AS moments FROM moments GROUP BY 1
        ) m ON m.patient_id = a.patient_id""",
        {"purpose": rule.purpose, "home": home_zone()},
    )
    execute("ANALYZE backtest_patient")


def _ask_the_gate(asked: dict[int, Rules], now: dt.datetime) -> None:
    """The gate of the live run, for every patient, step and era at the era's first moment."""
    execute(
        """CREATE TEMPORARY TABLE backtest_gate (step_id bigint, patient_id bigint, era int, fate text, channel text,
        text_id bigint, reader_id bigint, address_key bigint, home_id int)"""
    )
    candidates = """SELECT patient_id, 0 AS era, low AS asked_at FROM backtest_patient
        UNION ALL SELECT patient_id, m.era::int, m.moment FROM backtest_patient,
            unnest(moments) WITH ORDINALITY m(moment, era)"""
    for step_id, rules in asked.items():
        query = decisions(rules, candidates, now, known=False, keep="era", moment="asked_at")
        execute(
            f"""INSERT INTO backtest_gate SELECT {int(step_id)}, patient_id, era,
                CASE reason WHEN '' THEN '{WRITTEN}' ELSE reason END, CASE reason WHEN '' THEN channel ELSE '' END,
                text_id, reader_id, address_key, branch_id FROM ({query.sql}) judged""",
            query.params,
        )
    execute("ANALYZE backtest_gate")


def _fill_steps(
    rule: TriggerRule, steps: Sequence[TriggerStep], asked: dict[int, Rules], now: dt.datetime
) -> None:  # fmt: skip
    """Ids are in the order in which the live run would have written them down."""
    anchored = rule_types.of(rule.rule_type).anchored
    params: dict[str, object] = {"now": now}
    parts = []
    for number, step in enumerate(steps):
        useful = f"due_at + interval '{int(step.useful_hours)} hours'"
        ends = asked[step.pk].useful_until
        if ends is not None:
            params[f"ends{number}"] = ends
            useful = f"CASE WHEN early IS NULL THEN least({useful}, %(ends{number})s) ELSE {useful} END"
        due = due_sql(step, rule, anchored, "f.anchor_at", "f.zone")
        parts.append(
            f"""SELECT id * {len(steps)} + {number} AS id, id AS firing_id, {step.pk}::bigint AS step_id,
                {step.position}::int AS position, patient_id, due_at, due_at AS goes_at, {useful} AS useful_until,
                coalesce(early, fate, '{reasons.GONE}') AS fate,
                CASE WHEN early IS NULL THEN channel ELSE '' END AS channel,
                CASE WHEN early IS NULL THEN text_id END AS text_id,
                CASE WHEN early IS NULL THEN reader_id END AS reader_id,
                CASE WHEN early IS NULL THEN address_key END AS address_key,
                CASE WHEN early IS NULL THEN home_id END AS home_id,
                CASE WHEN early IS NULL THEN coalesce(branch_id, home_id) END AS branch_id, zone,
                coalesce(early = '{reasons.GOAL_MET}' AND came_from <= due_at, false) AS came
            FROM (
                SELECT f.id, f.patient_id, f.branch_id, f.zone, f.due_at, m.came_from, g.fate, g.channel, g.text_id,
                    g.reader_id, g.address_key, g.home_id, CASE WHEN f.due_at > %(now)s THEN '{AHEAD}'
                        WHEN m.withdrawn_from <= f.due_at THEN '{WITHDRAWN}'
                        WHEN m.met_from <= f.due_at THEN '{reasons.GOAL_MET}' END AS early
                FROM (SELECT f.id, f.patient_id, f.branch_id, f.zone, {due} AS due_at FROM backtest_firing f
                    WHERE f.state = 'open' OFFSET 0) f
                LEFT JOIN backtest_met m ON m.firing_id = f.id
                LEFT JOIN backtest_patient p ON p.patient_id = f.patient_id
                LEFT JOIN backtest_gate g ON g.step_id = {step.pk} AND g.patient_id = f.patient_id
                    AND g.era = coalesce(width_bucket(f.due_at, p.moments), 0)
            ) f"""
        )
    columns = """0::bigint AS id, 0::bigint AS firing_id, 0::bigint AS step_id, 0 AS position, 0::bigint AS patient_id,
        now() AS due_at, now() AS goes_at, now() AS useful_until, '' AS fate, '' AS channel, 0::bigint AS text_id,
        0::bigint AS reader_id, 0::bigint AS address_key, 0 AS home_id, 0 AS branch_id, '' AS zone, false AS came"""
    every = " UNION ALL ".join(parts) or f"SELECT {columns} WHERE false"
    execute(f"CREATE TEMPORARY TABLE backtest_step AS {every}", params)
    execute("ANALYZE backtest_step")


def _one_per_address(step_ids: Sequence[int]) -> None:
    """One message per address of those about nothing of one's own, as services.step_messages keeps it."""
    own = "SELECT EXISTS (SELECT FROM backtest_firing WHERE state = 'open' AND service_id IS NULL AND visit_id IS NULL)"
    if not step_ids or not rows(own)[0][0]:
        return
    execute(
        f"""UPDATE backtest_step s SET fate = '{reasons.HOUSEHOLD}', channel = '' FROM (
            SELECT o.id, o.patient_id <> first_value(o.patient_id) OVER (
                PARTITION BY o.step_id, o.due_at, o.address_key
                ORDER BY (o.reader_id = o.patient_id) DESC, x.last_visit_on DESC NULLS LAST, o.patient_id
            ) AS second
            FROM backtest_step o JOIN backtest_firing f ON f.id = o.firing_id
            LEFT JOIN segmentation_metrics x ON x.patient_id = o.patient_id
            WHERE o.step_id = ANY(%(steps)s) AND o.fate = '{WRITTEN}' AND o.address_key IS NOT NULL
                AND f.service_id IS NULL AND f.visit_id IS NULL
        ) h WHERE h.id = s.id AND h.second""",
        {"steps": list(step_ids)},
    )
