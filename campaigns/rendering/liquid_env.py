"""Liquid with everything taken away that a letter does not need, and limits on what is left.

No files, no includes, no attributes (only items of plain dicts), loops of at most LOOPS rounds, values and results of
bounded size. The source is looked over by `scan` before Liquid's own regular expressions see it: they take quadratic
time over a long tag that is never closed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from liquid import Environment, Mode, StrictUndefined
from liquid.exceptions import LiquidError

from campaigns.rendering import filters, variables
from campaigns.rendering.problems import ERROR, Problem, place

LOOPS = 500
LONGEST_SOURCE = 200_000
LONGEST_TAG = 600
MOST_TAGS = 1_500
OUTPUT_BYTES = 1_000_000
TAGS = frozenset(["if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase", "for", "endfor",
                  "break", "continue", "assign", "capture", "endcapture", "comment", "endcomment", "#"])  # fmt: skip


class LetterEnvironment(Environment):
    block_nesting_limit = 12
    context_depth_limit = 20
    loop_iteration_limit = LOOPS
    local_namespace_limit = 200_000
    output_stream_limit = OUTPUT_BYTES
    logical_not_operator = True
    logical_parentheses = True

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        for name in [name for name in self.tags if name not in _KEPT]:
            del self.tags[name]
        filters.register(self)


# Text, output and errors are "tags" too in the library's parser.
_KEPT = TAGS | {"content", "output", "illegal"}


@cache
def environment(html: bool) -> LetterEnvironment:
    return LetterEnvironment(undefined=StrictUndefined, tolerance=Mode.STRICT, autoescape=html)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the source: text, an output `{{ … }}` or a tag `{% … %}`."""

    kind: str  # "text", "output", "tag"
    text: str
    start: int

    @property
    def name(self) -> str:
        match = _TAG_NAME.match(self.text)
        return match[1] if match else ""


_TAG_NAME = re.compile(r"\{%-?\s{0,20}(#|\w+)")
_OPEN = re.compile(r"\{\{|\{%")


def pieces(source: str) -> Iterator[Piece]:
    """Cut a source that `scan` found whole."""
    at = 0
    while (found := _OPEN.search(source, at)) is not None:
        if found.start() > at:
            yield Piece("text", source[at : found.start()], at)
        close = "}}" if found[0] == "{{" else "%}"
        end = source.index(close, found.end()) + 2
        yield Piece("output" if found[0] == "{{" else "tag", source[found.start() : end], found.start())
        at = end
    if at < len(source):
        yield Piece("text", source[at:], at)


def scan(source: str, field: str) -> list[Problem]:
    """Brackets that are not closed, too long or too many tags, tags that do not exist: in one pass over the text."""
    if len(source) > LONGEST_SOURCE:
        return [Problem("too_long", ERROR, field, 0, _("The text is too long: at most 200 000 characters."))]
    at, count = 0, 0
    opened: list[tuple[str, int]] = []
    while (found := _OPEN.search(source, at)) is not None:
        opening = found[0]
        close = "}}" if opening == "{{" else "%}"
        end = source.find(close, found.end(), found.end() + LONGEST_TAG)
        again = _OPEN.search(source, found.end(), found.end() + LONGEST_TAG)
        if end < 0 or (again is not None and again.start() < end):
            message = _("“%(open)s” is not closed: “%(close)s” is missing.") % {"open": opening, "close": close}
            return [_at("broken_liquid", field, source, found.start(), message)]
        count += 1
        if count > MOST_TAGS:
            message = _("Too many variables and tags in one text.")
            return [_at("broken_liquid", field, source, found.start(), message)]
        if opening == "{%":
            name = Piece("tag", source[found.start() : end + 2], found.start()).name
            if name not in TAGS:
                return [_at("unknown_tag", field, source, found.start(), _unknown_tag(name))]
            if problem := _balanced(opened, name, found.start(), source, field):
                return [problem]
        at = end + 2
    if opened:
        name, start = opened[-1]
        message = _("“%(tag)s” is opened here and never closed: “end%(tag)s” is missing.") % {"tag": name}
        return [_at("broken_liquid", field, source, start, message)]
    return _stray(source, field)


BLOCKS = frozenset(["if", "unless", "case", "for", "capture", "comment"])


def _balanced(opened: list[tuple[str, int]], name: str, start: int, source: str, field: str) -> Problem | None:
    """Keep the tags that wait for their end; a wrong end is told at once."""
    if name in BLOCKS:
        opened.append((name, start))
    elif name.startswith("end"):
        if not opened or opened[-1][0] != name[3:]:
            message = _("“%(tag)s” closes nothing here.") % {"tag": name}
            return _at("broken_liquid", field, source, start, message)
        opened.pop()
    return None


def _unknown_tag(name: str) -> str:
    if not name:
        return _("An empty tag: write what it does between {% and %}.")
    return _("There is no tag “%(name)s” in letters. Use if, unless, case, for, assign or capture.") % {"name": name}


_STRAY = re.compile(r"\}\}|%\}|(?<![{%])\{\s{0,3}[a-z_]{2,40}\.[a-z_]{2,40}\s{0,3}\}(?!\})")


