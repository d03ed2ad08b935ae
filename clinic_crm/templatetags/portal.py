"""How the portal writes numbers, terms, cards and charts. Described for builders of pages in docs/ui.md."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clinic_crm.glossary import TERMS
from patients import wording
from patients.selectors.contacts import readable_phone
from segmentation.reports.moves import cause_words

register = template.Library()


def _of_template(writer: Callable[..., str]) -> Callable[..., str]:
    """A template hands an empty string for what is not there (`part.total.ltv` without a total); it is no figure."""

    @wraps(writer)
    def filter_(value: Any, *args: Any) -> str:
        return writer(None if value == "" else value, *args)

    return filter_


for _writer in (
    wording.number,
    wording.money,
    wording.money_short,
    wording.share,
    wording.signed,
    wording.signed_money,
    wording.signed_share,
    wording.points,
    wording.day,
    wording.short_day,
    wording.month,
    wording.duration,
    wording.days,
    wording.patients_count,
    wording.age,
    wording.on_colour,
    wording.percentage_points,
    wording.moves_count,
    wording.of_segmentation,
    wording.of_money,
    wording.css_number,
    wording.css_percent,
    cause_words,
):
    register.filter(_writer.__name__, _of_template(_writer))
register.filter(readable_phone)


@register.filter
def cell(value: Any, kind: str) -> str:
    """A figure in the table behind a chart, written as its column says."""
    return wording.by_kind(value, kind)


@register.filter
def with_kinds(row: list[Any], columns: list[tuple[str, str]]) -> list[tuple[Any, str]]:
    """The values of a row, each with the kind of its column."""
    return [(value, kind) for value, (_label, kind) in zip(row, columns, strict=True)]


@register.simple_tag
def term(code: str, word: str = "") -> SafeString:
    """A word with its definition on hover and focus; the words are in clinic_crm.glossary."""
    known = TERMS[code]
    return format_html(
        '<button type="button" class="term" data-term="{}">{}</button>', known.meaning, word or known.word
    )


@register.simple_block_tag
def card(content: str, title: str = "", note: str = "", term: str = "", css: str = "") -> SafeString:
    """A card around what stands between the tags; see templates/components/_card.html."""
    context = {
        "content": content, "title": title, "note": note, "css": css, "meaning": TERMS[term].meaning if term else ""
    }  # fmt: skip
    return SafeString(render_to_string("components/_card.html", context))


@register.simple_block_tag
def page_header(
    content: str, title: str, sentence: str = "", up_url: str = "", up_label: str = "", colour: str = ""
) -> SafeString:
    """Title, one sentence on what the numbers mean today, and between the tags the actions."""
    context = {
        "actions": SafeString(content.strip()), "title": title, "sentence": sentence,
        "up_url": up_url, "up_label": up_label, "colour": colour,
    }  # fmt: skip
    return SafeString(render_to_string("components/_page_header.html", context))


@register.simple_tag
def patient_url(pk: int) -> str:
    """The address of a patient's card."""
    return reverse("patient", args=[pk])
