"""A text as written → what is kept with its version: HTML and plain text with Liquid inside, links, problems."""

import re
from dataclasses import dataclass, field
from typing import Any

from campaigns.rendering import blocks, mail
from campaigns.rendering.liquid_env import parse
from campaigns.rendering.problems import Problem
from campaigns.rendering.protecting import Protected

OFFER_URL = "{{ offer.url }}"
_URL = re.compile(r"https?://[^\s<>\"'()\[\]]{1,2000}[^\s<>\"'()\[\].,;:!?]")


@dataclass(slots=True)
class Compiled:
    """`links[i]` is the target of `{{ link_<i + 1> }}`; `{{ offer.url }}` as a target is the offer's own page."""

    channel: str
    subject: str
    preheader: str
    body: str
    html: str = ""
    plain: str = ""
    links: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _program: Any = None

    @property
    def broken(self) -> bool:
        return any(problem.is_error for problem in self.problems)


def compile_text(channel: str, subject: str, preheader: str, body: str, language: str = "ru") -> Compiled:
    """Compile once, when a version is saved. With errors nothing is compiled and `problems` says why."""
    body = body.replace("\r\n", "\n")
    compiled = Compiled(channel, subject, preheader, body)
    fields = {"subject": subject, "preheader": preheader, "body": body}
    if channel != "email":
        fields = {"body": body}
        compiled.subject = compiled.preheader = ""
    for name, source in fields.items():
        compiled.problems += parse(source, name)
    if compiled.broken:
        return compiled
    if channel == "email":
        _mail(compiled, language)
    else:
        _words_only(compiled)
    return compiled


class _Links:
    """The links of a text in order; the same address is the same link."""

    def __init__(self, protected: Protected) -> None:
        self.protected = protected
        self.targets: list[str] = []

    def name(self, address: str) -> str:
        """The hidden `{{ link_N }}` of an address that can be counted; other addresses stay."""
        target = address.strip()
        liquid = self.protected.liquid(target)
        if liquid and re.sub(r"\s+", " ", liquid) == OFFER_URL:
            target = OFFER_URL
        elif not re.match(r"https?://", target) or "qLq" in target:
            return address
        if target not in self.targets:
            self.targets.append(target)
        return self.protected.word(f"{{{{ link_{self.targets.index(target) + 1} }}}}")

    def in_words(self, text: str) -> str:
        """Addresses standing in plain text, `{{ offer.url }}` among them."""
        text = _URL.sub(lambda m: self.name(m[0]), text)
        return re.sub(r"qLq\d+z", lambda m: self.name(m[0]), text)


def _mail(compiled: Compiled, language: str) -> None:
    protected = Protected()
    preheader = protected.hide(compiled.preheader)
    hidden = protected.hide(compiled.body)
    if blocks.is_mjml(compiled.body):
        compiled.problems += mail.checked(compiled.body, hidden, protected)
        if compiled.broken:
            return
        mjml = mail.sanitised(mail.with_raw_tags(hidden, protected))
    else:
        mjml, problems = blocks.to_mjml(hidden, protected, language)
        compiled.problems += problems
    if compiled.broken:
        return
    html, problems = mail.to_html(mail.with_preheader(mjml, preheader))
    compiled.problems += problems
    if compiled.broken:
        return
    links = _Links(protected)
    compiled.html = protected.restore(mail.with_links(html, links.name))
    compiled.plain = protected.restore(links.in_words(mail.to_plain(mjml, links.name)))
    compiled.links = links.targets


def _words_only(compiled: Compiled) -> None:
    protected = Protected()
    hidden = protected.hide(compiled.body.strip())
    links = _Links(protected)
    if compiled.channel == "sms":
        hidden = links.in_words(hidden)
    compiled.plain = protected.restore(hidden)
    compiled.links = links.targets
