"""A letter in plain words: what a marketer types, made into MJML. Nobody needs to know MJML to write a good letter.

    # Heading                            [[Book a visit]](https://…)     a button on its own line
    A paragraph with **bold**, *italic*  ![what it shows](https://…)     a picture on its own line
    and [a link](https://…).             - item                          a list
    ---                                  :::offer   :::footer            the offer's card, the legal foot

An empty line ends a block. Liquid tags on lines of their own stand between blocks, so a condition may hold any of them.
"""

import re
from dataclasses import dataclass, field
from html import escape

from django.utils.translation import gettext as _

from campaigns.rendering.problems import ERROR, Problem
from campaigns.rendering.protecting import WORD, Protected

WORDS = {
    "ru": {"promo": "Промокод", "until": "Действует до", "unsubscribe": "Отписаться от рассылки",
           "settings": "Настроить сообщения"},
    "en": {"promo": "Promo code", "until": "Valid until", "unsubscribe": "Unsubscribe",
           "settings": "Message settings"},
}  # fmt: skip
ACCENT, INK, QUIET, SURFACE, GROUND = "#0f766e", "#1f2933", "#62707c", "#ffffff", "#f3f5f4"
FONTS = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
BUTTON = re.compile(r"\[\[([^\]\n]{1,200})\]\]\(([^()\s]{1,2000})\)")
PICTURE = re.compile(r"!\[([^\]\n]{0,300})\]\(([^()\s]{1,2000})\)")
LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(([^()\s]{1,2000})\)")
BARE = re.compile(r"(?<![\"'>(])https?://[^\s<>\"'()]{1,2000}[^\s<>\"'().,;:!?]")
ONLY_TAGS = re.compile(r"(?:\s*qLq\d+z\s*)+")
_ADDRESS = re.compile(r"\x02(\d+)\x03")


@dataclass
class Block:
    kind: str
    lines: list[str] = field(default_factory=list)
    line: int = 1

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def is_mjml(body: str) -> bool:
    return body.lstrip().lower().startswith("<mjml")


def split(hidden: str, protected: Protected) -> list[Block]:
    """The blocks of a text whose Liquid is hidden, with the line each begins on."""
    blocks: list[Block] = []
    open_block: Block | None = None
    for number, raw in enumerate(hidden.replace("\r\n", "\n").split("\n"), 1):
        line = raw.strip()
        kind = _kind(line, protected)
        if kind == "empty":
            open_block = None
        elif kind in ("text", "list") and open_block is not None and open_block.kind == kind:
            open_block.lines.append(line)
        else:
            block = Block(kind, [line], number)
            blocks.append(block)
            open_block = block if kind in ("text", "list") else None
    return blocks


def _kind(line: str, protected: Protected) -> str:
    if not line:
        return "empty"
    if ONLY_TAGS.fullmatch(line) and all(protected.is_tag(word[0]) for word in WORD.finditer(line)):
        return "tags"
    if line.startswith(("# ", "## ")):
        return "heading" if line.startswith("# ") else "subheading"
    if BUTTON.fullmatch(line):
        return "button"
    if PICTURE.fullmatch(line):
        return "picture"
    if line.startswith(":::"):
        return line[3:].strip().lower() if line[3:].strip().lower() in ("offer", "footer") else "unknown"
    if re.fullmatch(r"-{3,}", line):
        return "divider"
    return "list" if line.startswith(("- ", "• ")) else "text"


def to_mjml(hidden: str, protected: Protected, language: str) -> tuple[str, list[Problem]]:
    """MJML of a text whose Liquid is hidden; what is wrong with its blocks."""
    words = WORDS.get(language, WORDS["en"])
    card: list[str] = []
    foot = ""
    problems: list[Problem] = []
    for block in split(hidden, protected):
        if block.kind == "unknown":
            message = _("There is no block “%(name)s”: there are :::offer and :::footer.") % {"name": block.text[:40]}
            problems.append(Problem("unknown_block", ERROR, "body", block.line, message, 1))
        elif block.kind == "footer":
            foot = _footer(protected, words)
        else:
            problems += _across(block, protected)
            card.append(_column_part(block, protected, words))
    return _page(card, foot, protected, language), problems


def _across(block: Block, protected: Protected) -> list[Problem]:
    """A condition that begins in one paragraph and ends in another would tear the letter apart."""
    if block.kind == "tags":
        return []
    depth = 0
    for word in WORD.finditer(block.text):
        depth += tag_step(protected.kept[int(word[1])])
        if depth < 0:
            break
    if not depth:
        return []
    message = _("A condition begins in one paragraph and ends in another. Put {% if … %} and {% endif %} on lines of "
                "their own.")  # fmt: skip
    return [Problem("torn_condition", ERROR, "body", block.line, message, 1)]


def tag_step(liquid: str) -> int:
    """+1 for a tag that opens, −1 for one that closes, 0 for the rest."""
    match = re.match(r"\{%-?\s*(\w+)", liquid)
    name = match[1] if match else ""
    if name in ("if", "unless", "case", "for", "capture", "comment"):
        return 1
    return -1 if name.startswith("end") else 0


