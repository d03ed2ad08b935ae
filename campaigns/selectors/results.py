"""Stored results as estimates: what a page needs, from rows alone. The ledger is not read here."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from campaigns.attribution import (
    Enough,
    Estimate,
    Group,
    Pooled,
    Stratum,
    Verdict,
    corrected,
    enough,
    estimate,
    pooled,
    smallest_visible,
)
from campaigns.models import Campaign, CampaignResult, Channel, Offer
from campaigns.selectors.listing import latest_results
from segmentation.models import Segment

TREATED, HOLDOUT = "treated", "holdout"
# A campaign without an end is looked at every night: its verdict asks for more, because chance gets many tries.
STANDING_LEVEL = 0.99
WEEK = 7
RECENT_WEEKS = 4  # campaigns.services.crediting.outcomes.RECENT_DAYS
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A variant or a segment against its hold-out."""

    name: str
    estimate: Estimate
    promo: Mapping[str, float] | None = None
    funnel: Mapping[str, Any] | None = None
    colour: str = ""


@dataclass(frozen=True)
class Versus:
    """One variant against another: shares of those who came."""

    one: str
    other: str
    estimate: Estimate


@dataclass
class Report:
    """Everything the results page of a campaign shows. `facts` and `holdout` are the stored figures of the two groups;
    `comparisons`: how many intervals were widened to hold together."""

    campaign: Campaign
    as_of: dt.date | None = None
    whole: Estimate = field(default_factory=lambda: estimate(Group(), Group()))
    facts: Figures = field(default_factory=dict)
    holdout: Figures = field(default_factory=dict)
    variants: list[Part] = field(default_factory=list)
    versus: list[Versus] = field(default_factory=list)
    segments: dict[str, list[Part]] = field(default_factory=dict)
    only_ended: bool = False

    @property
    def funnel(self) -> Figures:
        return self.facts.get("funnel") or {}

    @property
    def promo(self) -> Mapping[str, float]:
        return self.facts.get("promo") or {}

    @property
    def ends(self) -> dt.date | None:
        """The day on which the last window ends; None while new patients come in."""
        text = self.facts.get("ends")
        return dt.date.fromisoformat(text) if text and not self.campaign.standing else None

    @property
    def comparisons(self) -> int:
        return len(self.variants) + len(self.versus)

    @property
    def per_week(self) -> float | None:
        return (self.facts.get("recent") or 0) / RECENT_WEEKS if self.campaign.standing else None

    @property
    def needed(self) -> Enough | None:
        """How many patients a judgement takes; nothing when it has been reached or cannot be."""
        if self.whole.verdict not in (Verdict.RUNNING, Verdict.SMALL, Verdict.NOT_SHOWN):
            return None
        level = STANDING_LEVEL if self.campaign.standing else 0.95
        return enough(self.whole.treated, self.whole.holdout, per_week=self.per_week, level=level)

    @property
    def visible(self) -> float | None:
        """The smallest difference of shares these groups would show."""
        both = self.whole.treated + self.whole.holdout
        if not self.whole.treated.n or not self.whole.holdout.n:
            return None
        return smallest_visible(self.whole.treated.n, self.whole.holdout.n, both.came / both.n)


def report(campaign: Campaign) -> Report:
    """The figures of the last counted night, compared. Three queries."""
    last = CampaignResult.objects.filter(campaign=campaign).order_by("-as_of").values("as_of")[:1]
    rows = list(CampaignResult.objects.filter(campaign=campaign, as_of=last))
    if not rows:
        return Report(campaign)
    groups = {row.group: row.figures for row in rows if not row.breakdown}
    facts = groups.get(TREATED, {})
    found = Report(campaign, as_of=rows[0].as_of, facts=facts, holdout=groups.get(HOLDOUT, {}))
    found.only_ended = _only_ended(campaign, groups)
    found.whole = compared(campaign, groups)
    letters = sorted(name for name in groups if name not in (TREATED, HOLDOUT))
    _compare_variants(found, {letter: groups[letter] for letter in letters}, groups.get(HOLDOUT))
    found.segments = _by_segment(found, [row for row in rows if row.breakdown])
    return found


def _only_ended(campaign: Campaign, groups: Mapping[str, Figures]) -> bool:
    """A standing campaign is judged by the windows that have ended, as soon as both groups have some."""
    ended = all((groups.get(name, {}).get("complete") or {}).get("n") for name in (TREATED, HOLDOUT))
    return campaign.standing and not groups.get(TREATED, {}).get("over") and ended


def group_of(figures: Figures | None, only_ended: bool) -> Group:
    if figures and only_ended:
        return Group.of(figures.get("complete"))
    return Group.of(figures)


def compared(campaign: Campaign, groups: Mapping[str, Figures]) -> Estimate:
    """The whole campaign: treated against hold-out."""
    facts = groups.get(TREATED, {})
    only_ended = _only_ended(campaign, groups)
    over = bool(facts.get("over"))
    return estimate(
        group_of(facts, only_ended), group_of(groups.get(HOLDOUT), only_ended), complete=over or only_ended,
        planned_holdout=bool(facts.get("planned_holdout")),
        level=STANDING_LEVEL if only_ended else 0.95,
    )  # fmt: skip