def _stray(source: str, field: str) -> list[Problem]:
    """`{ patient.first_name }` and lone closing brackets would reach the patient as they are."""
    found = []
    for piece in pieces(source):
        if piece.kind == "text" and (match := _STRAY.search(piece.text)):
            message = _("“%(text)s” would be sent as it is: variables stand in double brackets, {{ … }}.")
            found.append(_at("broken_liquid", field, source, piece.start + match.start(), message % {"text": match[0]}))
    return found[:5]


def parse(source: str, field: str) -> list[Problem]:
    """Everything wrong with the Liquid of a text; empty when it can be rendered."""
    problems = scan(source, field)
    if problems:
        return problems
    try:
        template = environment(False).from_string(source)
        analysis = template.analyze()
    except LiquidError as error:
        return [broken(error, field, source)]
    except (RecursionError, ValueError, TypeError, IndexError) as error:
        return [Problem("broken_liquid", ERROR, field, 0, _("The text cannot be read: %(why)s.") % {"why": error})]
    problems = [*_unknown_filters(analysis.filters, field, source)]
    for spans in analysis.globals.values():
        for variable in spans:
            path = str(variable)
            if not variables.known(path):
                problems.append(_unknown_variable(path, field, source, variable.span.index))
    return sorted(problems, key=lambda one: (one.line, one.column))


def used(source: str) -> set[str]:
    """The dotted paths a parsable text reads from outside."""
    try:
        analysis = environment(False).from_string(source).analyze()
    except LiquidError:
        return set()
    return {str(variable) for spans in analysis.globals.values() for variable in spans}


_INNERMOST_IF = re.compile(
    r"{%-?\s*if\s(?P<on>[^%]{1,200})%}(?P<body>(?:(?!{%-?\s*(?:if|endif)\b).)*){%-?\s*endif\s*-?%}", re.DOTALL
)
_OTHERWISE = re.compile(r"{%-?\s*(?:else|elsif\b[^%]{0,200})\s*-?%}")


def unguarded(source: str, thing: str) -> str:
    """The text without what is only said when there is a `thing`: `{% if offer.url %}…{% endif %}` is left out."""

    def outside(found: re.Match[str]) -> str:
        always = not re.match(rf"\s*{thing}(\.\w+)?\s*(-|$|and\b)", found["on"])
        said = found["body"] if always else "".join(_OTHERWISE.split(found["body"])[1:])
        return _OTHERWISE.sub("", said)

    changed = 1
    while changed:
        source, changed = _INNERMOST_IF.subn(outside, source)
    return source


def _unknown_variable(path: str, field: str, source: str, index: int) -> Problem:
    nearest = variables.nearest(path)
    if nearest:
        message = _("There is no variable “%(name)s”. Did you mean “%(nearest)s”?") % {"name": path, "nearest": nearest}
    else:
        message = _("There is no variable “%(name)s”. Choose one from the list of variables.") % {"name": path}
    return _at("unknown_variable", field, source, index, message)


def _unknown_filters(used_filters: Any, field: str, source: str) -> Iterator[Problem]:
    for name, spans in used_filters.items():
        if name not in filters.FILTERS:
            message = _("There is no filter “%(name)s”. There are: %(all)s.") % {
                "name": name, "all": ", ".join(sorted(filters.FILTERS))
            }  # fmt: skip
            for span in spans:
                yield _at("unknown_filter", field, source, span.index, message)


def broken(error: LiquidError, field: str, source: str) -> Problem:
    """Liquid's own complaint, with the place and in the reader's language where it is a frequent one."""
    index = error.token.start_index if error.token is not None and error.token.start_index >= 0 else -1
    line, column = place(source, index) if index >= 0 else (0, 0)
    return Problem("broken_liquid", ERROR, field, line, words(error), column)


def words(error: LiquidError) -> str:
    text = str(error.message or "")
    kind = type(error).__name__
    by_kind = {
        "LoopIterationLimitError": _("A loop runs more than 500 times."),
        "OutputStreamLimitError": _("The letter would be longer than a megabyte."),
        "LocalNamespaceLimitError": _("The variables of the text take too much room."),
        "BlockNestingError": _("Conditions and loops are nested too deeply."),
        "ContextDepthError": _("Conditions and loops are nested too deeply."),
    }
    if kind in by_kind:
        return by_kind[kind]
    if match := re.search(r"'(?P<name>[\w.\[\]']+?)'? is undefined", text) or re.match(r"(?P<name>\S+) is undef", text):
        return _("“%(name)s” is not known here.") % {"name": match["name"].strip("'")}
    if match := re.search(r"expected tag '?(end\w+)'?", text) or re.search(r"expected .*?'(end\w+)'", text):
        return _("“{%% %(tag)s %%}” is missing.") % {"tag": match[1]}
    return _("Liquid cannot read this: %(why)s.") % {"why": text}


def _at(code: str, field: str, source: str, index: int, message: str) -> Problem:
    line, column = place(source, index)
    return Problem(code, ERROR, field, line, message, column)
