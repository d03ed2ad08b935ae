"""A back-test, ready to be shown: a sentence, tiles, the load as a picture, tables of fates, reasons and costs."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.models import Channel
from campaigns.reports.forecast import PALETTE
from patients import wording
from segmentation.reports.pictures import Picture
from triggers.models import Backtest
from triggers.reports import backtest_words as words

# Bars of more days than this are thinner than a line: the picture goes by weeks, table and file stay by days.
MANY_DAYS = 100
Result = Mapping[str, Any]


def tiles(result: Result) -> list[dict[str, Any]]:
    """Variables of components/_stat.html."""
    due = result["due"] - result["ahead"]
    reached = result["messages"]
    blocked = sum(result["reasons"].values())
    busiest = words.busiest(result)
    return [
        {
            "icon": "ti-send", "label": _("Patients who would get messages"),
            "value": wording.number(result["written_patients"]),
            "of": ngettext("%(n)s message in all", "%(n)s messages in all", reached) % {"n": wording.number(reached)},
        },
        {
            "icon": "ti-user-check", "label": _("Messages not needed"), "value": wording.number(result["not_needed"]),
            "of": words.part_of(result["not_needed"], due, _("messages whose turn came: had booked or come before it")),
        },
        {
            "icon": "ti-mail-off", "label": _("Messages that cannot be sent"), "value": wording.number(blocked),
            "of": words.part_of(blocked, due, _("messages whose turn came: no address, no consent, enough for now")),
        },
        {
            "icon": "ti-calendar-stats", "label": _("Busiest day"),
            "value": wording.number(busiest[1]) if busiest else wording.DASH,
            "of": wording.day(busiest[0]) if busiest else "",
        },
        {
            "icon": "ti-coin", "label": _("Cost"), "value": wording.money_short(Decimal(result["cost"])),
            "of": _("at the prices of the channels of today"),
        },
    ]  # fmt: skip


def load(result: Result, branches: Mapping[int, str]) -> Picture:
    """Messages per day and branch: the main picture."""
    names = {str(pk): name for pk, name in branches.items()}
    return _over_time(
        result["load"],
        lambda key: names.get(key, _("without a branch")),
        key="load",
        title=_("Messages per day and branch"),
        note=_("Answers come within a day or two: compare with what the front desk of each branch can take."),
        weeks=_("By weeks, each at its Monday; the table and the file have every day."),
    )


def load_by_channel(result: Result) -> Picture:
    """The same messages by channel: what the call centre and the providers get."""
    labels = {str(code): str(label) for code, label in Channel.choices}
    return _over_time(
        result["load_by_channel"],
        lambda key: labels.get(key, key),
        key="channels",
        title=_("Messages per day and channel"),
        note=_("Each goes by the first channel of its step that reaches the patient."),
        weeks=_("By weeks, each at its Monday; the table and the file have every day."),
    )


def _over_time(rows: Sequence[Sequence[Any]], named: Any, *, key: str, title: str, note: str, weeks: str) -> Picture:
    per_part: dict[str, dict[dt.date, int]] = defaultdict(dict)
    for day, part, number in rows:
        per_part[part][dt.date.fromisoformat(day)] = int(number)
    days = sorted({day for counts in per_part.values() for day in counts})
    order = sorted(per_part, key=lambda part: (-sum(per_part[part].values()), part))
    by_week = bool(days) and (days[-1] - days[0]).days >= MANY_DAYS
    shown = {part: _weekly(per_part[part]) if by_week else per_part[part] for part in order}
    points = sorted({day for counts in shown.values() for day in counts})
    series = [
        {
            "name": named(part), "type": "bar", "unit": "number", "colour": PALETTE[number % len(PALETTE)],
            "data": [[day.isoformat(), shown[part].get(day, 0)] for day in points],
        }
        for number, part in enumerate(order)
    ]  # fmt: skip
    return Picture(
        key=key,
        title=title,
        note=f"{note} {weeks}" if by_week else note,
        config={"kind": "time", "series": series, "stack": True, "total": _("Together")},
        columns=[(_("Day"), "date"), *((named(part), "number") for part in order), (_("Together"), "number")],
        rows=[
            [day, *(per_part[part].get(day, 0) for part in order), sum(per_part[part].get(day, 0) for part in order)]
            for day in days
        ],
        empty=_("Nobody would have been written to on these days."),
        height=320,
    )


def _weekly(counts: Mapping[dt.date, int]) -> dict[dt.date, int]:
    found: dict[dt.date, int] = defaultdict(int)
    for day, number in counts.items():
        found[day - dt.timedelta(days=day.weekday())] += number
    return found


def ladder(result: Result) -> Picture:
    """What became of every message of the ladder; each line adds up to its first figure."""
    rows = []
    for step in result["steps"]:
        came = step["due"] - step["ahead"]
        rows.append(
            [
                words.step(step), step["due"], step["ahead"], came, step["not_needed"], sum(step["reasons"].values()),
                step["written"], step["written"] / came if came else None, Decimal(step["cost"]),
            ]
        )  # fmt: skip
    return Picture(
        key="ladder",
        title=_("The ladder, message by message"),
        note=_(
            "In all = still ahead + its turn came; its turn came = not needed + cannot be sent + written. Not needed: "
            "the patient had booked or come before the turn of this message. Shares are of those whose turn came."
        ),
        columns=[
            (_("Message"), "text"), (pgettext("messages", "In all"), "number"), (_("Still ahead"), "number"),
            (_("Its turn came"), "number"), (_("Not needed"), "number"), (_("Cannot be sent"), "number"),
            (pgettext("messages", "Written"), "number"), (_("Share"), "share"), (_("Cost"), "money"),
        ],
        rows=rows,
        empty=_("The rule has no messages yet."),
    )  # fmt: skip


def came_anyway(result: Result) -> Picture:
    """Who had come, and who had only booked, before each message. Without a booking the clinic's system may not tell
    when appointments are made: no column then."""
    booked = any(step["booked"] for step in result["steps"])
    rows = []
    for step in result["steps"]:
        asked = step["due"] - step["ahead"]
        share = step["not_needed"] / asked if asked else None
        rows.append([words.step(step), asked, step["came"], *([step["booked"]] if booked else []), share])
    return Picture(
        key="anyway",
        title=_("Had come anyway before the message"),
        note=_("Of the messages whose turn has come. They cost nothing: the goal of the rule stops the ladder."),
        columns=[
            (_("Message"), "text"), (_("Its turn came"), "number"), (_("Had come"), "number"),
            *([(_("Had booked"), "number")] if booked else []), (_("Not needed, share"), "share"),
        ],
        rows=rows,
        empty=_("The rule has no messages yet."),
    )  # fmt: skip


def reasons(result: Result, purpose: str = "marketing") -> Picture:
    """Why messages could not be sent, the largest first."""
    due = result["due"] - result["ahead"]
    found = sorted(result["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))
    return Picture(
        key="reasons",
        title=_("Cannot be sent, and why"),
        note=_("Share of the messages whose turn has come. The first reason that holds is named."),
        columns=[(_("Reason"), "text"), (_("Messages"), "number"), (_("Share"), "share")],
        rows=[[words.reason(code, purpose), number, number / due if due else None] for code, number in found],
        empty=_("Everybody can be reached."),
    )


def costs(result: Result) -> Picture:
    """Messages × price, channel by channel."""
    labels = {str(code): str(label) for code, label in Channel.choices}
    rows = [
        [words.step(step), labels.get(channel, channel), line["messages"], float(line["parts"]),
         wording.money(Decimal(line["price"]), 2), Decimal(line["cost"])]
        for step in result["steps"] for channel, line in step["channels"].items()
    ]  # fmt: skip
    return Picture(
        key="costs",
        title=_("Cost, channel by channel"),
        note=_("Messages × price of one; an SMS has as many parts as its text needs for such patients on average."),
        columns=[
            (_("Message"), "text"), (_("Channel"), "text"), (_("Messages"), "number"), (_("Parts, mean"), "decimal"),
            (_("Price of one"), "text"), (_("Cost"), "money"),
        ],
        rows=rows,
        empty=_("Nothing would have been sent."),
    )  # fmt: skip


def pictures(result: Result, branches: Mapping[int, str], purpose: str = "marketing") -> list[Picture]:
    """All of them, as the page and its files know them."""
    return [
        load(result, branches), load_by_channel(result), ladder(result), came_anyway(result), reasons(result, purpose),
        costs(result),
    ]  # fmt: skip


def changed_since(found: Backtest, asked_now: Mapping[str, Any]) -> bool:
    """Whether the rule says something else today than when the past was asked."""
    return bool(found.asked) and dict(found.asked) != dict(asked_now)


def cell(value: Any, kind: str) -> str:
    """A figure of a table as the page writes it."""
    return wording.by_kind(value, kind)
