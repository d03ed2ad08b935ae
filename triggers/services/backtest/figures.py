"""The figures of a back-test, counted from its tables. They add up, so that a reader can check them with a pencil:

    occasions = ladders + cooldown + holdout
    messages of a step: due = ahead + not needed + Σ reasons + written
    written = Σ by channel = Σ load; cost = Σ over steps and channels of written × price

`load` are days by the clock of the branch. `people` are some ladders spread evenly over the period, by patient id:
names are read when the page is shown, so that nothing of an erased patient stays here.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from campaigns import reasons
from triggers.models import TriggerRule, TriggerStep
from triggers.services.backtest import costs, tables
from triggers.services.backtest.tables import AHEAD, WAITING, WRITTEN

VERSION = 1
EXAMPLES = 24
WITHDRAWN = "withdrawn"
NOT_NEEDED = reasons.GOAL_MET


def gather(
    rule: TriggerRule, steps: Sequence[TriggerStep], first_day: dt.date, last_day: dt.date, now: dt.datetime
) -> dict[str, Any]:
    """Everything the page shows, but for the expected visits, as JSON; days as ISO dates, no branch as ""."""
    _sum_up()
    sent = _sent()
    prices = costs.prices(sent, now)
    of_steps = [_of_step(step, sent, prices) for step in steps]
    states = dict(tables.rows("SELECT state, count(*) FROM backtest_firing GROUP BY 1"))
    ladders, people = tables.rows("SELECT count(*), count(DISTINCT patient_id) FROM backtest_written")[0]
    return {
        "version": VERSION,
        "days": (last_day - first_day).days + 1,
        "as_of": now.isoformat(),
        "occasions": sum(states.values()),
        "patients": tables.rows("SELECT count(DISTINCT patient_id) FROM backtest_firing")[0][0],
        "cooldown": states.get("cooldown", 0),
        "holdout": states.get("holdout", 0),
        "ladders": states.get("open", 0),
        "written_ladders": ladders,
        "written_patients": people,
        "due": sum(step["due"] for step in of_steps),
        "messages": sum(step["written"] for step in of_steps),
        "ahead": sum(step["ahead"] for step in of_steps),
        "not_needed": sum(step["not_needed"] for step in of_steps),
        "reasons": _together(step["reasons"] for step in of_steps),
        "by_channel": _together(step["by_channel"] for step in of_steps),
        "cost": _money(sum((Decimal(step["cost"]) for step in of_steps), Decimal(0))),
        "steps": of_steps,
        "load": _load("coalesce(s.branch_id::text, '')"),
        "load_by_channel": _load("s.channel"),
        "people": _people(),
    }


def _sum_up() -> None:
    """The rows are read twice: for these sums, and for the ladders with a message that goes."""
    tables.execute(
        f"""CREATE TEMPORARY TABLE backtest_sum AS
        SELECT step_id, fate, channel, text_id, came, branch_id, day, count(*) AS n FROM (
            SELECT step_id, fate, channel, came, CASE fate WHEN '{WRITTEN}' THEN text_id END AS text_id,
                CASE fate WHEN '{WRITTEN}' THEN branch_id END AS branch_id,
                CASE fate WHEN '{WRITTEN}' THEN (goes_at AT TIME ZONE zone)::date END AS day
            FROM backtest_step
        ) s GROUP BY 1, 2, 3, 4, 5, 6, 7"""
    )
    tables.execute(
        f"""CREATE TEMPORARY TABLE backtest_written AS
        SELECT firing_id, patient_id, min(goes_at) AS first_at FROM backtest_step WHERE fate = '{WRITTEN}'
        GROUP BY 1, 2"""
    )


def _sent() -> list[costs.Sent]:
    return [
        costs.Sent(*row)
        for row in tables.rows(
            f"SELECT step_id, channel, text_id, sum(n)::bigint FROM backtest_sum WHERE fate = '{WRITTEN}' "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
    ]


def _of_step(
    step: TriggerStep, sent: Sequence[costs.Sent], prices: dict[tuple[int, str], tuple[Decimal, Decimal]]
) -> dict[str, Any]:
    """One message of the ladder: what became of all its turns."""
    fates = dict(
        tables.rows(
            "SELECT fate, sum(n)::bigint FROM backtest_sum WHERE step_id = %(step)s GROUP BY 1", {"step": step.pk}
        )
    )
    came, booked = tables.rows(
        "SELECT coalesce(sum(n) FILTER (WHERE came), 0)::bigint, coalesce(sum(n) FILTER (WHERE NOT came), 0)::bigint "
        "FROM backtest_sum WHERE step_id = %(step)s AND fate = %(met)s",
        {"step": step.pk, "met": NOT_NEEDED},
    )[0]
    channels: dict[str, dict[str, Any]] = {}
    for row in sent:
        if row.step_id == step.pk:
            price, parts = prices[step.pk, row.channel]
            line = channels.setdefault(row.channel, {"messages": 0, "price": str(price), "parts": str(parts)})
            line["messages"] += row.messages
    for line in channels.values():
        line["cost"] = _money(Decimal(line["price"]) * line["messages"])
    order = [*reasons.REASONS, WITHDRAWN, WAITING]
    why = {code: fates[code] for code in order if code in fates and code != NOT_NEEDED}
    return {
        "step": step.pk,
        "position": step.position,
        "offset": step.offset,
        "unit": step.unit,
        "due": sum(fates.values()),
        "ahead": fates.get(AHEAD, 0),
        "not_needed": fates.get(NOT_NEEDED, 0),
        "came": came,
        "booked": booked,
        "reasons": why,
        "written": fates.get(WRITTEN, 0),
        "by_channel": {channel: line["messages"] for channel, line in channels.items()},
        "channels": channels,
        "cost": _money(sum((Decimal(line["cost"]) for line in channels.values()), Decimal(0))),
    }


def _load(by: str) -> list[list[Any]]:
    """[day, branch or channel, messages], by the clock of the branch."""
    return [
        [day.isoformat(), key, messages]
        for day, key, messages in tables.rows(
            f"SELECT day, {by}, sum(n)::bigint FROM backtest_sum s WHERE fate = '{WRITTEN}' GROUP BY 1, 2 ORDER BY 1, 2"
        )
    ]


def _people() -> list[dict[str, Any]]:
    """Ladders with all their messages: [position, moment, fate, channel]."""
    found = tables.rows(
        f"""WITH chosen AS MATERIALIZED (
            SELECT f.* FROM backtest_firing f, (SELECT count(*) AS n FROM backtest_firing) every
            WHERE mod(f.id - 1, greatest((every.n + {EXAMPLES - 1}) / {EXAMPLES}, 1)) = 0
        ), turns AS (
            SELECT s.firing_id, json_agg(json_build_array(s.position, s.goes_at, s.fate, s.channel)
                ORDER BY s.due_at, s.position) AS steps
            FROM backtest_step s WHERE s.firing_id IN (SELECT id FROM chosen) GROUP BY 1
        )
        SELECT c.patient_id, c.first_due, c.state, coalesce(t.steps, '[]'::json), c.service_id
        FROM chosen c LEFT JOIN turns t ON t.firing_id = c.id ORDER BY c.id"""
    )
    return [
        {"patient": patient, "first_due": due.isoformat(), "state": state, "steps": steps, "service": service}
        for patient, due, state, steps, service in found
    ]


def _together(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for code, number in part.items():
            found[code] = found.get(code, 0) + number
    return found


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
