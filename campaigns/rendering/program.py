"""Filling a text for one patient: fast, strict, and with the place when it cannot be done."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext as _
from liquid.exceptions import LiquidError

from campaigns.rendering import fast, sms
from campaigns.rendering.liquid_env import OUTPUT_BYTES, broken, environment, used, words
from campaigns.rendering.problems import Problem

Context = Mapping[str, Any]
KEPT = 512  # compiled versions a process keeps; a running campaign needs a handful


class Text(Protocol):
    """A row of TemplateText or a freshly compiled text."""

    subject: str
    html: str
    plain: str


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    plain: str
    parts: int = 1


class NotRendered(Exception):
    """The text cannot be written for this patient. Neither place nor message holds anything of the patient."""

    def __init__(self, place: str, message: str, field: str = "", line: int = 0) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place, self.message, self.field, self.line = place, message, field, line


class Source:
    """One source of a version, parsed once: its fast form when it has one, and Liquid for the rest."""

    __slots__ = ("parts", "template")

    def __init__(self, text: str, html: bool) -> None:
        self.template = environment(html).from_string(text)
        self.parts = fast.compiled(self.template)

    def fill(self, context: Context) -> str:
        if self.parts is not None:
            try:
                result = fast.filled(self.parts, fast.Fill(self.template, context))
                if len(result) <= OUTPUT_BYTES:
                    return result
            except (LiquidError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
                pass  # Liquid itself names what is wrong
        return self.template.render(**context)


@dataclass(frozen=True, slots=True)
class Program:
    """The three sources of a version."""

    subject: Source
    html: Source | None
    plain: Source
    by_parts: bool
    wanted: frozenset[str]


_programs: OrderedDict[int, Program] = OrderedDict()


def render(text: Any, context: Context) -> Rendered:
    """Fill a version (TemplateText) or a Compiled; raises NotRendered.

    A version never changes, so what was parsed of it is kept by its key.
    """
    program = _program(text)
    try:
        plain = _tidy(program.plain.fill(context))
        return Rendered(
            subject=" ".join(program.subject.fill(context).split()),
            html=program.html.fill(context) if program.html else "",
            plain=plain,
            parts=sms.parts(plain).parts if program.by_parts else 1,
        )
    except LiquidError as error:
        raise _placed(text, context, error) from error
    except (ValueError, TypeError, ArithmeticError, RecursionError, LookupError) as error:
        raise NotRendered("", _("The text could not be filled: %(why)s") % {"why": type(error).__name__}) from error


def _program(text: Any) -> Program:
    key = getattr(text, "pk", None)
    if key is None:
        kept = getattr(text, "_program", None)
        if kept is None:
            kept = _parsed(text)
            text._program = kept
        return kept
    found = _programs.get(key)
    if found is None:
        found = _programs[key] = _parsed(text)
        if len(_programs) > KEPT:
            _programs.popitem(last=False)
    return found


def _parsed(text: Any) -> Program:
    try:
        return Program(
            subject=Source(text.subject, html=False),
            html=Source(text.html, html=True) if text.html else None,
            plain=Source(text.plain, html=False),
            by_parts=_channel(text) == "sms",
            wanted=frozenset().union(*(used(source) for source in (text.subject, text.html, text.plain))),
        )
    except (LiquidError, ValueError, TypeError, RecursionError) as error:
        why = words(error) if isinstance(error, LiquidError) else type(error).__name__
        raise NotRendered("", _("The text cannot be read: %(why)s.") % {"why": why}) from error


def _channel(text: Any) -> str:
    template = getattr(text, "template", None)
    return template.channel if template is not None else text.channel


def _tidy(plain: str) -> str:
    """Conditions leave blank lines behind; more than one in a row says nothing."""
    lines = [line.rstrip() for line in plain.strip().splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept)


def _placed(text: Any, context: Context, error: LiquidError) -> NotRendered:
    """Find the place in what the marketer wrote: the compiled HTML has other lines."""
    for field in ("subject", "preheader", "body"):
        source = getattr(text, field, "")
        try:
            environment(html=False).from_string(source).render(**context)
        except LiquidError as own:
            problem: Problem = broken(own, field, source)
            place = _("%(field)s, line %(line)s") % {"field": FIELDS[field](), "line": problem.line}
            return NotRendered(place, problem.message, field, problem.line)
        except (ValueError, TypeError, ArithmeticError, RecursionError, LookupError):
            continue
    return NotRendered("", words(error))


FIELDS: dict[str, Callable[[], str]] = {
    "subject": lambda: _("subject"),
    "preheader": lambda: _("preheader"),
    "body": lambda: _("text"),
}


def wants(text: Any) -> frozenset[str]:
    """The dotted paths a version reads: nothing else needs to be looked up, or given away."""
    return _program(text).wanted
