"""Every message of a rule to oneself, by the real channels, before any patient gets one."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import Channel, Language, Template, TemplateText
from campaigns.services.writing import previews
from triggers.models import TriggerRule, TriggerStep
from triggers.selectors import ladder


@dataclass(frozen=True)
class Trial:
    """What became of one message. A call has no address: its `script` is shown instead."""

    position: int
    channel: str
    template: Template
    sent: bool
    words: str = ""
    script: str = ""

    @property
    def channel_name(self) -> str:
        return str(Channel(self.channel).label)


def send(rule: TriggerRule, to: Mapping[str, str], language: str, now: datetime.datetime) -> list[Trial]:
    """Each step by each of its channels that has an address in `to`. Nothing of it stands in the ledger."""
    found = []
    for position, step in enumerate(ladder.current(rule), 1):
        chosen = {row.channel: row.template for row in step.templates.select_related("template")}
        for code in Channel.values:
            if code in chosen and (code == Channel.CALL or to.get(code)):
                found.append(_one(position, step, code, chosen[code], to.get(code, ""), language, now))
    return found


def _one(
    position: int, step: TriggerStep, channel: str, template: Template, to: str, language: str, now: datetime.datetime
) -> Trial:
    written = text_of(template, language)
    if written is None:
        return Trial(position, channel, template, False, _("The template has no text."))
    if channel == Channel.CALL:
        shown = previews.preview(template, written, None, step.offer, now)
        script = shown.rendered.plain if shown.rendered else ""
        return Trial(position, channel, template, bool(script), shown.failure, script)
    try:
        previews.send_test(template, written, None, step.offer, to, now)
    except previews.NotSent as problem:
        return Trial(position, channel, template, False, str(problem))
    return Trial(position, channel, template, True)


def text_of(template: Template, language: str) -> previews.Written | None:
    """The current text in this language, else in the other one."""
    texts = {text.language: text for text in TemplateText.objects.filter(template=template, current=True)}
    text = texts.get(language) or texts.get(Language.RU) or next(iter(texts.values()), None)
    return previews.Written(text.language, text.subject, text.preheader, text.body) if text else None
