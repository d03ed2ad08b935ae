"""The common shape of a letter (text, variables with filters, conditions) as a list of strings and small functions.

Liquid walks its tree for every letter; here the tree is walked once per version. Whatever this does not know (loops,
assignments) and whatever goes wrong is left to Liquid, which says what and where.
"""

from collections.abc import Callable, Mapping
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path
from liquid.builtin.expressions.logical import LogicalAndExpression, LogicalNotExpression, LogicalOrExpression
from liquid.builtin.expressions.primitive import Literal
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.stringify import to_liquid_string
from markupsafe import escape

from campaigns.rendering.filters import FILTERS

Context = Mapping[str, Any]


class Unknown(Exception):
    """A shape that is left to Liquid."""


class Fill:
    """The values of one letter; Liquid's own context is made only when something asks for it."""

    __slots__ = ("_liquid", "globals", "html", "template")

    def __init__(self, template: BoundTemplate, values: Context) -> None:
        self.template, self.globals = template, values
        self.html = template.env.autoescape
        self._liquid: RenderContext | None = None

    def liquid(self) -> RenderContext:
        if self._liquid is None:
            self._liquid = RenderContext(self.template, globals=self.template.make_globals(dict(self.globals)))
        return self._liquid


Part = str | Callable[[Fill], str]


def compiled(template: BoundTemplate) -> list[Part] | None:
    """The parts of a template, or None when its shape needs Liquid."""
    try:
        return _parts(template.nodes)
    except Unknown:
        return None


def filled(parts: list[Part], fill: Fill) -> str:
    return "".join([part if type(part) is str else part(fill) for part in parts])  # type: ignore[operator]


def _parts(nodes: list[Node]) -> list[Part]:
    parts: list[Part] = []
    for node in nodes:
        part = _part(node)
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    return parts


def _part(node: Node) -> Part:
    if isinstance(node, ContentNode):
        return node.text
    if isinstance(node, CommentNode):
        return ""
    if isinstance(node, OutputNode):
        return _output(node.expression)
    if isinstance(node, IfNode | UnlessNode):
        return _choice(node)
    raise Unknown


def _choice(node: IfNode | UnlessNode) -> Part:
    if node.blank:
        return ""
    negative = isinstance(node, UnlessNode)
    first = _condition(node.condition)
    ways = [(_negated(first) if negative else first, _parts(node.consequence.nodes))]
    ways += [(_condition(one.expression), _parts(one.block.nodes)) for one in node.alternatives]
    otherwise = _parts(node.default.nodes) if node.default else []

    def choose(fill: Fill) -> str:
        for condition, parts in ways:
            if condition(fill):
                return filled(parts, fill)
        return filled(otherwise, fill)

    return choose


def _negated(condition: Callable[[Fill], bool]) -> Callable[[Fill], bool]:
    return lambda fill: not condition(fill)


def _condition(expression: Any) -> Callable[[Fill], bool]:
    if isinstance(expression, BooleanExpression):
        return _condition(expression.expression)
    if isinstance(expression, Path):
        value = _path(expression)

        def given(fill: Fill) -> bool:
            found = value(fill)
            return not (found is None or found is False)

        return given
    if isinstance(expression, LogicalAndExpression):
        left, right = _condition(expression.left), _condition(expression.right)
        return lambda fill: left(fill) and right(fill)
    if isinstance(expression, LogicalOrExpression):
        left, right = _condition(expression.left), _condition(expression.right)
        return lambda fill: left(fill) or right(fill)
    if isinstance(expression, LogicalNotExpression):
        return _negated(_condition(expression.right))
    return lambda fill: bool(expression.evaluate(fill.liquid()))


def _path(path: Path) -> Callable[[Fill], Any]:
    """A dotted path over plain dicts; a missing key raises, and Liquid then says which."""
    keys = path.path
    if not all(isinstance(key, str) for key in keys) or any(key in ("size", "first", "last") for key in keys[1:]):
        raise Unknown
    if len(keys) == 1:
        (only,) = keys
        return lambda fill: fill.globals[only]  # type: ignore[index]
    if len(keys) == 2:
        root, leaf = keys
        return lambda fill: fill.globals[root][leaf]  # type: ignore[index]
    raise Unknown


def _value(expression: Any) -> Callable[[Fill], Any]:
    if isinstance(expression, Path):
        return _path(expression)
    if isinstance(expression, Literal):
        return lambda fill: expression.evaluate(fill.liquid()) if fill.html else expression.value
    raise Unknown


def _output(expression: Any) -> Part:
    if not isinstance(expression, FilteredExpression):
        raise Unknown
    value = _value(expression.left)
    steps = [_filter(one) for one in expression.filters or ()]
    if not steps:
        return lambda fill: _written(value(fill), fill.html)

    def through(fill: Fill) -> str:
        found = value(fill)
        for step in steps:
            found = step(found, fill)
        return _written(found, fill.html)

    return through


def _filter(one: Any) -> Callable[[Any, Fill], Any]:
    function = FILTERS.get(one.name)
    if function is None:
        raise Unknown
    arguments = []
    for argument in one.args:
        if getattr(argument, "name", None):
            raise Unknown
        arguments.append(_value(argument.value))
    if getattr(function, "with_environment", False):
        return lambda value, fill: function(value, *[one(fill) for one in arguments], environment=fill.template.env)
    if getattr(function, "with_context", False):
        return lambda value, fill: function(value, *[one(fill) for one in arguments], context=fill)
    return lambda value, fill: function(value, *[one(fill) for one in arguments])


def _written(value: Any, html: bool) -> str:
    if html:
        return escape(value) if isinstance(value, str) else to_liquid_string(value, True)
    return value if type(value) is str else to_liquid_string(value, False)
