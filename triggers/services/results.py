"""The nightly step "rule_results": what every rule brought as of a date, as stored sums.

Counted is a ladder of the last year against those of the hold-out, from the day after its first message was due (in the
hold-out: would have been) for the window of the rule. Both sides are asked the same question at that moment: could the
patient be reached at all, on a channel of the ladder, with the consent it needs? Those who could are counted whatever
became of their messages; leaving out who was not reached in the end would compare unlike people. Ladders of one patient
whose windows overlap are one: a visit is never counted twice, and what the later ones cost is added to the first.

Nothing here estimates: pages do, from the sums (campaigns.attribution). Figures: campaigns' outcomes.NAMES.
"""

import datetime
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from campaigns.models import Channel, Purpose
from campaigns.services.crediting.outcomes import RECENT_DAYS, SUMS, figures
from triggers.models import Firing, RuleResult, TriggerRule, TriggerStep
from triggers.timing.cooldown import cooled

TREATED, HOLDOUT = "treated", "holdout"
HORIZON_DAYS = 365
State = Firing.State
COUNTED = (State.OPEN, State.DONE, State.WITHDRAWN, State.STOPPED, State.HOLDOUT)

_LADDERS = """
    SELECT f.id, f.patient_id, f.first_due FROM triggers_firing f
    JOIN patients_patient p ON p.id = f.patient_id
    LEFT JOIN patients_patient g ON g.id = p.guardian_id
    WHERE f.rule_id = %(rule)s AND f.state = ANY(%(states)s)
      AND f.first_due >= (%(as_of)s::date - %(horizon)s)::timestamp AT TIME ZONE %(zone)s
      AND f.first_due < %(as_of)s::timestamp AT TIME ZONE %(zone)s AND ({reachable})
    ORDER BY f.first_due, f.id
"""
_ROWS = """
    CREATE TEMP TABLE rule_rows ON COMMIT DROP AS
    SELECT r.*, least(%(as_of)s - r.due_on, r.window_days) AS watched, r.due_on + r.window_days <= %(as_of)s AS complete
    FROM (
        SELECT f.id, f.rule_id, f.patient_id, f.state = 'holdout' AS held,
            (f.first_due AT TIME ZONE %(zone)s)::date AS due_on, k.window_days::int AS window_days,
            k.goal, k.goal_group_id, f.service_id
        FROM unnest(%(kept)s::bigint[]) chosen(id) JOIN triggers_firing f ON f.id = chosen.id
        JOIN triggers_triggerrule k ON k.id = f.rule_id
    ) r
"""
_COST = """
    CREATE TEMP TABLE rule_cost ON COMMIT DROP AS
    SELECT u.kept AS id, sum(m.cost) AS cost
    FROM unnest(%(firings)s::bigint[], %(units)s::bigint[]) u(firing, kept)
    JOIN triggers_firingstep s ON s.firing_id = u.firing JOIN campaigns_message m ON m.id = s.message_id
    GROUP BY 1
"""
# The days between which anything can have happened are constants: the indexes by day are then read once.
_CAME = """
    CREATE TEMP TABLE rule_came ON COMMIT DROP AS
    SELECT r.id, count(*)::int AS visits, bool_or(
        CASE WHEN r.goal = 'service' AND r.service_id IS NOT NULL THEN EXISTS (
            SELECT FROM patients_visititem i WHERE i.visit_id = v.id AND i.service_id = r.service_id)
        WHEN r.goal = 'group' AND r.goal_group_id IS NOT NULL THEN EXISTS (
            SELECT FROM patients_visititem i JOIN patients_service s ON s.id = i.service_id
            WHERE i.visit_id = v.id AND s.group_id = r.goal_group_id)
        ELSE true END) AS met
    FROM rule_rows r JOIN patients_visit v ON v.patient_id = r.patient_id
     AND v.starts_on > r.due_on AND v.starts_on <= r.due_on + r.watched
    WHERE v.status = 'completed' AND v.deleted_at IS NULL AND v.starts_on > %(first)s AND v.starts_on <= %(as_of)s
    GROUP BY r.id
"""
_PAID = """
    CREATE TEMP TABLE rule_paid ON COMMIT DROP AS
    SELECT r.id, sum(CASE p.kind WHEN 'refund' THEN -p.amount ELSE p.amount END) AS money
    FROM rule_rows r JOIN patients_payment p ON p.patient_id = r.patient_id
     AND p.paid_on > r.due_on AND p.paid_on <= r.due_on + r.watched
    WHERE p.deleted_at IS NULL AND p.paid_on > %(first)s AND p.paid_on <= %(as_of)s
    GROUP BY r.id
"""
_GROUPS = f"""
    SELECT o.rule_id, o.held, min(o.due_on), max(o.due_on),
        count(*) FILTER (WHERE o.due_on > %(as_of)s - %(recent)s), {SUMS}
    FROM (
        SELECT r.id, r.rule_id, r.held, r.due_on, r.complete, coalesce(k.cost, 0) AS cost,
            coalesce(c.visits, 0) AS visits, coalesce(c.met, false) AS goal,
            coalesce(p.money, 0) AS money
        FROM rule_rows r LEFT JOIN rule_cost k ON k.id = r.id LEFT JOIN rule_came c ON c.id = r.id
        LEFT JOIN rule_paid p ON p.id = r.id
    ) o GROUP BY 1, 2
"""


