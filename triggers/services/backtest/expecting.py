"""How many more would have come: by the rule's own hold-outs, or by the figure the trade claims.

    measured   share that came, treated minus hold-out (the comparison of the rule's page, with its interval and its
               verdict) × those who would have been written to
    assumed    of those who would have been written to, so many came within the window without any message;
               15–20 % more of them is what the clinic's own text claims, and what nobody has measured yet
    none       a service message (a reminder, a receipt): nobody claims that it brings visits

One person counts once per window: ladders of a patient whose windows overlap are one. A window is the days
due + 1 … due + window_days after the first message that would have gone out. `base` says when a window has not ended
yet: then the figure is of those that have.
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from campaigns.attribution import Estimate, Interval
from campaigns.models import Purpose
from campaigns.selectors.results import STANDING_LEVEL
from triggers.models import Firing, RuleResult, TriggerRule
from triggers.selectors import rule_results
from triggers.services.backtest import tables

EPOCH = dt.date(1970, 1, 1)
CLAIMED = (0.15, 0.20)
_PAID = "sum(CASE p.kind WHEN 'refund' THEN -p.amount ELSE p.amount END)"


def expected(rule: TriggerRule, now: dt.datetime) -> dict[str, Any]:
    """For the result of a back-test: `source` measured | assumed, `visits` [value, low, high], what it was made of."""
    people = _people(rule, now)
    measured = _measured(rule)
    if measured is None or measured.difference is None:
        if rule.purpose != Purpose.MARKETING:
            return {"source": "none", "people": people}
        low, high = (round(part * people["came"], 2) for part in CLAIMED)
        return {"source": "assumed", "people": people, "claimed": list(CLAIMED), "visits": [None, low, high]}
    share, each = measured.difference, measured.money_each
    return {
        "source": "measured",
        "people": people,
        "visits": _times(share, people["n"]),
        "money": _times(each, people["n"]) if each else None,
        "share": [share.value, share.low, share.high],
        "level": STANDING_LEVEL,
        "verdict": str(measured.verdict),
        "treated": {"n": measured.treated.n, "came": measured.treated.came},
        "holdout": {"n": measured.holdout.n, "came": measured.holdout.came},
        **_how_long(rule),
    }


def _times(found: Interval, people: int) -> list[float]:
    return [round(bound * people, 2) for bound in (found.value, found.low, found.high)]


def _measured(rule: TriggerRule) -> Estimate | None:
    """As the rule's page judges it; None without a hold-out to compare with."""
    found = rule_results.report(rule).whole
    return found if found.difference else None


def _how_long(rule: TriggerRule) -> dict[str, Any]:
    """Since when the hold-outs were gathered, and for how many weeks."""
    first = Firing.objects.filter(rule=rule).aggregate(at=Min("first_due"))["at"]
    last = RuleResult.objects.filter(rule=rule).order_by("-as_of").values_list("as_of", flat=True).first()
    if first is None or last is None:
        return {"since": None, "as_of": last and last.isoformat(), "weeks": None}
    since = timezone.localdate(first)
    return {"since": since.isoformat(), "as_of": last.isoformat(), "weeks": max(round((last - since).days / 7), 0)}


def _people(rule: TriggerRule, now: dt.datetime) -> dict[str, Any]:
    """Those who would have been written to, once per window, and what they did in it without a message.

    n: windows; ended: of them have ended by now; came: those with a completed visit; visits: Σ of their visits;
    money: Σ paid, ₽.
    """
    params = {"zone": settings.TIME_ZONE, "days": rule.window_days, "today": timezone.localdate(now)}
    patients, days = tables.arrays(
        ("int8send(patient_id)", "int8send(due_on)"),
        """FROM (SELECT patient_id, ((first_at AT TIME ZONE %(zone)s)::date - date '1970-01-01')::bigint AS due_on
            FROM backtest_written ORDER BY 1, 2) w""",
        params,
    )
    windows, last, last_day = [], 0, 0
    for number, (patient, due_on) in enumerate(zip(patients.tolist(), days.tolist(), strict=True)):
        if patient != last or due_on - last_day >= rule.window_days:
            windows.append(number)
            last, last_day = patient, due_on
    if not windows:
        return {"n": 0, "ended": 0, "came": 0, "visits": 0, "money": 0.0}
    params["patients"], params["dues"] = (tables.listed(column[windows].tolist()) for column in (patients, days))
    first, until = (EPOCH + dt.timedelta(int(day)) for day in (days[windows].min(), days[windows].max()))
    params["first"], params["last"] = first, until + dt.timedelta(days=rule.window_days)
    found = tables.rows(
        f"""WITH w AS MATERIALIZED (
            SELECT row_number() OVER () AS id, patient_id, date '1970-01-01' + day AS due_on
            FROM unnest(%(patients)s::bigint[], %(dues)s::int[]) u(patient_id, day)
        ), came AS (
            SELECT w.id, count(*) AS visits FROM w JOIN patients_visit v ON v.patient_id = w.patient_id
                AND v.starts_on > w.due_on AND v.starts_on <= w.due_on + %(days)s::int
            WHERE v.status = 'completed' AND v.deleted_at IS NULL AND v.starts_on > %(first)s
                AND v.starts_on <= least(%(last)s, %(today)s) GROUP BY 1
        ), paid AS (
            SELECT w.id, {_PAID} AS money FROM w JOIN patients_payment p ON p.patient_id = w.patient_id
                AND p.paid_on > w.due_on AND p.paid_on <= w.due_on + %(days)s::int
            WHERE p.deleted_at IS NULL AND p.paid_on > %(first)s AND p.paid_on <= least(%(last)s, %(today)s) GROUP BY 1
        )
        SELECT count(*), count(*) FILTER (WHERE w.due_on + %(days)s::int < %(today)s), count(came.id),
            coalesce(sum(came.visits), 0), coalesce(sum(paid.money), 0)
        FROM w LEFT JOIN came USING (id) LEFT JOIN paid USING (id)""",
        params,
    )[0]
    n, ended, came, visits, money = found
    return {"n": n, "ended": ended, "came": came, "visits": int(visits), "money": float(money)}
