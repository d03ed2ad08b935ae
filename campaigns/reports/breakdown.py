"""The ledger of a campaign in words: every part of the audience once, with what it means, adding up to the whole."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import Campaign
from campaigns.reasons import REASONS
from campaigns.reports.forecast import PALETTE, Picture
from campaigns.selectors.progress import DayLoad, Progress
from patients import wording

# State -> (label, what it means, tone of its bar), in the order of the page.
STATES: dict[str, tuple[Promise, Promise, str]] = {
    "sent": (gettext_lazy("Sent"), gettext_lazy("The provider has taken the message."), "good"),
    "sending": (gettext_lazy("Being sent"), gettext_lazy("Handed over this very moment."), "main"),
    "planned": (
        gettext_lazy("Waiting"),
        gettext_lazy(
            "Wait for their hour: it is night at the patient's, the day is full, or the time you set has not come."
            " The list says when; checked again right before."
        ),
        "main",
    ),
    "deferred": (gettext_lazy("Put off"), gettext_lazy("Go out by themselves a little later."), "main"),
    "failed": (gettext_lazy("Failed"), gettext_lazy("Certainly not sent."), "bad"),
    "unknown": (
        gettext_lazy("Unknown"),
        gettext_lazy("May have been sent. Advertising is never sent again without a person's word."),
        "warn",
    ),
    "suppressed": (gettext_lazy("Not written to"), gettext_lazy("Decided by the rules, each for one reason."), "quiet"),
    "holdout": (gettext_lazy("Hold-out"), gettext_lazy("Chosen by chance; get nothing, to compare with."), "hold"),
    "cancelled": (gettext_lazy("Cancelled"), gettext_lazy("Planned, and no longer needed."), "quiet"),
    "expired": (gettext_lazy("Too late"), gettext_lazy("Lost their use before their turn came."), "quiet"),
}


@dataclass(frozen=True)
class Reason:
    code: str
    label: str | Promise
    messages: int


@dataclass(frozen=True)
class Part:
    """A state of the ledger: `share` of the audience, 0…1."""

    state: str
    label: str | Promise
    meaning: str | Promise
    tone: str
    messages: int
    share: float
    reasons: list[Reason] = field(default_factory=list)


def parts(counted: Progress) -> list[Part]:
    """The states that occur; their numbers add up to the audience."""
    audience = counted.audience
    reasons: dict[str, list[Reason]] = defaultdict(list)
    for (state, code), number in counted.by_reason.items():
        reasons[state].append(Reason(code, REASONS.get(code, code), number))
    return [
        Part(
            state, label, meaning, tone, counted.of(state), counted.of(state) / audience,
            sorted(reasons[state], key=lambda reason: -reason.messages),
        )
        for state, (label, meaning, tone) in STATES.items()
        if counted.of(state)
    ]  # fmt: skip


def headline(campaign: Campaign, counted: Progress) -> str:
    """What the campaign is doing, in a sentence."""
    state = Campaign.State
    sent, waiting = counted.of("sent"), counted.waiting
    if campaign.state == state.DRAFT:
        return _("A draft: nothing has been sent.")
    if campaign.state == state.WAITING:
        return _("Waits for a second person's approval; nothing has been sent.")
    if campaign.state == state.PLANNING:
        return _("The audience is being written down; messages go out as soon as this is done.")
    went = ngettext("%(n)s message has been sent", "%(n)s messages have been sent", sent)
    text = went % {"n": wording.number(sent)}
    if waiting:
        text += ", " + ngettext("%(n)s waits", "%(n)s wait", waiting) % {"n": wording.number(waiting)}
    text += _(" of an audience of %(n)s.") % {"n": wording.number(counted.audience)}
    if campaign.state == state.PAUSED:
        text += " " + _("Paused: nothing is handed over until somebody presses “go on”.")
    elif campaign.standing and campaign.state == state.RUNNING:
        text += " " + _("Every night adds those who have newly entered the audience.")
    return text


def load_picture(rows: Iterable[DayLoad], branches: Mapping[int, str]) -> Picture | None:
    """Messages per day they fall due, stacked by branch; the table also says how many have gone."""
    per_branch: dict[int | None, dict[dt.date, int]] = defaultdict(dict)
    sent: dict[dt.date, int] = defaultdict(int)
    for row in rows:
        per_branch[row.branch_id][row.day] = row.messages
        sent[row.day] += row.sent
    if not per_branch:
        return None
    days = sorted(sent)
    order = sorted(per_branch, key=lambda branch: -sum(per_branch[branch].values()))
    names = {branch: branches.get(branch or 0, _("without a branch")) for branch in order}
    series: list[dict[str, Any]] = [
        {
            "name": names[branch], "type": "bar", "unit": "number", "colour": PALETTE[number % len(PALETTE)],
            "data": [[day.isoformat(), per_branch[branch].get(day, 0)] for day in days],
        }
        for number, branch in enumerate(order)
    ]  # fmt: skip
    return Picture(
        key="load",
        title=_("Messages per day and branch"),
        note=_("By the day on which they fall due at the clinic."),
        config={"kind": "time", "series": series, "stack": True},
        columns=[
            (_("Day"), "date"), *((names[branch], "number") for branch in order), (_("Together"), "number"),
            (_("Sent"), "number"),
        ],
        rows=[
            [day, *(per_branch[branch].get(day, 0) for branch in order),
             sum(per_branch[branch].get(day, 0) for branch in order), sent[day]]
            for day in days
        ],
    )  # fmt: skip