def _compare_variants(found: Report, letters: Mapping[str, Figures], holdout: Figures | None) -> None:
    """Every variant against the hold-out and against every other one, all intervals holding together."""
    names = list(letters)
    pairs = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]]
    level = corrected((len(names) if holdout else 0) + len(pairs))
    complete = bool(found.facts.get("over")) or found.only_ended
    groups = {letter: group_of(figures, found.only_ended) for letter, figures in letters.items()}
    control = group_of(holdout, found.only_ended)
    found.variants = [
        Part(
            letter,
            estimate(groups[letter], control, complete=complete, planned_holdout=bool(control.n), level=level),
            letters[letter].get("promo"), letters[letter].get("funnel"),
        )
        for letter in names
    ]  # fmt: skip
    found.versus = [
        Versus(one, other, estimate(groups[one], groups[other], complete=complete, level=level)) for one, other in pairs
    ]


def _by_segment(found: Report, rows: Iterable[CampaignResult]) -> dict[str, list[Part]]:
    """Per segmentation its segments in their order; the intervals of a segmentation hold together."""
    figures = {(row.group, row.breakdown): row.figures for row in rows}
    codes = {breakdown for _group, breakdown in figures}
    segments = Segment.objects.filter(segmentation__code__in={code.partition(":")[0] for code in codes})
    parts: dict[str, list[Segment]] = {}
    for segment in segments.select_related("segmentation").order_by("segmentation__position", "position", "code"):
        if f"{segment.segmentation.code}:{segment.code}" in codes:
            parts.setdefault(str(segment.segmentation), []).append(segment)
    complete = bool(found.facts.get("over")) or found.only_ended
    return {
        division: [
            _segment_part(segment, figures, complete, found.only_ended, corrected(len(members))) for segment in members
        ]
        for division, members in parts.items()
    }


def _segment_part(
    segment: Segment, figures: Mapping[tuple[str, str], Figures], complete: bool, only_ended: bool, level: float
) -> Part:
    code = f"{segment.segmentation.code}:{segment.code}"
    treated, holdout = (group_of(figures.get((name, code)), only_ended) for name in (TREATED, HOLDOUT))
    compared_ = estimate(treated, holdout, complete=complete, planned_holdout=bool(holdout.n), level=level)
    return Part(str(segment), compared_, colour=segment.colour)


# --- Campaigns together -----------------------------------------------------------------------------------------
PERIODS = {"90": 90, "365": 365, "all": None}


@dataclass(frozen=True)
class PoolFilter:
    """What the reader asks for; unknown words of the address mean nothing."""

    period: str = "365"
    channel: str = ""
    offer: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "PoolFilter":
        period, channel, offer = query.get("period", ""), query.get("channel", ""), query.get("offer", "")
        known = offer.isascii() and offer.isdigit() and len(offer) < 19
        return cls(
            period=period if period in PERIODS else "365",
            channel=channel if channel in Channel.values else "",
            offer=int(offer) if known else None,
        )


@dataclass(frozen=True)
class Line:
    """A campaign among the others. `month`: of its first message; `judged`: every counted window has ended."""

    campaign: Campaign
    estimate: Estimate
    as_of: dt.date
    month: dt.date
    judged: bool

    @property
    def stratum(self) -> Stratum:
        return Stratum(self.estimate.treated, self.estimate.holdout)

    @property
    def counts(self) -> bool:
        """Whether it is in the pool: both groups, and nothing that is still being counted."""
        return self.judged and self.stratum.complete


def lines(asked: PoolFilter, today: dt.date) -> list[Line]:
    """Every campaign that was counted, the latest first. Three queries."""
    found = Campaign.objects.filter(asked_for(asked, today), launched_at__isnull=False).distinct()
    campaigns = {campaign.pk: campaign for campaign in found}
    made = []
    for pk, (groups, as_of) in latest_results(campaigns).items():
        facts, campaign = groups.get(TREATED, {}), campaigns[pk]
        first = facts.get("first_due")
        if as_of is None or not first:
            continue
        judged = bool(facts.get("over")) or _only_ended(campaign, groups)
        month = dt.date.fromisoformat(str(first)).replace(day=1)
        made.append(Line(campaign, compared(campaign, groups), as_of, month, judged))
    return sorted(made, key=lambda line: (line.month, line.campaign.pk), reverse=True)


def asked_for(asked: PoolFilter, today: dt.date) -> Q:
    wanted = Q()
    days = PERIODS[asked.period]
    if days:
        # A standing campaign belongs to every period it ran in.
        since = today - dt.timedelta(days=days)
        wanted &= Q(launched_at__date__gte=since) | Q(standing=True, ended_at__isnull=True)
    if asked.channel:
        wanted &= Q(channels__contains=[asked.channel])
    if asked.offer:
        wanted &= Q(variants__offer=asked.offer)
    return wanted


def together(found: Iterable[Line]) -> Pooled | None:
    return pooled([line.stratum for line in found if line.counts])


def pool_needs(whole: Pooled, per_week: float) -> Enough:
    """How many patients the pool takes, at its difference; the hold-out's share stays as it is."""
    shifted = round(whole.treated.n * ((whole.holdout.share or 0.0) + whole.difference.value))
    treated = Group(n=whole.treated.n, came=min(max(shifted, 0), whole.treated.n))
    return enough(treated, whole.holdout, per_week=per_week)


def pace(found: Iterable[Line], today: dt.date, days: int = 90) -> float:
    """Patients a week, both groups, of the campaigns that began within so many days."""
    since = today - dt.timedelta(days=days)
    recent = [line for line in found if line.campaign.launched_at and line.campaign.launched_at.date() >= since]
    return sum(line.estimate.treated.n + line.estimate.holdout.n for line in recent) / (days / WEEK)


def offers_used() -> list[tuple[str, str]]:
    """Offers of launched campaigns, for the filter."""
    used = Campaign.objects.filter(launched_at__isnull=False).values("variants__offer")
    return [(str(offer.pk), offer.name) for offer in Offer.objects.filter(pk__in=used)]
