"""MJML made safe and turned into the HTML of a mail and its plain-text twin. Liquid is hidden all the while."""

import re
from collections.abc import Callable
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

import mrml
import nh3
from django.utils.translation import gettext as _

from campaigns.rendering.problems import ERROR, Problem, place
from campaigns.rendering.protecting import WORD, Protected

TEXT_TAGS = ("mj-text", "mj-button", "mj-table", "mj-social-element", "mj-navbar-link",
             "mj-accordion-title", "mj-accordion-text")  # fmt: skip
ALLOWED = {
    "mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-style", "mj-title", "mj-preview",
    "mj-breakpoint", "mj-font", "mj-section", "mj-column", "mj-group", "mj-wrapper", "mj-image", "mj-divider",
    "mj-spacer", "mj-hero", "mj-social", "mj-navbar", "mj-accordion", "mj-accordion-element", *TEXT_TAGS,
}  # fmt: skip
HTML_TAGS = {"a", "b", "strong", "i", "em", "u", "s", "p", "br", "ul", "ol", "li", "span", "div", "h1", "h2", "h3",
             "h4", "blockquote", "table", "thead", "tbody", "tr", "td", "th", "img", "sup", "sub", "small",
             "hr"}  # fmt: skip
HTML_ATTRIBUTES = {
    "*": {"style", "align"}, "a": {"href", "title"}, "img": {"src", "alt", "width", "height"},
    "table": {"width", "border", "cellpadding", "cellspacing"}, "td": {"width", "colspan", "rowspan", "valign"},
    "th": {"width", "colspan", "rowspan", "valign"}, "ul": {"type"}, "ol": {"type", "start"},
}  # fmt: skip
# What is looked for with its end: so many that the search stays short whatever is left open.
MOST_BRICKS = 400
_PAIRED = (*TEXT_TAGS, "mj-style", "mj-title", "mj-preview", "mj-raw")
SCHEMES = {"https", "http", "mailto", "tel"}
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]{0,40})((?:\s+[\w:-]{1,40}(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))?)*)\s*(/?)>")
_TEXT = re.compile(rf"(<({'|'.join(TEXT_TAGS)})(?:\s[^>]*)?(?<!/)>)(.*?)(</\2\s*>)", re.DOTALL)
_HREF = re.compile(r'(\shref=")([^"]*)(")')
_OPTIONS = mrml.RenderOptions(disable_comments=False, fonts={})


def checked(source: str, hidden: str, protected: Protected) -> list[Problem]:
    """MJML written by hand: tags that are unknown, not allowed, or not closed, with their places."""
    if hidden.count("<!--") > MOST_BRICKS or sum(hidden.count(f"<{tag}") for tag in _PAIRED) > MOST_BRICKS:
        message = _("The letter has too many parts: at most %(n)s texts, buttons and comments.") % {"n": MOST_BRICKS}
        return [Problem("broken_mjml", ERROR, "body", 0, message)]
    problems: list[Problem] = []
    stack: list[tuple[str, int]] = []
    outside = _TEXT.sub(lambda m: m[1] + " " * len(m[3]) + m[4], hidden)
    outside = re.sub(r"<!--.*?-->", lambda m: " " * len(m[0]), outside, flags=re.DOTALL)
    style = re.compile(r"(<mj-style[^>]*>)(.*?)(</mj-style>)", re.DOTALL)
    outside = style.sub(lambda m: m[1] + " " * len(m[2]) + m[3], outside)

    def add(code: str, at: int, message: str) -> None:
        line, column = place(source, protected.position(at))
        problems.append(Problem(code, ERROR, "body", line, message, column))

    for match in re.finditer(r"<[^>]{0,5000}>?", outside):
        tag = _TAG.fullmatch(match[0])
        if tag is None:
            add("broken_mjml", match.start(), _("This tag cannot be read: %(tag)s") % {"tag": match[0][:60]})
            break
        closing, name, _attributes, alone = tag[1], tag[2].lower(), tag[3], tag[4]
        if name not in ALLOWED:
            add("broken_mjml", match.start(), _("The tag <%(tag)s> is not allowed in a letter.") % {"tag": name})
        elif closing:
            if not stack or stack[-1][0] != name:
                add("broken_mjml", match.start(), _("</%(tag)s> closes nothing here.") % {"tag": name})
                break
            stack.pop()
        elif not alone:
            stack.append((name, match.start()))
    if stack and not problems:
        add("broken_mjml", stack[-1][1], _("<%(tag)s> is not closed.") % {"tag": stack[-1][0]})
    return problems


