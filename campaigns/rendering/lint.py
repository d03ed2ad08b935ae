"""A text looked over before it is saved: what is broken, what the law forbids, what mail services dislike (F10)."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode

from campaigns.rendering import blocks, liquid_env, mail, sms, variables, wording
from campaigns.rendering.compiling import Compiled, compile_text
from campaigns.rendering.problems import ERROR, WARNING, Problem, place
from campaigns.rendering.program import NotRendered, render
from campaigns.rendering.protecting import Protected

WHOLES = ("last_visit.", "appointment.", "doctor.")
LONG_SUBJECT, MANY_PARTS, MAIL_SIZE = 60, 3, 100_000
_SHORTENER_LIST = "bit.ly clck.ru vk.cc tinyurl.com goo.su goo.gl t.co is.gd u.to cutt.ly ow.ly rb.gy surl.li qps.ru"
SHORTENERS = frozenset(_SHORTENER_LIST.split())
REFUSE = re.compile(
    r"отпис|отказ|\bстоп\b|не\s+(?:звонить|беспокоить|присылать)|\bstop\b|unsubscribe|opt.?out", re.I
)  # fmt: skip
CONTRAINDICATED = re.compile(r"противопоказан[\s\S]{0,120}(?:консультац|специалист|инструкц)|contraindication", re.I)


@dataclass(frozen=True, slots=True)
class Asked:
    """A text and what it is for. `sensitive`: the clinic's services that must not be named in the open."""

    channel: str
    purpose: str
    language: str
    subject: str
    preheader: str
    body: str
    sensitive: Sequence[wording.Sensitive] = ()
    # Of the offer of a campaign, when it is known: whether its service is sensitive. None: not known yet.
    offer_is_sensitive: bool | None = None

    @property
    def marketing(self) -> bool:
        return self.purpose == "marketing"

    @property
    def open_fields(self) -> dict[str, str]:
        """What others can read: on a locked screen, in a list of mails."""
        if self.channel == "email":
            return {"subject": self.subject, "preheader": self.preheader}
        return {"body": self.body} if self.channel == "sms" else {}


def look(asked: Asked, compiled: Compiled | None = None) -> list[Problem]:
    """Every problem, errors first, then by place."""
    compiled = compiled or compile_text(asked.channel, asked.subject, asked.preheader, asked.body, asked.language)
    found = list(compiled.problems)
    if not asked.body.strip():
        found.append(Problem("empty", ERROR, "body", 0, _("The text is empty.")))
    elif not compiled.broken:
        found += [*_dry_run(compiled, asked), *_missing_values(asked), *_legal(asked, compiled), *_links(asked)]
        found += [*_mail(asked, compiled)] if asked.channel == "email" else [*_sms(asked, compiled)]
    found += _secrets(asked)
    found += _promises(asked)
    order = {"subject": 0, "preheader": 1, "body": 2}
    unique = {(p.code, p.field, p.line, p.column): p for p in found}
    return sorted(unique.values(), key=lambda p: (not p.is_error, order.get(p.field, 3), p.line, p.column))


def _at(code: str, severity: str, field: str, source: str, index: int, message: str) -> Problem:
    line, column = place(source, index)
    return Problem(code, severity, field, line, message, column)


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
            yield _at("may_be_missing", WARNING, field, source, index, message)


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


