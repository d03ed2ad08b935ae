"""Campaigns on the first page: income against the hold-out, and how much of the base is reached."""

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import ReachTotal
from campaigns.reports import result_words as words
from campaigns.selectors import results
from patients import wording
from segmentation.reports.headlines import GOOD_REACH

PERIODS = ("90", "365")


def tiles(as_of: dt.date) -> list[dict[str, Any]]:
    """Variables of components/_stat.html; nothing while there has been no campaign. Seven queries at most."""
    reach = ReachTotal.objects.filter(as_of__lte=as_of).first()
    everything = results.lines(results.PoolFilter(period="all"), as_of)
    if not everything and (reach is None or not reach.messages):
        return []
    return [*(_income(period, results.lines(results.PoolFilter(period=period), as_of)) for period in PERIODS),
            *([_reach(reach)] if reach else [])]  # fmt: skip


def _income(period: str, lines: list[results.Line]) -> dict[str, Any]:
    whole = results.together(lines)
    url = f"{reverse('pooled_results')}?period={period}"
    days = wording.days(results.PERIODS[period])
    label = _("Income against hold-out, %(days)s") % {"days": days}
    if whole is None:
        of = _("no finished campaign with a hold-out")
        return {"term": "campaign_income", "label": label, "value": wording.DASH, "of": of, "url": url}
    campaigns = ngettext("%(n)s campaign", "%(n)s campaigns", whole.campaigns) % {"n": whole.campaigns}
    sure = whole.money.excludes_zero
    return {
        "term": "campaign_income", "label": label, "value": words.signed_short(whole.money.value), "url": url,
        "of": f"{words.money_between(whole.money)}; {campaigns}",
        "notice": "" if sure else _("may be chance"),
    }  # fmt: skip


def _reach(total: ReachTotal) -> dict[str, Any]:
    low, high = GOOD_REACH
    share = total.share
    notice = ""
    if share is not None and share < low:
        notice = _("below the good range")
    elif share is not None and share > high:
        notice = _("above the good range: do not tire the base")
    of = _("%(reached)s of %(base)s; good is %(low)s–%(high)s") % {
        "reached": wording.number(total.reached), "base": wording.number(total.patients), "low": round(low * 100),
        "high": wording.share(high),
    }  # fmt: skip
    return {"term": "reached", "value": wording.share(share, 1 if share and share < 0.1 else 0), "of": of,
            "notice": notice}  # fmt: skip
