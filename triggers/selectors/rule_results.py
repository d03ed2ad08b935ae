"""What rules brought: stored sums as estimates. The firings are not read here."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max

from campaigns.attribution import Enough, Estimate, Group, Stratum, Verdict, enough, estimate, smallest_visible
from campaigns.selectors.results import HOLDOUT, RECENT_WEEKS, STANDING_LEVEL, TREATED, group_of
from triggers.models import RuleResult, TriggerRule

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class RuleReport:
    """A rule against its hold-out as of its last counted night. A rule has no end and is looked at every night: only
    windows that have ended are compared as soon as both groups have some, and the verdict asks for 99 %."""

    rule: TriggerRule
    as_of: dt.date | None = None
    whole: Estimate = field(default_factory=lambda: estimate(Group(), Group()))
    facts: Figures = field(default_factory=dict)
    holdout: Figures = field(default_factory=dict)
    only_ended: bool = False

    @property
    def promo(self) -> Mapping[str, float]:
        """Rules have no code of their own."""
        return {}

    @property
    def per_week(self) -> float:
        """Patients who come into the comparison in a week, both groups."""
        return ((self.facts.get("recent") or 0) + (self.holdout.get("recent") or 0)) / RECENT_WEEKS

    @property
    def needed(self) -> Enough | None:
        """How many patients a judgement takes; nothing when it has been reached or cannot be."""
        if self.whole.verdict not in (Verdict.RUNNING, Verdict.SMALL, Verdict.NOT_SHOWN):
            return None
        return enough(self.whole.treated, self.whole.holdout, per_week=self.per_week, level=STANDING_LEVEL)

    @property
    def visible(self) -> float | None:
        """The smallest difference of shares these groups would show."""
        if not self.whole.treated.n or not self.whole.holdout.n:
            return None
        both = self.whole.treated + self.whole.holdout
        return smallest_visible(
            self.whole.treated.n, self.whole.holdout.n, both.came / both.n, level=STANDING_LEVEL
        )  # fmt: skip

    @property
    def stratum(self) -> Stratum:
        """For putting rules together: both groups, windows that have ended."""
        return Stratum(self.whole.treated, self.whole.holdout)


def report(rule: TriggerRule) -> RuleReport:
    return reports([rule])[rule.pk]


def reports(rules: Iterable[TriggerRule]) -> dict[int, RuleReport]:
    """Of every rule, also of those nothing was counted of. Two queries."""
    asked = {rule.pk: rule for rule in rules}
    rows = RuleResult.objects.filter(rule__in=asked)
    nights = dict(rows.values_list("rule").annotate(Max("as_of")))
    groups: dict[int, dict[str, Figures]] = defaultdict(dict)
    for row in rows.filter(as_of__in=set(nights.values())):
        if nights[row.rule_id] == row.as_of:
            groups[row.rule_id][row.group] = row.figures
    return {pk: _report(rule, nights.get(pk), groups.get(pk, {})) for pk, rule in asked.items()}


def _report(rule: TriggerRule, as_of: dt.date | None, groups: Mapping[str, Figures]) -> RuleReport:
    facts, holdout = groups.get(TREATED, {}), groups.get(HOLDOUT, {})
    ended = all((figures.get("complete") or {}).get("n") for figures in (facts, holdout))
    return RuleReport(
        rule,
        as_of,
        estimate(
            group_of(facts, ended), group_of(holdout, ended), complete=ended,
            planned_holdout=rule.holdout_percent > 0 or bool(holdout.get("n")), level=STANDING_LEVEL,
        ),
        facts,
        holdout,
        ended,
    )  # fmt: skip