def with_raw_tags(hidden: str, protected: Protected) -> str:
    """Liquid tags between the bricks of a letter become mj-raw, where MJML lets them pass."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x02{len(kept) - 1}\x03"

    text = re.sub(r"<!--.*?-->", "", hidden, flags=re.DOTALL)
    text = _TEXT.sub(keep, text)
    text = re.sub(r"<mj-(style|title|preview|raw)\b[^>]*>.*?</mj-\1>", keep, text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", keep, text)

    def raw(match: re.Match[str]) -> str:
        return f"<mj-raw>{match[0]}</mj-raw>" if protected.is_tag(match[0]) else match[0]

    text = WORD.sub(raw, text)
    for _round in range(2):
        text = re.sub(r"\x02(\d+)\x03", lambda m: kept[int(m[1])], text)
    return text


def sanitised(hidden: str) -> str:
    """HTML inside the bricks, as far as mail programs and good manners allow."""

    def clean(match: re.Match[str]) -> str:
        content = match[3]
        if match[2] == "mj-table":
            inner = _clean(f"<table>{content}</table>")
            content = re.sub(r"^\s*<table>|</table>\s*$", "", inner)
        else:
            content = _clean(content)
        return match[1] + content + match[4]

    return _TEXT.sub(clean, hidden)


def _clean(content: str) -> str:
    return nh3.clean(content, tags=HTML_TAGS, attributes=HTML_ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)


def with_preheader(mjml: str, preheader: str) -> str:
    if not preheader or "<mj-preview" in mjml:
        return mjml
    preview = f"<mj-preview>{escape(preheader)}</mj-preview>"
    if "<mj-head>" in mjml:
        return mjml.replace("<mj-head>", f"<mj-head>{preview}", 1)
    return re.sub(r"(<mjml[^>]*>)", lambda m: f"{m[1]}<mj-head>{preview}</mj-head>", mjml, count=1)


def to_html(mjml: str) -> tuple[str, list[Problem]]:
    try:
        html = mrml.to_html(mjml, render_options=_OPTIONS).content
    except (OSError, ValueError) as error:
        message = _("The letter cannot be laid out: %(why)s.") % {"why": str(error)[:200]}
        return "", [Problem("broken_mjml", ERROR, "body", 0, message)]
    return html, unsafe(html)


class _Unsafe(HTMLParser):
    """The last look at the finished HTML: nothing that runs, loads or submits."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "base", "input", "link", "svg", "video", "audio"):
            self.found = self.found or f"<{tag}>"
        for name, value in attrs:
            address = re.sub(r"[\s\x00-\x1f]+", "", value or "").lower()
            scheme = address.split(":", 1)[0] if re.match(r"[a-z][a-z0-9+.-]*:", address) else ""
            if name.startswith("on") or (name in ("href", "src", "background") and scheme and scheme not in SCHEMES):
                self.found = self.found or f"{name}="

    handle_startendtag = handle_starttag


def unsafe(html: str) -> list[Problem]:
    parser = _Unsafe()
    parser.feed(html)
    if not parser.found:
        return []
    message = _("“%(what)s” is not allowed in a letter: mail programs take it for an attack.") % {"what": parser.found}
    return [Problem("unsafe_html", ERROR, "body", 0, message)]


_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d]*[1-9])"
    r"|max-height\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_EMPTY = frozenset(["br", "img", "hr", "meta", "col", "wbr", "input", "link", "area"])


