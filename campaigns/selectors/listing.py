"""Campaigns as the list shows them: stored counts and results, never the ledger itself."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Max, Q, QuerySet, Sum

from campaigns.models import Campaign, CampaignCount, CampaignResult, Channel

PAGE = 25
PERIODS = {"30": 30, "90": 90, "365": 365}
OPEN, ARCHIVED = "open", "archived"
State = Campaign.State


@dataclass(frozen=True)
class CampaignFilter:
    """What the reader asks of the list; unknown words of the address mean nothing."""

    state: str = ""
    channel: str = ""
    period: str = ""
    after: int | None = None
    before: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "CampaignFilter":
        state, channel, period = query.get("state", ""), query.get("channel", ""), query.get("period", "")
        return cls(
            state=state if state in {*State.values, ARCHIVED} else "",
            channel=channel if channel in Channel.values else "",
            period=period if period in PERIODS else "",
            after=_id(query.get("after")),
            before=_id(query.get("before")),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.channel or self.period)


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True)
class Tally:
    """The ledger of a campaign in short. `audience` is everybody a decision was made about, the hold-out included."""

    audience: int = 0
    sent: int = 0
    open: int = 0
    holdout: int = 0
    failed: int = 0
    cost: Decimal = Decimal(0)


@dataclass
class Row:
    """A line of the list. `results`: group of the last night -> figures (see CampaignResult)."""

    campaign: Campaign
    tally: Tally = field(default_factory=Tally)
    results: dict[str, dict[str, float]] = field(default_factory=dict)
    results_as_of: dt.date | None = None


@dataclass
class Page:
    rows: list[Row] = field(default_factory=list)
    after: int | None = None
    before: int | None = None


def asked_for(asked: CampaignFilter, now: dt.datetime) -> QuerySet[Campaign]:
    found = Campaign.objects.filter(archived_at__isnull=asked.state != ARCHIVED)
    if asked.state in State.values:
        found = found.filter(state=asked.state)
    if asked.channel:
        found = found.filter(channels__contains=[asked.channel])
    if asked.period:
        since = now - dt.timedelta(days=PERIODS[asked.period])
        # What ran within the period, and the drafts that were worked on.
        found = found.filter(Q(ended_at__gte=since) | Q(ended_at__isnull=True, launched_at__isnull=False)
                             | Q(launched_at__isnull=True, updated_at__gte=since))  # fmt: skip
    return found


def page(found: QuerySet[Campaign], asked: CampaignFilter) -> Page:
    """One page, the newest first, with counts and results: a fixed number of queries."""
    if asked.before:
        rows = list(found.filter(pk__gt=asked.before).order_by("pk")[: PAGE + 1])
        more, rows = len(rows) > PAGE, rows[:PAGE][::-1]
        has_previous, has_next = more, True
    else:
        rows = list((found.filter(pk__lt=asked.after) if asked.after else found).order_by("-pk")[: PAGE + 1])
        has_previous, has_next = bool(asked.after), len(rows) > PAGE
        rows = rows[:PAGE]
    ids = [campaign.pk for campaign in rows]
    counted, results = tallies(ids), latest_results(ids)
    made = [
        Row(campaign, counted.get(campaign.pk, Tally()), *results.get(campaign.pk, ({}, None))) for campaign in rows
    ]
    return Page(made, ids[-1] if has_next and ids else None, ids[0] if has_previous and ids else None)


def tallies(campaign_ids: Iterable[int]) -> dict[int, Tally]:
    """The stored counts of several campaigns in one query."""
    waiting = ["planned", "deferred", "sending"]
    rows = (
        CampaignCount.objects.filter(campaign__in=list(campaign_ids))
        .values("campaign")
        .annotate(
            audience=Sum("messages"),
            sent=Sum("messages", filter=Q(state="sent"), default=0),
            open=Sum("messages", filter=Q(state__in=waiting), default=0),
            holdout=Sum("messages", filter=Q(state="holdout"), default=0),
            failed=Sum("messages", filter=Q(state__in=["failed", "unknown"]), default=0),
            spent=Sum("cost", default=Decimal(0)),
        )
    )
    return {
        row["campaign"]: Tally(
            row["audience"], row["sent"], row["open"], row["holdout"], row["failed"], Decimal(row["spent"])
        )
        for row in rows
    }


def latest_results(campaign_ids: Iterable[int]) -> dict[int, tuple[dict[str, dict[str, float]], dt.date | None]]:
    """The figures of the whole groups as of each campaign's last counted night. Two queries."""
    of_these = CampaignResult.objects.filter(campaign__in=list(campaign_ids), breakdown="")
    nights = dict(of_these.values_list("campaign").annotate(Max("as_of")))
    found: dict[int, dict[str, dict[str, float]]] = defaultdict(dict)
    for row in of_these.filter(as_of__in=set(nights.values())):
        if nights[row.campaign_id] == row.as_of:
            found[row.campaign_id][row.group] = row.figures
    return {campaign: (groups, nights[campaign]) for campaign, groups in found.items()}


@dataclass(frozen=True)
class Overview:
    """What stands above the list."""

    drafts: int
    waiting: int
    active: int
    paused: int
    finished: int

    @property
    def any(self) -> bool:
        return bool(self.drafts or self.waiting or self.active or self.paused or self.finished)


def overview() -> Overview:
    """How many campaigns are in which state. One query."""
    shown = Campaign.objects.filter(archived_at__isnull=True)
    return Overview(
        **shown.aggregate(
            drafts=Count("pk", filter=Q(state=State.DRAFT)),
            waiting=Count("pk", filter=Q(state=State.WAITING)),
            active=Count("pk", filter=Q(state__in=[State.PLANNING, State.RUNNING])),
            paused=Count("pk", filter=Q(state=State.PAUSED)),
            finished=Count("pk", filter=Q(state__in=[State.FINISHED, State.STOPPED])),
        )
    )


def sent_since(since: dt.datetime) -> int:
    """Messages of the campaigns launched since then, from the stored counts."""
    total: int | None = CampaignCount.objects.filter(state="sent", campaign__launched_at__gte=since).aggregate(
        sent=Sum("messages")
    )["sent"]
    return total or 0
