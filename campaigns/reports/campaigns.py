"""Sentences about campaigns: above the list and on the page of one."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.selectors.listing import Overview
from patients import wording


def list_headline(found: Overview, sent: int) -> str:
    """What runs, what waits for a person, what went out within 30 days."""
    if not found.any:
        return _("No campaign has been made yet. The first one takes about five minutes.")
    parts = [_running(found.active)]
    if found.waiting:
        waits = ngettext("%(n)s waits for approval", "%(n)s wait for approval", found.waiting)
        parts.append(waits % {"n": wording.number(found.waiting)})
    if found.paused:
        paused = ngettext("%(n)s is paused", "%(n)s are paused", found.paused)
        parts.append(paused % {"n": wording.number(found.paused)})
    if found.drafts:
        drafts = ngettext("%(n)s is a draft", "%(n)s are drafts", found.drafts)
        parts.append(drafts % {"n": wording.number(found.drafts)})
    first = f"{', '.join(parts)}."
    if not sent:
        return first
    went = ngettext(
        "Campaigns launched within 30 days have sent %(n)s message.",
        "Campaigns launched within 30 days have sent %(n)s messages.",
        sent,
    )
    return f"{first} {went % {'n': wording.number(sent)}}"


def _running(active: int) -> str:
    if not active:
        return _("No campaign is running")
    return ngettext("%(n)s campaign is running", "%(n)s campaigns are running", active) % {"n": wording.number(active)}
