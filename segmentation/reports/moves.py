"""Why a patient moved, in words; and whether the move is for the better."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segmentation.kinds import reason_label
from segmentation.kinds.clusters import pull_words
from segmentation.models import Segment
from segmentation.selectors.flows import Cause

_FELL: dict[str, str | Promise] = {
    "r": _("recency fell"), "f": _("frequency fell"), "m": _("money fell"), "band": _("profit fell"),
}  # fmt: skip
_ROSE: dict[str, str | Promise] = {
    "r": _("recency rose"), "f": _("frequency rose"), "m": _("money rose"), "band": _("profit rose"),
}  # fmt: skip

# How good it is to be in a segment: the larger, the worse. Segments that are not named have no place in the order.
_RANKS: dict[str, dict[str, int]] = {
    "rfm": {
        "champions": 0, "loyal": 1, "promising": 2, "new": 2, "needs_attention": 3, "at_risk": 4, "cant_lose": 4,
        "hibernating": 5, "lost": 6,
    },
    "value": {"vip": 0, "stable": 1, "one_off": 2, "unprofitable": 3},
    "satisfaction": {"a": 0, "b": 1, "v": 1, "d": 2, "g": 3},
    "lifecycle": {"new": 0, "active": 0, "due": 1, "overdue": 2, "lost": 3},
    "falling": {"steady": 0, "falling": 1},
}  # fmt: skip


def direction(kind: str, source: Segment, target: Segment) -> int:
    """−1 for the worse, +1 for the better, 0 when neither can be said."""
    ranks = _RANKS.get(kind, {})
    if source.code not in ranks or target.code not in ranks:
        return 0
    before, after = ranks[source.code], ranks[target.code]
    return (before > after) - (before < after)


def cause_words(cause: dict[str, Any] | None) -> str:
    """`{"r": [5, 3]}` → "recency fell"; several causes are joined."""
    said = cause or {}
    words = [str(reason_label(code)) for code in said.get("reasons", [])]
    # The database keeps the names of a cause in an order of its own.
    for name in (name for name in _FELL if name in said):
        before, after = said[name]
        words.append(str(_FELL[name] if after < before else _ROSE[name]))
    if drawn := pull_words(said):
        words.append(drawn)
    return ", ".join(words) or gettext("cause not recorded")


@dataclass
class Reason:
    """One cause in words, with how many moves it explains and the money of those patients."""

    words: str
    moves: int
    money: Decimal
    share: float


def reasons(causes: Iterable[Cause], limit: int = 6) -> list[Reason]:
    """Causes that read the same are one; the most frequent first."""
    counted: dict[str, tuple[int, Decimal]] = {}
    for cause in causes:
        words = cause_words(cause.cause)
        moves, money = counted.get(words, (0, Decimal(0)))
        counted[words] = (moves + cause.moves, money + cause.money)
    total = sum(moves for moves, _money in counted.values())
    ranked = sorted(counted.items(), key=lambda item: (-item[1][0], item[0]))
    return [Reason(words, moves, money, moves / total) for words, (moves, money) in ranked[:limit]]