# --- The law -------------------------------------------------------------------------------------------------------
def _legal(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
    used = liquid_env.used(compiled.html or compiled.plain)
    if not asked.marketing:
        if any(path.startswith("offer.") for path in used):
            message = _("A service message with an offer is advertising and needs consent to it (38-FZ, art. 18). "
                        "Take the offer out, or make this a template for advertising.")  # fmt: skip
            yield Problem("offer_in_service", ERROR, "body", 0, message)
        return
    seen = _seen(compiled, asked)
    if any(_WARNING_MARK not in text and not CONTRAINDICATED.search(text) for text, _links_there in seen):
        message = _("Advertising of medical services needs the warning of contraindications (38-FZ, art. 24, part 7). "
                    "Add {{ warning }} or the block :::footer.")  # fmt: skip
        if asked.channel != "email":
            message = _("Advertising of medical services needs the warning of contraindications (38-FZ, art. 24, "
                        "part 7). Add {{ warning }}.")  # fmt: skip
        yield Problem("no_warning", WARNING if asked.channel == "call" else ERROR, "body", 0, message)
    if asked.channel == "email" and any(_UNSUBSCRIBE_MARK not in links for _text, links in seen):
        message = _("A mailing needs a link to unsubscribe (38-FZ, art. 18). Add the block :::footer or "
                    "{{ unsubscribe_url }}.")  # fmt: skip
        yield Problem("no_unsubscribe", ERROR, "body", 0, message)
    elif asked.channel == "sms" and not all(_may_refuse(text) for text, _links_there in seen):
        message = _("Say how to refuse further messages (38-FZ, art. 18), for example: "
                    "“Отказ: {{ unsubscribe_url }}”.")  # fmt: skip
        yield Problem("no_unsubscribe", ERROR, "body", 0, message)
    elif asked.channel == "call" and not all(_may_refuse(text) for text, _links_there in seen):
        message = _("Let the script say that one may refuse further calls (38-FZ, art. 18).")
        yield Problem("no_unsubscribe", WARNING, "body", 0, message)


# Words no text holds by itself, in place of what the law asks for: what of them is there can be seen.
_WARNING_MARK, _UNSUBSCRIBE_MARK = "qxwarningxq", "https://unsubscribe.invalid/qxunsubscribexq"


def _seen(compiled: Compiled, asked: Asked) -> list[tuple[str, str]]:
    """The text that can be read and the addresses that can be clicked, for a patient of whom all is known and for one
    of whom little is. What stands in a condition that does not hold, in a comment or out of sight is not there."""
    found = []
    for full in (True, False):
        marks = {"warning": _WARNING_MARK, "unsubscribe_url": _UNSUBSCRIBE_MARK}
        try:
            filled = render(compiled, {**variables.sample(asked.language, full), **marks})
        except NotRendered:  # said by the dry run
            continue
        if compiled.html:
            found.append(mail.visible(filled.html))
        else:
            found.append((filled.plain, filled.plain))
    return found


def _may_refuse(text: str) -> bool:
    return _UNSUBSCRIBE_MARK in text or bool(REFUSE.search(text) or variables.sample()["consent_url"] in text)


def _secrets(asked: Asked) -> Iterator[Problem]:
    """What the patient was treated for must not be read by others: 323-FZ, article 13."""
    for field, source in asked.open_fields.items():
        said = wording.undisguised(_only_words(source))
        if found := wording.named(said, asked.sensitive):
            message = _("“%(name)s” is a sensitive service: others can read this line. Leave it to the text of the "
                        "mail, or say “an appointment” (323-FZ, art. 13).") % {"name": found[0]}  # fmt: skip
            yield _at("sensitive_service", ERROR, field, source, found[1], message)
        elif found := wording.diagnosis(said):
            message = _("“%(word)s” tells others about the patient's health (323-FZ, art. 13). Say it in more general "
                        "words.") % {"word": found[0]}  # fmt: skip
            yield _at("diagnosis", ERROR, field, source, found[1], message)
        yield from _private(asked, field, source)


def _private(asked: Asked, field: str, source: str) -> Iterator[Problem]:
    """Variables that would put the name of a service there."""
    for piece in liquid_env.pieces(source) if not liquid_env.scan(source, field) else ():
        for path in _handed_on(piece):
            known = variables.BY_PATH.get(path.removesuffix(".first").removesuffix(".last"))
            if known is None or not known.private:
                continue
            if path.startswith("offer."):
                if asked.offer_is_sensitive:
                    message = _("The offer is about a sensitive service, and “%(name)s” names it where others can "
                                "read it (323-FZ, art. 13).") % {"name": path}  # fmt: skip
                    yield _at("sensitive_variable", ERROR, field, source, piece.start, message)
            elif asked.sensitive:
                message = _("“%(name)s” names what the patient came for where others can read it (323-FZ, art. 13). "
                            "Leave it to the text of the mail.") % {"name": path}  # fmt: skip
                yield _at("sensitive_variable", ERROR, field, source, piece.start, message)
            else:
                message = _("“%(name)s” names what the patient came for where others can read it.") % {"name": path}
                yield _at("sensitive_variable", WARNING, field, source, piece.start, message)


def _handed_on(piece: liquid_env.Piece) -> set[str]:
    """The variables an output writes, an assignment keeps or a loop walks through; a condition only asks."""
    if piece.kind == "output" or piece.name == "assign":
        return liquid_env.used(piece.text)
    return liquid_env.used(piece.text + "{% endfor %}") if piece.name == "for" else set()


def _promises(asked: Asked) -> Iterator[Problem]:
    if not asked.marketing:
        return
    fields = {"subject": asked.subject, "preheader": asked.preheader, "body": asked.body}
    for field, source in fields.items():
        said = wording.undisguised(_only_words(source))
        if match := wording.PROMISES.search(said):
            message = _("“%(words)s”: a result or its safety must not be guaranteed in medical advertising (38-FZ, "
                        "art. 5 and 24). Say what is done, not what will come of it.")  # fmt: skip
            yield _at("guarantee", ERROR, field, source, match.start(), message % {"words": match[0][:60]})
        elif match := wording.GUARANTEES.search(said):
            message = _("“%(words)s”: make sure that no result of a treatment is guaranteed (38-FZ, art. 5 and 24).")
            yield _at("guarantee", WARNING, field, source, match.start(), message % {"words": match[0][:60]})
        if match := wording.HAS_ILLNESS.search(said):
            message = _("“%(words)s”: advertising must not suppose that the reader is ill (38-FZ, art. 24, part 1, "
                        "item 5, and part 5).")  # fmt: skip
            yield _at("supposes_illness", ERROR, field, source, match.start(), message % {"words": match[0][:60]})
        if match := wording.THANKS.search(said):
            message = _("“%(words)s”: thanks of patients and cases of recovery must not stand in medical advertising "
                        "(38-FZ, art. 24, part 1, items 2 and 3, and part 5).")  # fmt: skip
            yield _at("gratitude", ERROR, field, source, match.start(), message % {"words": match[0][:60]})


def _only_words(source: str) -> str:
    """The text with Liquid, addresses and tags blanked out; every position stays."""
    blank = re.sub(r"\{\{[\s\S]{0,600}?\}\}|\{%[\s\S]{0,600}?%\}", lambda m: " " * len(m[0]), source)
    blank = re.sub(r"https?://[^\s()\"'<>]+", lambda m: " " * len(m[0]), blank)
    return re.sub(r"</?[a-zA-Z][^<>]{0,2000}>", lambda m: " " * len(m[0]), blank)


# --- Links, pictures, form -------------------------------------------------------------------------------------------
def _links(asked: Asked) -> Iterator[Problem]:
    for match in re.finditer(r"https?://[^\s<>\"'()\]]+", asked.body):
        address, host = match[0], (urlsplit(match[0]).hostname or "").removeprefix("www.")
        if host in SHORTENERS:
            message = _("“%(host)s” shortens links and is on many block lists. Put the full address: the portal "
                        "makes it short by itself.") % {"host": host}  # fmt: skip
            yield _at("shortener", WARNING, "body", asked.body, match.start(), message)
        elif address.startswith("http://"):
            message = _("An address without encryption: use https://.")
            yield _at("http_link", WARNING, "body", asked.body, match.start(), message)
        if "{{" in asked.body[match.start() : match.end()] and "{{" in address:
            message = _("A link with a variable inside is not counted. A whole {{ offer.url }} is.")
            yield _at("uncounted_link", WARNING, "body", asked.body, match.start(), message)


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
        yield _at("bad_link", ERROR, "body", asked.body, index, message % {"address": said[:80]})


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
            yield _at("picture_without_words", ERROR, "body", source, index, message)
        if not address.startswith("https://"):
            message = _("The address of a picture begins with https://.")
            yield _at("picture_address", ERROR, "body", source, index, message)
    if found and len(re.sub(r"\W", "", _only_words(compiled.plain))) < 60:
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
    odd = sms.outsiders(_only_words(asked.body))
    if odd and not re.search(r"[а-яё]", asked.body, re.IGNORECASE):
        message = _("“%(chars)s” halves the room in a part: without it the cheaper alphabet is enough.")
        yield Problem("odd_characters", WARNING, "body", 0, message % {"chars": " ".join(odd[:5])})
    if wording.shouting(_only_words(asked.body)):
        yield Problem("capitals", WARNING, "body", 0, _("CAPITALS look like spam."))


def placed(problem: Problem, where: str, template_id: int) -> Problem:
    """The same problem, said of a campaign."""
    return replace(problem, where=where, template_id=template_id)
