"""The rules on the first page: how many work, what they sent, what that brought against the hold-outs."""

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.attribution import pooled
from campaigns.reports import result_words
from patients import wording
from triggers.reports.communication_map import DAYS
from triggers.selectors import counts, rule_results, rules


def tiles(today: dt.date, *, with_results: bool) -> list[dict[str, Any]]:
    """Variables of components/_stat.html; nothing while there is no rule. Four queries at most."""
    every = list(rules.listed())
    if not every:
        return []
    volumes = counts.volumes(today - dt.timedelta(days=DAYS - 1), rules=[rule.pk for rule in every])
    made = [_on(every), _sent(list(volumes.values()))]
    return [*made, _brought(every)] if with_results else made


def _on(every: list[Any]) -> dict[str, Any]:
    on = sum(rule.enabled for rule in every)
    of = ngettext("of %(n)s rule", "of %(n)s rules", len(every)) % {"n": wording.number(len(every))}
    failed = sum(bool(rule.error) for rule in every if rule.enabled)
    notice = ngettext("%(n)s could not look", "%(n)s could not look", failed) % {"n": failed} if failed else ""
    return {
        "term": "rule", "label": _("Rules that are on"), "value": wording.number(on), "of": of, "notice": notice,
        "url": reverse("triggers"),
    }  # fmt: skip


def _sent(volumes: list[counts.Volume]) -> dict[str, Any]:
    sent, found = sum(volume.sent for volume in volumes), sum(volume.found for volume in volumes)
    unhappy = sum(volume.events.get(kind, 0) for volume in volumes for kind in ("complained", "unsubscribed"))
    of = ngettext("for %(n)s occasion", "for %(n)s occasions", found) % {"n": wording.number(found)}
    if unhappy:
        left = ngettext("%(n)s complained or unsubscribed", "%(n)s complained or unsubscribed", unhappy)
        of += "; " + left % {"n": wording.number(unhappy)}
    label = _("Messages of rules, %(days)s") % {"days": wording.days(DAYS)}
    return {"label": label, "value": wording.number(sent), "of": of, "url": reverse("triggers")}


def _brought(every: list[Any]) -> dict[str, Any]:
    """All rules with a hold-out together. One patient may be in several rules: the interval is a little too narrow."""
    reports = [found for found in rule_results.reports(every).values() if found.only_ended]
    whole = pooled([found.stratum for found in reports])
    label = _("Income of rules against hold-out")
    url = f"{reverse('triggers')}?state=on"
    if whole is None:
        of = _("no rule with a hold-out has been judged yet")
        return {"term": "campaign_income", "label": label, "value": wording.DASH, "of": of, "url": url}
    said = ngettext("%(n)s rule", "%(n)s rules", whole.campaigns) % {"n": whole.campaigns}
    return {
        "term": "campaign_income", "label": label, "value": result_words.signed_short(whole.money.value), "url": url,
        "of": f"{result_words.money_between(whole.money)}; {said}",
        "notice": "" if whole.money.excludes_zero else _("may be chance"),
    }  # fmt: skip
