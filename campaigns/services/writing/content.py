"""Templates change by new versions only: saving, going back, archiving."""

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from campaigns import rendering
from campaigns.models import Link, Template, TemplateText
from campaigns.rendering.compiling import OFFER_URL
from campaigns.services.writing.starters import STARTERS

LONGEST = 100_000  # characters of a text


class NotSaved(ValueError):
    """The text cannot become a version; `problems` says why, with the places."""

    def __init__(self, problems: list[rendering.Problem]) -> None:
        super().__init__("; ".join(str(problem.message) for problem in problems))
        self.problems = problems


def save_text(
    template: Template, language: str, subject: str, preheader: str, body: str, user: Any = None
) -> TemplateText:
    """A new version, compiled and current, with its links. The same text again gives the version that is there.

    Two people saving at once get two versions, one after the other: the template's row is locked.
    """
    compiled = rendering.compile_text(template.channel, subject.strip(), preheader.strip(), body, language)
    if not compiled.body.strip():
        empty = rendering.Problem("empty", rendering.ERROR, "body", 0, _("The text is empty."))
        raise NotSaved([empty])
    if compiled.broken:
        raise NotSaved([problem for problem in compiled.problems if problem.is_error])
    with transaction.atomic():
        Template.objects.select_for_update().get(pk=template.pk)
        versions = TemplateText.objects.filter(template=template, language=language)
        current = versions.filter(current=True).first()
        if current is not None and _same(current, compiled):
            return current
        versions.filter(current=True).update(current=False)
        text = TemplateText.objects.create(
            template=template, language=language, current=True, made_by=user,
            version=(versions.aggregate(last=Max("version"))["last"] or 0) + 1,
            subject=compiled.subject, preheader=compiled.preheader, body=compiled.body,
            html=compiled.html, plain=compiled.plain,
        )  # fmt: skip
        Link.objects.bulk_create(
            Link(text=text, position=position, url=url) for position, url in enumerate(compiled.links, 1)
        )
    return text


def _same(text: TemplateText, compiled: rendering.Compiled) -> bool:
    written = (text.subject, text.preheader, text.body, text.html, text.plain)
    return written == (compiled.subject, compiled.preheader, compiled.body, compiled.html, compiled.plain)


def make_current(text: TemplateText) -> None:
    """Go back (or forward) to a version that is there. Campaigns already launched keep what they froze."""
    with transaction.atomic():
        Template.objects.select_for_update().get(pk=text.template_id)
        versions = TemplateText.objects.filter(template_id=text.template_id, language=text.language)
        versions.filter(current=True).exclude(pk=text.pk).update(current=False)
        versions.filter(pk=text.pk).update(current=True)


def archive(item: Any, now: dt.datetime | None) -> None:
    """Put an offer or a template aside, or (without a time) take it back. What uses it goes on."""
    type(item).objects.filter(pk=item.pk).update(archived_at=now)


def target_of(link: Link, offer_url: str) -> str:
    """Where a link leads: its stored address, or the page of the message's offer."""
    return offer_url if link.url == OFFER_URL else link.url


def ensure_defaults(user: Any = None, language: str = "ru") -> list[Template]:
    """The texts to begin with, those that are not there yet; the new ones. Safe to call twice and at once."""
    made = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('campaigns.content.ensure_defaults'))")
        known = set(Template.objects.values_list("name", "channel"))
        for starter in STARTERS:
            if any((name, starter.channel) in known for name in starter.names.values()):
                continue
            template = Template.objects.create(
                name=starter.names.get(language, starter.names["en"]), channel=starter.channel,
                purpose=starter.purpose, created_by=user,
            )  # fmt: skip
            for code, words in starter.texts.items():
                save_text(template, code, words.subject, words.preheader, words.body, user)
            made.append(template)
    return made