class _Visible(HTMLParser):
    """What a reader of the finished HTML sees and may click on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def _shown(self) -> bool:
        return not any(hidden for _tag, hidden in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _EMPTY:
            return
        values = {name: value or "" for name, value in attrs}
        # Cells and wrappers of MJML have font-size:0 against gaps; what stands in them sets its own size.
        style = values.get("style", "")
        laid_out = tag in ("td", "div", "table") and re.search(r"font-size\s*:\s*0", style) is not None
        style = re.sub(r"font-size\s*:\s*0(?:px)?\s*;?", "", style) if laid_out else style
        self.open.append((tag, tag in ("head", "style", "title", "script") or bool(_HIDDEN.search(style))))
        if tag == "a" and self._shown():
            self.addresses.append(values.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        for number in range(len(self.open) - 1, -1, -1):
            if self.open[number][0] == tag:
                del self.open[number:]
                return

    def handle_data(self, data: str) -> None:
        if self._shown():
            self.text.append(data)


def visible(html: str) -> tuple[str, str]:
    """The text that can be read, and the addresses that can be clicked or copied, of finished HTML."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    text = " ".join("".join(parser.text).split())
    return text, " ".join([*parser.addresses, text])


def with_links(html: str, name: Callable[[str], str]) -> str:
    """Every address of the HTML through `name`: it gives the word of a counted link, or the address itself."""
    return _HREF.sub(lambda m: m[1] + escape(name(unescape(m[2])), quote=True) + m[3], html)


class _Plain(HTMLParser):
    """The same letter for programs without HTML: text, addresses after what they stand behind."""

    BREAKS = frozenset(["mj-text", "mj-button", "mj-image", "mj-section", "mj-column", "mj-divider", "mj-raw", "p",
                        "div", "ul", "ol", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "table",
                        "mj-table"])  # fmt: skip
    SILENT = frozenset(["mj-head", "mj-style", "mj-attributes", "mj-title", "mj-preview"])

    def __init__(self, name: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=True)
        self.name = name
        self.out: list[str] = []
        self.silent = 0
        self.addresses: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag in self.SILENT:
            self.silent += 1
        if tag in ("mj-text", "mj-button", "mj-image", "p", "h1", "h2", "mj-section", "mj-table"):
            self.out.append("\n\n")
        elif tag in self.BREAKS or tag == "br":
            self.out.append("\n")
        if tag == "li":
            self.out.append("• ")
        if tag in ("a", "mj-button", "mj-navbar-link", "mj-social-element"):
            self.addresses.append((values.get("href", ""), len(self.out)))
        if tag == "mj-image" and values.get("alt"):
            self.out.append(f"[{values['alt']}]")
        if tag in ("mj-divider", "hr"):
            self.out.append("\n———\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in self.SILENT:
            self.silent -= 1

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self.silent = max(self.silent - 1, 0)
        if tag in ("a", "mj-button", "mj-navbar-link", "mj-social-element") and self.addresses:
            href, since = self.addresses.pop()
            said = "".join(self.out[since:]).strip()
            if href and not href.startswith("#"):
                if said == href:
                    del self.out[since:]
                    self.out.append(self.name(href))
                else:
                    self.out.append(f" ({self.name(href)})" if tag == "a" else f": {self.name(href)}")
        if tag in self.BREAKS and tag != "li":
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(re.sub(r"\s+", " ", data))


def to_plain(mjml: str, name: Callable[[str], str]) -> str:
    parser = _Plain(name)
    parser.feed(mjml)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(parser.out))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def pictures(mjml: str) -> list[dict[str, Any]]:
    """Every picture with its address, its words and where its tag begins."""
    found = []
    for match in re.finditer(r"<(?:mj-image|img)\b([^>]*)>", mjml):
        values = {m[1].lower(): unescape(m[3]) for m in re.finditer(r"([\w-]+)\s*=\s*([\"'])(.*?)\2", match[1])}
        found.append({"src": values.get("src", ""), "alt": values.get("alt", ""), "at": match.start()})
    return found
