"""The outcome of a check, ready to be shown: exclusions in words, the load as a picture, warm-up, sentences."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Channel
from campaigns.reasons import REASONS
from patients import wording

PALETTE = ("#0b6e69", "#d97706", "#4f6bd8", "#b4447c", "#5f7d2c", "#7a5bc0", "#8a6d3b", "#3c7f9c")


@dataclass
class Picture:
    """For components/_chart.html."""

    key: str
    title: str
    note: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    height: int = 260
    empty: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Line:
    """A part of the audience: how many, what share, why."""

    code: str
    label: str | Promise
    patients: int
    share: float


@dataclass(frozen=True)
class ChannelLine:
    label: str
    messages: int
    share: float
    cost: Decimal


@dataclass(frozen=True)
class Forecast:
    audience: int
    planned: int
    holdout: int
    cost: Decimal
    left_out: int
    exclusions: list[Line]
    channels: list[ChannelLine]
    variants: list[Line]
    load: Picture | None
    first_day: dt.date | None
    last_day: dt.date | None
    days: int
    busiest: tuple[dt.date, int] | None
    warm_up: list[tuple[str, list[tuple[dt.date, int, int]]]]
    sentence: str

    @property
    def planned_share(self) -> float:
        return self.planned / self.audience if self.audience else 0.0


def forecast(outcome: Mapping[str, Any], branches: Mapping[int, str]) -> Forecast:
    """From the stored outcome of a check. `branches`: names by id."""
    audience, planned = int(outcome["audience"]), int(outcome["planned"])
    by_day = {dt.date.fromisoformat(day): int(number) for day, number in outcome["by_day"].items()}
    by_reason: Mapping[str, int] = outcome["by_reason"]
    cost = Decimal(outcome["cost"])
    days = sorted(by_day)
    return Forecast(
        audience=audience,
        planned=planned,
        holdout=int(outcome["holdout"]),
        cost=cost,
        left_out=sum(by_reason.values()),
        exclusions=[
            Line(code, REASONS.get(code, code), number, _part(number, audience))
            for code, number in sorted(by_reason.items(), key=lambda pair: -pair[1])
        ],
        channels=_channels(outcome, planned),
        variants=[
            Line(letter, letter, number, _part(number, planned))
            for letter, number in sorted(outcome["by_variant"].items())
            if letter
        ],
        load=_load(outcome["load"], branches) if days else None,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        days=len(days),
        busiest=max(((day, number) for day, number in by_day.items()), key=lambda pair: pair[1]) if days else None,
        warm_up=_warm_up(outcome),
        sentence=_sentence(audience, planned, int(outcome["holdout"]), cost, days),
    )


def _part(number: int, of: int) -> float:
    return number / of if of else 0.0


def _channels(outcome: Mapping[str, Any], planned: int) -> list[ChannelLine]:
    labels = dict(Channel.choices)
    costs = outcome["cost_by_channel"]
    return [
        ChannelLine(str(labels.get(code, code)), int(number), _part(int(number), planned), Decimal(costs.get(code, 0)))
        for code, number in sorted(outcome["by_channel"].items(), key=lambda pair: -pair[1])
    ]


def _load(load: list[list[Any]], branches: Mapping[int, str]) -> Picture:
    """Messages per day, stacked by branch: what the front desks will hear of."""
    per_branch: dict[int | None, dict[str, int]] = defaultdict(dict)
    for day, branch, number in load:
        per_branch[branch][day] = per_branch[branch].get(day, 0) + int(number)
    days = sorted({day for counts in per_branch.values() for day in counts})
    order = sorted(per_branch, key=lambda branch: -sum(per_branch[branch].values()))
    names = {branch: branches.get(branch or 0, _("without a branch")) for branch in order}
    series = [
        {
            "name": names[branch], "type": "bar", "unit": "number", "colour": PALETTE[number % len(PALETTE)],
            "data": [[day, per_branch[branch].get(day, 0)] for day in days],
        }
        for number, branch in enumerate(order)
    ]  # fmt: skip
    return Picture(
        key="load",
        title=_("Messages per day and branch"),
        note=_("Answers come within a day or two: compare with what the front desk of each branch can take."),
        config={"kind": "time", "series": series, "stack": True},
        columns=[(_("Day"), "date"), *((names[branch], "number") for branch in order), (_("Together"), "number")],
        rows=[
            [
                dt.date.fromisoformat(day),
                *(per_branch[branch].get(day, 0) for branch in order),
                sum(per_branch[branch].get(day, 0) for branch in order),
            ]
            for day in days
        ],
    )


def _warm_up(outcome: Mapping[str, Any]) -> list[tuple[str, list[tuple[dt.date, int, int]]]]:
    """Channel -> (day, what it takes, what the campaign sends) for channels with a limit."""
    labels = dict(Channel.choices)
    by_day = outcome["by_day"]
    return [
        (
            str(labels.get(channel, channel)),
            [(dt.date.fromisoformat(day), int(room), int(by_day.get(day, 0))) for day, room in sorted(days.items())],
        )
        for channel, days in outcome.get("room", {}).items()
        if days
    ]


def _sentence(audience: int, planned: int, holdout: int, cost: Decimal, days: list[dt.date]) -> str:
    """The outcome in one sentence."""
    if not audience:
        return _("Nobody fits these conditions today.")
    if not planned:
        return _("Of %(audience)s nobody can be written to: see why below.") % {
            "audience": wording.patients_count(audience)
        }
    text = _("Of %(audience)s %(planned)s get a message for %(cost)s") % {
        "audience": wording.patients_count(audience), "planned": wording.number(planned), "cost": wording.money(cost),
    }  # fmt: skip
    if holdout:
        text += _("; %(held)s are held back to compare with") % {"held": wording.number(holdout)}
    if len(days) > 1:
        spread = ngettext("; it takes %(n)s day", "; it takes %(n)s days", len(days)) % {"n": wording.number(len(days))}
        text += spread
    return f"{text}."
