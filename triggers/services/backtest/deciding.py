"""What would have become of every message, in the order in which the live run asks.

    goal ─► gate ─► family, night ─► place, caps (triggers.timing.imagined) ─► written

Facts are those of the moment a message falls due where the past is known: appointments, consents, ages, memberships.
Addresses, guardians, suppressed addresses and texts are those of today: nobody kept what they were.
"""

import datetime as dt
from collections.abc import Sequence

from campaigns import reasons
from campaigns.models import Policy
from campaigns.services.deciding.decisions import decisions
from campaigns.services.deciding.rules import Rules, home_zone
from triggers import rule_types
from triggers.models import TriggerRule, TriggerStep
from triggers.reasons import WITHDRAWN
from triggers.services import goals
from triggers.services.backtest import limits
from triggers.services.backtest.tables import FREE, WRITTEN, execute
from triggers.services.step_messages import rules_of


def decide(rule: TriggerRule, steps: Sequence[TriggerStep], now: dt.datetime) -> None:
    """Give every message that is not ahead its fate."""
    policy = Policy.load()
    _withdraw(rule)
    meet_goals(rule, "s.fate = ''")
    for step in steps:
        _ask_the_gate(rule, step, rules_of(rule, step, policy), now)
    execute("ANALYZE backtest_step")
    limits.keep_the_night(policy)
    limits.keep(rule, policy, now)
    execute(f"UPDATE backtest_step SET fate = '{WRITTEN}' WHERE fate = '{FREE}'")
    _who_had_come()


def meet_goals(rule: TriggerRule, which: str) -> int:
    """Those of `s` whose goal was met at their moment."""
    return execute(
        f"""UPDATE backtest_step s SET fate = '{reasons.GOAL_MET}' FROM backtest_firing f
        WHERE f.id = s.firing_id AND {which} AND {goals.met("f", "s.at", rule)}"""
    )


def _who_had_come() -> None:
    """Of the goals that were met: the visit had begun by then, else it was only booked."""
    execute(
        f"""UPDATE backtest_step s SET came = true FROM backtest_firing f
        WHERE f.id = s.firing_id AND s.fate = '{reasons.GOAL_MET}' AND EXISTS (
            SELECT FROM patients_visit v WHERE v.patient_id = f.patient_id AND v.deleted_at IS NULL
                AND v.status IN ('arrived', 'completed') AND v.starts_at > f.since AND v.starts_at <= s.at)"""
    )


def _withdraw(rule: TriggerRule) -> None:
    """An occasion about an appointment that was cancelled or moved after its first message: the later ones are not
    sent. The type's own predicate speaks of today; the changes of appointments tell when it came to be so."""
    if rule_types.of(rule.rule_type).withdrawn(rule.params) == "false":
        return
    execute(
        f"""UPDATE backtest_step s SET fate = '{WITHDRAWN}' FROM backtest_firing f
        WHERE f.id = s.firing_id AND s.fate = '' AND f.visit_id IS NOT NULL AND EXISTS (
            SELECT FROM patients_visitchange c WHERE c.visit_id = f.visit_id AND c.at > f.first_due AND c.at <= s.at
                AND (c.status = 'cancelled' OR c.starts_at <> c.was_starts_at))"""
    )


def _ask_the_gate(rule: TriggerRule, step: TriggerStep, asked: Rules, now: dt.datetime) -> None:
    """The gate of the live run, each message at its moment; then one message per address of those about nothing of
    one's own, as services.step_messages keeps it."""
    candidates = f"""SELECT s.id AS turn, s.patient_id, s.at AS asked_at FROM backtest_step s
        WHERE s.step_id = {step.pk} AND s.fate = ''"""
    query = decisions(asked, candidates, now, known=False, keep="turn", moment="asked_at")
    execute("DROP TABLE IF EXISTS pg_temp.backtest_verdict")
    execute(
        f"""CREATE TEMPORARY TABLE backtest_verdict AS
        SELECT turn, reason, coalesce(channel, '') AS channel, text_id, reader_id, address_key, branch_id, last_visit_on
        FROM ({query.sql}) judged""",
        query.params,
    )
    execute("ANALYZE backtest_verdict")
    execute(
        f"""UPDATE backtest_step s SET fate = CASE WHEN v.reason = '' THEN '{FREE}' ELSE v.reason END,
            channel = CASE WHEN v.reason = '' THEN v.channel ELSE '' END,
            text_id = v.text_id, reader_id = v.reader_id, address_key = v.address_key,
            useful_until = least(s.useful_until, %(offer_ends)s::timestamptz), home_id = v.branch_id,
            branch_id = coalesce(f.branch_id, v.branch_id), zone = coalesce(b.timezone, %(home)s)
        FROM backtest_verdict v, backtest_step own
        JOIN backtest_firing f ON f.id = own.firing_id
        LEFT JOIN patients_branch b ON b.id = f.branch_id
        WHERE v.turn = s.id AND own.id = s.id""",
        {"offer_ends": asked.useful_until, "home": home_zone()},
    )
    if asked.marketing:
        _one_per_address(step)


def _one_per_address(step: TriggerStep) -> None:
    execute(
        f"""UPDATE backtest_step s SET fate = '{reasons.HOUSEHOLD}', channel = '' FROM (
            SELECT o.id, o.patient_id <> first_value(o.patient_id) OVER (
                PARTITION BY o.at, o.address_key
                ORDER BY (o.reader_id = o.patient_id) DESC, v.last_visit_on DESC NULLS LAST, o.patient_id
            ) AS second
            FROM backtest_step o JOIN backtest_firing f ON f.id = o.firing_id JOIN backtest_verdict v ON v.turn = o.id
            WHERE o.step_id = {step.pk} AND o.fate = '{FREE}' AND o.address_key IS NOT NULL
                AND f.service_id IS NULL AND f.visit_id IS NULL
        ) h WHERE h.id = s.id AND h.second"""
    )