def _column_part(block: Block, protected: Protected, words: dict[str, str]) -> str:
    if block.kind == "tags":
        return f"<mj-raw>{block.text}</mj-raw>"
    if block.kind in ("heading", "subheading"):
        size, level = ("26px", 1) if block.kind == "heading" else ("20px", 2)
        text = inline(block.text.lstrip("#").strip())
        return (
            f'<mj-text font-size="{size}" line-height="1.25" padding="12px 32px 4px">'
            f'<h{level} style="margin:0;font-size:{size};font-weight:600">{text}</h{level}></mj-text>'
        )
    if block.kind == "button":
        match = BUTTON.fullmatch(block.text)
        assert match is not None
        return f'<mj-button href="{escape(match[2])}">{inline(match[1])}</mj-button>'
    if block.kind == "picture":
        match = PICTURE.fullmatch(block.text)
        assert match is not None
        return f'<mj-image src="{escape(match[2])}" alt="{escape(match[1])}" />'
    if block.kind == "divider":
        return '<mj-divider border-width="1px" border-color="#e2e7e5" padding="16px 32px" />'
    if block.kind == "offer":
        return _offer(protected, words)
    if block.kind == "list":
        items = "".join(f"<li>{inline(line[2:].strip())}</li>" for line in block.lines)
        return f'<mj-text><ul style="margin:0;padding-left:22px">{items}</ul></mj-text>'
    return f"<mj-text>{inline(block.text)}</mj-text>"


def inline(text: str) -> str:
    """Bold, italic, links, line breaks; everything else is text and stays text."""
    kept: list[str] = []

    def keep(markup: str) -> str:
        kept.append(markup)
        return f"\x02{len(kept) - 1}\x03"

    text = re.sub(r"[\x02\x03]", "", text)
    text = LINK.sub(lambda m: keep(f'<a href="{escape(m[2])}">{_styled(escape(m[1]))}</a>'), text)
    text = BARE.sub(lambda m: keep(f'<a href="{escape(m[0])}">{escape(m[0])}</a>'), text)
    text = _styled(escape(text)).replace("\n", "<br />")
    return _ADDRESS.sub(lambda m: kept[int(m[1])], text)


def _styled(text: str) -> str:
    text = re.sub(r"\*\*([^*\n]{1,500})\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<![\w*])\*([^*\n]{1,500})\*(?![\w*])", r"<i>\1</i>", text)


def _offer(protected: Protected, words: dict[str, str]) -> str:
    def tag(text: str) -> str:
        return protected.word(text, "tag")

    def out(text: str) -> str:
        return protected.word(text)

    return (
        f"<mj-raw>{tag('{% if offer.name %}')}</mj-raw>"
        f'<mj-text container-background-color="#e8f3f1" padding="20px 32px" css-class="offer">'
        f'<div style="font-size:18px;font-weight:600">{out("{{ offer.name }}")}</div>'
        f"{tag('{% if offer.benefit %}')}"
        f'<div style="font-size:30px;line-height:1.3;font-weight:700;color:{ACCENT}">{out("{{ offer.benefit }}")}</div>'
        f"{tag('{% endif %}')}{tag('{% if offer.terms %}')}"
        f"<div>{out('{{ offer.terms | newline_to_br }}')}</div>{tag('{% endif %}')}"
        f"{tag('{% if offer.promo_code %}')}"
        f'<div style="padding-top:8px">{words["promo"]}: <b>{out("{{ offer.promo_code }}")}</b></div>'
        f"{tag('{% endif %}')}{tag('{% if offer.valid_until %}')}"
        f'<div style="color:{QUIET}">{words["until"]} {out("{{ offer.valid_until | date }}")}</div>'
        f"{tag('{% endif %}')}</mj-text><mj-raw>{tag('{% endif %}')}</mj-raw>"
    )


def _footer(protected: Protected, words: dict[str, str]) -> str:
    out = protected.word
    return (
        f'<mj-section padding="8px 0 32px"><mj-column><mj-text font-size="13px" line-height="1.5" color="{QUIET}">'
        f"<div><b>{out('{{ warning }}')}</b></div>"
        f'<div style="padding-top:10px">{out("{{ clinic.name }}")}<br />{out("{{ clinic.details }}")}</div>'
        f'<div style="padding-top:10px"><a href="{out("{{ unsubscribe_url }}")}" style="color:{QUIET}">'
        f'{words["unsubscribe"]}</a> · <a href="{out("{{ consent_url }}")}" style="color:{QUIET}">{words["settings"]}'
        f"</a></div></mj-text></mj-column></mj-section>"
    )


def _page(card: list[str], foot: str, protected: Protected, language: str) -> str:
    return (
        f'<mjml lang="{language}"><mj-head><mj-attributes><mj-all font-family="{FONTS}" />'
        f'<mj-text font-size="16px" line-height="1.55" color="{INK}" padding="8px 32px" />'
        f'<mj-button background-color="{ACCENT}" color="#ffffff" font-size="16px" font-weight="600" '
        f'border-radius="8px" inner-padding="13px 26px" align="left" padding="14px 32px" />'
        f'<mj-image padding="12px 32px" border-radius="8px" fluid-on-mobile="true" /></mj-attributes></mj-head>'
        f'<mj-body background-color="{GROUND}"><mj-section padding="20px 0 8px"><mj-column>'
        f'<mj-text font-size="15px" font-weight="600" color="{ACCENT}">{protected.word("{{ clinic.name }}")}</mj-text>'
        f'</mj-column></mj-section><mj-section background-color="{SURFACE}" border-radius="12px" padding="20px 0">'
        f"<mj-column>{''.join(card)}</mj-column></mj-section>{foot}</mj-body></mjml>"
    )
