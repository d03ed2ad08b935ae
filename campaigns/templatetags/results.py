"""How results and decisions are written in pages."""

import datetime as dt

from django import template
from django.utils import timezone

from campaigns.attribution import Verdict
from campaigns.models import Message
from campaigns.reports import decisions
from campaigns.reports.result_words import verdict_label
from campaigns.selectors.of_patient import Decision

register = template.Library()


@register.filter
def verdict(value: str) -> str:
    """What may be said of a result, in a word or two."""
    return verdict_label(Verdict(value))


@register.filter
def decided(message: Message) -> str:
    """What was decided and done about a row of the ledger."""
    return decisions.of_message(message)


@register.filter
def told(decision: Decision) -> str:
    """Why a campaign wrote to a patient, or why not."""
    return decisions.told(decision)


@register.filter
def local_day(moment: dt.datetime) -> dt.date:
    """The day of a moment by the clinic's clock."""
    return timezone.localdate(moment)
