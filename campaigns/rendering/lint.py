"""A text looked over before it is saved: what is broken, what the law forbids, what mail services dislike (F10)."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode

from campaigns.rendering import blocks, law, liquid_env, mail, sms, variables, wording
from campaigns.rendering.asked import Asked, at, only_words
from campaigns.rendering.compiling import Compiled, compile_text
from campaigns.rendering.problems import ERROR, WARNING, Problem
from campaigns.rendering.program import NotRendered, render
from campaigns.rendering.protecting import Protected

LONG_SUBJECT, MANY_PARTS, MAIL_SIZE = 60, 3, 100_000
_SHORTENER_LIST = "bit.ly clck.ru vk.cc tinyurl.com goo.su goo.gl t.co is.gd u.to cutt.ly ow.ly rb.gy surl.li qps.ru"
SHORTENERS = frozenset(_SHORTENER_LIST.split())


def look(asked: Asked, compiled: Compiled | None = None) -> list[Problem]:
    """Every problem, errors first, then by place."""
    compiled = compiled or compile_text(asked.channel, asked.subject, asked.preheader, asked.body, asked.language)
    found = list(compiled.problems)
    if not asked.body.strip():
        found.append(Problem("empty", ERROR, "body", 0, _("The text is empty.")))
    elif not compiled.broken:
        found += [*_dry_run(compiled, asked), *_missing_values(asked), *law.legal(asked, compiled), *_links(asked)]
        found += [*_mail(asked, compiled)] if asked.channel == "email" else [*_sms(asked, compiled)]
    found += law.secrets(asked)
    found += law.promises(asked)
    order = {"subject": 0, "preheader": 1, "body": 2}
    unique = {(p.code, p.field, p.line, p.column): p for p in found}
    return sorted(unique.values(), key=lambda p: (not p.is_error, order.get(p.field, 3), p.line, p.column))


def _dry_run(compiled: Compiled, asked: Asked) -> Iterator[Problem]:
    """Filled with the examples, and for somebody of whom little is known: what fails here would fail for patients."""
    for full in (True, False):
        try:
            filled = render(compiled, variables.sample(asked.language, full))
        except NotRendered as error:
            yield Problem("cannot_be_filled", ERROR, error.field or "body", error.line, error.message)
            return
        yield from mail.unsafe(filled.html)  # Liquid can write tags the sanitiser of the source never sees


# --- Values that may be missing -----------------------------------------------------------------------------------
def _missing_values(asked: Asked) -> Iterator[Problem]:
    for field, source in (("subject", asked.subject), ("body", asked.body)):
        if field == "subject" and asked.channel != "email":
            continue
        template = liquid_env.environment(False).from_string(source)
        for path, index in _bare(template.nodes, frozenset()):
            message = _("“%(name)s” is not known for some patients. Say what to write then: "
                        "{{ %(name)s | default: \"…\" }}") % {"name": path}  # fmt: skip
            yield at("may_be_missing", WARNING, field, source, index, message)


def _bare(nodes: Collection[Node], guarded: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Outputs of optional values without a default, outside of conditions that ask for them."""
    for node in nodes:
        if isinstance(node, OutputNode):
            expression = node.expression
            if isinstance(expression, FilteredExpression) and isinstance(expression.left, Path):
                path = str(expression.left)
                known = variables.BY_PATH.get(path)
                with_default = any(one.name == "default" for one in expression.filters or ())
                personal = path.split(".")[0] not in ("clinic", "offer", "branch")
                asked_for = path in guarded or path.split(".")[0] + ".*" in guarded
                if known and known.optional and personal and not with_default and not asked_for:
                    yield path, node.token.start_index
            continue
        asked = {str(one) for expression in node.expressions() for one in _paths(expression)}
        roots = {
            path.split(".")[0] + ".*" for path in asked if path.startswith(("last_visit", "appointment", "doctor"))
        }
        context = None
        children = list(node.children(context, include_partials=False))  # type: ignore[arg-type]
        yield from _bare(children, guarded | asked | roots)


