"""How results are written in pages."""

from django import template

from campaigns.attribution import Verdict
from campaigns.reports.result_words import verdict_label

register = template.Library()


@register.filter
def verdict(value: str) -> str:
    """What may be said of a result, in a word or two."""
    return verdict_label(Verdict(value))
