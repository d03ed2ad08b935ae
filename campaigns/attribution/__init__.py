"""What a campaign brought: estimates with their intervals, from counts and sums alone. Pure: no Django, no clock.

A campaign is a randomised experiment: who is written to (treated) and who is not (hold-out) is decided by a hash, and
both groups are watched through the same window of days. `groups` says what is known about a group, `shares` compares
the shares that came, `money` the money per patient, `pooled` puts campaigns together, `enough` says how many patients
are needed. docs/results.md tells the same with the formulas and how they were checked.
"""

from campaigns.attribution.enough import Enough, enough, smallest_visible
from campaigns.attribution.groups import Group, Interval
from campaigns.attribution.money import money_difference, payers_enough
from campaigns.attribution.pooled import Pooled, Stratum, pooled
from campaigns.attribution.shares import chance, corrected, share_difference, share_interval
from campaigns.attribution.verdict import Estimate, Verdict, estimate

__all__ = [
    "Enough",
    "Estimate",
    "Group",
    "Interval",
    "Pooled",
    "Stratum",
    "Verdict",
    "chance",
    "corrected",
    "enough",
    "estimate",
    "money_difference",
    "payers_enough",
    "pooled",
    "share_difference",
    "share_interval",
    "smallest_visible",
]