def _paths(expression: object) -> Iterator[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in getattr(expression, "children", list)():
        yield from _paths(child)


# --- Links, pictures, form ------------------------------------------------------------------------------------------
def _links(asked: Asked) -> Iterator[Problem]:
    for match in re.finditer(r"https?://[^\s<>\"'()\]]+", asked.body):
        address, host = match[0], (urlsplit(match[0]).hostname or "").removeprefix("www.")
        if host in SHORTENERS:
            message = _("“%(host)s” shortens links and is on many block lists. Put the full address: the portal "
                        "makes it short by itself.") % {"host": host}  # fmt: skip
            yield at("shortener", WARNING, "body", asked.body, match.start(), message)
        elif address.startswith("http://"):
            message = _("An address without encryption: use https://.")
            yield at("http_link", WARNING, "body", asked.body, match.start(), message)
        if "{{" in asked.body[match.start() : match.end()] and "{{" in address:
            message = _("A link with a variable inside is not counted. A whole {{ offer.url }} is.")
            yield at("uncounted_link", WARNING, "body", asked.body, match.start(), message)


def _addresses(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
    """Links that lead nowhere: without https://, without a site, to a variable that is no address."""
    whole = {f"{{{{ {path} }}}}" for path in variables.ADDRESSES}
    for address in [*re.findall(r'\shref="([^"]*)"', compiled.html), *compiled.links]:
        said = " ".join(unescape(address).split())
        if re.match(r"(mailto|tel):.", said) or said in whole or re.fullmatch(r"\{\{ link_\d+ \}\}", said):
            continue
        if re.match(r"https?://", said) and (urlsplit(said.replace("{", "").replace("}", "")).hostname or ""):
            continue
        message = _("“%(address)s” is not an address: it begins with https:// and names a site.")
        index = max(asked.body.find(said), 0)
        yield at("bad_link", ERROR, "body", asked.body, index, message % {"address": said[:80]})


def _mail(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
    subject = asked.subject.strip()
    if not subject:
        yield Problem("no_subject", ERROR, "subject", 0, _("A mail needs a subject."))
    said = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", subject)
    if len(said) > LONG_SUBJECT:
        message = _("The subject has %(n)s characters; phones show about %(most)s.")
        yield Problem("long_subject", WARNING, "subject", 1, message % {"n": len(said), "most": LONG_SUBJECT}, 1)
    if wording.shouting(said):
        yield Problem("capitals", WARNING, "subject", 1, _("CAPITALS in the subject look like spam."), 1)
    if re.search(r"[!?]{2,}", said):
        yield Problem("exclamations", WARNING, "subject", 1, _("Rows of “!” and “?” look like spam: one is enough."), 1)
    if not asked.preheader.strip():
        message = _("Without a preheader the list of mails shows the first words of the letter.")
        yield Problem("no_preheader", WARNING, "preheader", 0, message)
    if len(compiled.html.encode()) > MAIL_SIZE:
        message = _("The letter is larger than 100 KB: some mail services cut it off, the link to unsubscribe with it.")
        yield Problem("large", WARNING, "body", 0, message)
    yield from _addresses(asked, compiled)
    yield from _pictures(asked, compiled)


def _pictures(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
    source = asked.body
    if blocks.is_mjml(source):
        protected = Protected()
        hidden = protected.hide(source)
        found = [(one["src"], one["alt"], protected.position(one["at"])) for one in mail.pictures(hidden)]
    else:
        found = [(m[2], m[1], m.start()) for m in blocks.PICTURE.finditer(source)]
    for address, words, index in found:
        if not words.strip():
            message = _("A picture without words: many mail programs show none until asked. Say what it shows.")
            yield at("picture_without_words", ERROR, "body", source, index, message)
        if not address.startswith("https://"):
            message = _("The address of a picture begins with https://.")
            yield at("picture_address", ERROR, "body", source, index, message)
    if found and len(re.sub(r"\W", "", only_words(compiled.plain))) < 60:
        message = _("The letter is hardly more than a picture: spam filters and readers without pictures see nothing.")
        yield Problem("only_pictures", WARNING, "body", 0, message)


def _sms(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
    if asked.channel != "sms":
        return
    try:
        filled = render(compiled, variables.sample(asked.language)).plain
    except NotRendered:
        return
    counted = sms.parts(filled)
    if counted.parts > MANY_PARTS:
        message = _("About %(n)s parts (%(encoding)s): each is paid for. Shorten the text.")
        yield Problem(
            "many_parts", WARNING, "body", 0, message % {"n": counted.parts, "encoding": counted.encoding}
        )  # fmt: skip
    odd = sms.outsiders(only_words(asked.body))
    if odd and not re.search(r"[а-яё]", asked.body, re.IGNORECASE):
        message = _("“%(chars)s” halves the room in a part: without it the cheaper alphabet is enough.")
        yield Problem("odd_characters", WARNING, "body", 0, message % {"chars": " ".join(odd[:5])})
    if wording.shouting(only_words(asked.body)):
        yield Problem("capitals", WARNING, "body", 0, _("CAPITALS look like spam."))


def placed(problem: Problem, where: str, template_id: int) -> Problem:
    """The same problem, said of a campaign."""
    return replace(problem, where=where, template_id=template_id)