@transaction.atomic
def refresh_as_of(as_of: datetime.date, rules: Sequence[int] | None = None) -> int:
    """Write the results as of a date anew, of every rule that has fired or of these; returns the number of rows."""
    wanted = TriggerRule.objects.filter(firings__isnull=False) if rules is None else TriggerRule.objects
    asked = list((wanted if rules is None else wanted.filter(pk__in=rules)).distinct())
    stale = RuleResult.objects.filter(as_of=as_of)
    (stale if rules is None else stale.filter(rule__in=asked)).delete()
    unit_of: dict[int, int] = {}
    for rule in asked:
        unit_of |= units(rule, as_of)
    if not unit_of:
        return 0
    return len(RuleResult.objects.bulk_create(_rows(unit_of, as_of)))


def rewind(as_of: datetime.date) -> None:
    """Take back what the nights of `as_of` and later have counted."""
    RuleResult.objects.filter(as_of__gte=as_of).delete()


def units(rule: TriggerRule, as_of: datetime.date) -> dict[int, int]:
    """Each ladder of the rule and the one it is counted with: itself, or the one of the patient in whose window it
    began."""
    sql = _LADDERS.format(reachable=_reachable(rule))
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "rule": rule.pk, "states": list(COUNTED), "as_of": as_of, "horizon": HORIZON_DAYS,
                "zone": settings.TIME_ZONE, "purpose": rule.purpose,
            },
        )  # fmt: skip
        ladders = cursor.fetchall()
    within = cooled([(patient, due) for _id, patient, due in ladders], rule.window_days)
    kept: dict[int, list[tuple[datetime.datetime, int]]] = defaultdict(list)
    units = {}
    for (firing, patient, due), later in zip(ladders, within, strict=True):
        if not later:
            kept[patient].append((due, firing))
        place = bisect_right(kept[patient], due, key=lambda one: one[0])
        units[firing] = kept[patient][place - 1][1]
    return units


def _reachable(rule: TriggerRule) -> str:
    """SQL: when the first message fell due the patient, or the guardian, had an address on a channel of the ladder, and
    for advertising a consent to it."""
    channels = set(_flat(TriggerStep.objects.filter(rule=rule).values_list("channels", flat=True)))
    ways = []
    for channel in sorted(channels & set(Channel.values)):
        address = "email" if channel == Channel.EMAIL else "phone"
        for who in ("p", "g"):
            agreed = ""
            if rule.purpose == Purpose.MARKETING:
                agreed = f"""AND EXISTS (SELECT FROM patients_consent c WHERE c.patient_id = {who}.id
                    AND c.channel = '{channel}' AND c.purpose = %(purpose)s AND c.granted AND c.at <= f.first_due
                    AND (c.until IS NULL OR c.until > f.first_due))"""
            ways.append(f"({who}.{address} <> '' {agreed})")
    return " OR ".join(ways) or "false"


def _rows(unit_of: dict[int, int], as_of: datetime.date) -> list[RuleResult]:
    params: dict[str, Any] = {
        "as_of": as_of, "zone": settings.TIME_ZONE, "recent": RECENT_DAYS,
        "kept": sorted(set(unit_of.values())), "firings": list(unit_of), "units": list(unit_of.values()),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS rule_rows, rule_cost, rule_came, rule_paid")
        cursor.execute(_ROWS, params)
        cursor.execute("ANALYZE rule_rows")
        cursor.execute("SELECT coalesce(min(due_on), %s) FROM rule_rows", [as_of])
        params["first"] = cursor.fetchone()[0]
        for statement in (_COST, _CAME, _PAID):
            cursor.execute(statement, params)
        cursor.execute(_GROUPS, params)
        found = cursor.fetchall()
    return [
        RuleResult(
            rule_id=rule, as_of=as_of, group=HOLDOUT if held else TREATED,
            figures={**figures(sums), "first_due": first.isoformat(), "last_due": last.isoformat(), "recent": recent},
        )
        for rule, held, first, last, recent, *sums in found
    ]  # fmt: skip


def _flat(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (one for some in lists for one in some)
