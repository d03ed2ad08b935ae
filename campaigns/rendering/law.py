"""What the law asks of a text: 38-FZ on advertising (articles 5, 18, 24), 323-FZ on medical secrecy (article 13)."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from campaigns.rendering import liquid_env, mail, variables, wording
from campaigns.rendering.asked import Asked, at, only_words
from campaigns.rendering.compiling import Compiled
from campaigns.rendering.problems import ERROR, WARNING, Problem
from campaigns.rendering.program import NotRendered, render

REFUSE = re.compile(
    r"отпис|отказ|\bстоп\b|не\s+(?:звонить|беспокоить|присылать)|\bstop\b|unsubscribe|opt.?out", re.I
)  # fmt: skip
CONTRAINDICATED = re.compile(r"противопоказан[\s\S]{0,120}(?:консультац|специалист|инструкц)|contraindication", re.I)


def legal(asked: Asked, compiled: Compiled) -> Iterator[Problem]:
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


def secrets(asked: Asked) -> Iterator[Problem]:
    """What the patient was treated for must not be read by others: 323-FZ, article 13."""
    for field, source in asked.open_fields.items():
        said = wording.undisguised(only_words(source))
        if found := wording.named(said, asked.sensitive):
            message = _("“%(name)s” is a sensitive service: others can read this line. Leave it to the text of the "
                        "mail, or say “an appointment” (323-FZ, art. 13).") % {"name": found[0]}  # fmt: skip
            yield at("sensitive_service", ERROR, field, source, found[1], message)
        elif found := wording.diagnosis(said):
            message = _("“%(word)s” tells others about the patient's health (323-FZ, art. 13). Say it in more general "
                        "words.") % {"word": found[0]}  # fmt: skip
            yield at("diagnosis", ERROR, field, source, found[1], message)
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
                    yield at("sensitive_variable", ERROR, field, source, piece.start, message)
            elif asked.sensitive:
                message = _("“%(name)s” names what the patient came for where others can read it (323-FZ, art. 13). "
                            "Leave it to the text of the mail.") % {"name": path}  # fmt: skip
                yield at("sensitive_variable", ERROR, field, source, piece.start, message)
            else:
                message = _("“%(name)s” names what the patient came for where others can read it.") % {"name": path}
                yield at("sensitive_variable", WARNING, field, source, piece.start, message)


def _handed_on(piece: liquid_env.Piece) -> set[str]:
    """The variables an output writes, an assignment keeps or a loop walks through; a condition only asks."""
    if piece.kind == "output" or piece.name == "assign":
        return liquid_env.used(piece.text)
    return liquid_env.used(piece.text + "{% endfor %}") if piece.name == "for" else set()


def promises(asked: Asked) -> Iterator[Problem]:
    if not asked.marketing:
        return
    fields = {"subject": asked.subject, "preheader": asked.preheader, "body": asked.body}
    for field, source in fields.items():
        said = wording.undisguised(only_words(source))
        if match := wording.PROMISES.search(said):
            message = _("“%(words)s”: a result or its safety must not be guaranteed in medical advertising (38-FZ, "
                        "art. 5 and 24). Say what is done, not what will come of it.")  # fmt: skip
            yield at("guarantee", ERROR, field, source, match.start(), message % {"words": match[0][:60]})
        elif match := wording.GUARANTEES.search(said):
            message = _("“%(words)s”: make sure that no result of a treatment is guaranteed (38-FZ, art. 5 and 24).")
            yield at("guarantee", WARNING, field, source, match.start(), message % {"words": match[0][:60]})
        if match := wording.HAS_ILLNESS.search(said):
            message = _("“%(words)s”: advertising must not suppose that the reader is ill (38-FZ, art. 24, part 1, "
                        "item 5, and part 5).")  # fmt: skip
            yield at("supposes_illness", ERROR, field, source, match.start(), message % {"words": match[0][:60]})
        if match := wording.THANKS.search(said):
            message = _("“%(words)s”: thanks of patients and cases of recovery must not stand in medical advertising "
                        "(38-FZ, art. 24, part 1, items 2 and 3, and part 5).")  # fmt: skip
            yield at("gratitude", ERROR, field, source, match.start(), message % {"words": match[0][:60]})
