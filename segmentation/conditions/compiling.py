"""A checked tree as SQL: a boolean over the alias `p` of patients_patient, never NULL.

Every part becomes something PostgreSQL can join: EXISTS at the level of AND is a semi-join, NOT EXISTS an anti-join.
Under OR neither is possible, and a million sub-queries would run; so an `any` of more than the card itself becomes one
union of ids, joined as a whole. Conditions on the same row (metrics, scores) are asked of it together.
"""

import datetime
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from segmentation.attributes.base import Ask, Catalogue, Members, Part, Plain, Row
from segmentation.conditions.tree import Tree, is_everybody


class Where(NamedTuple):
    """`sql` with named parameters of psycopg, `%(w0)s` …, and their values."""

    sql: str
    params: dict[str, Any]


def compile(
    tree: Tree, as_of: datetime.date, catalogue: Catalogue, prefix: str = "w", cards: Collection[int] | None = None
) -> Where:
    """The condition over the alias `p`. The tree must have passed `check`. Ages and windows are relative to `as_of`,
    the clinic's local date. `prefix` begins the names of the parameters, for two trees in one query. `cards`: the query
    is about one patient, who has these cards; nobody else's facts are read."""
    compiler = _Compiler(Ask(as_of, catalogue.directory, catalogue.zone, prefix, cards), catalogue)
    return Where(compiler.over(tree, "p"), compiler.ask.params)


class _Compiler:
    def __init__(self, ask: Ask, catalogue: Catalogue) -> None:
        self.ask, self.catalogue, self.aliases = ask, catalogue, 0

    def over(self, tree: Tree, alias: str) -> str:
        """The tree as a boolean over an alias of patients_patient."""
        return self._joined([self.part(tree)], alias)

    def part(self, tree: Tree) -> "_Node":
        """The tree with negations moved down as far as they go."""
        if is_everybody(tree):
            return Plain("TRUE")
        if "all" in tree:
            return self._merged([self.part(child) for child in tree["all"]], _All)
        if "any" in tree:
            return self._merged([self.part(child) for child in tree["any"]], _Any)
        if "not" in tree:
            return _negated(self.part(tree["not"]))
        operator = self.catalogue.attributes[tree["attribute"]].operator(tree["is"])
        assert operator is not None
        return operator.sql(tree, self.ask)

    def _merged(self, parts: "list[_Node]", of: "type[_All] | type[_Any]") -> "_Node":
        """Conditions on the same row become one; what is on the card becomes one. A single part stands alone."""
        word = " AND " if of is _All else " OR "
        # In a conjunction what must not be there is joined by itself; in a disjunction likewise.
        found: list[_Node] = []
        plain = [part.sql for part in parts if isinstance(part, Plain)]
        if plain:
            found.append(Plain(f"({word.join(plain)})" if len(plain) > 1 else plain[0]))
        tables = dict.fromkeys(part.table for part in parts if isinstance(part, Row) and not part.negated)
        for table in tables:
            same = [part.sql for part in parts if isinstance(part, Row) and not part.negated and part.table == table]
            found.append(Row(table, word.join(f"({sql})" for sql in same)))
        found += [
            part for part in parts if not isinstance(part, Plain) and not (isinstance(part, Row) and not part.negated)
        ]
        return found[0] if len(found) == 1 else of(tuple(found))

    def _joined(self, parts: "Iterable[_Node]", alias: str) -> str:
        return " AND ".join(self._boolean(part, alias) for part in parts) or "TRUE"

    def _boolean(self, node: "_Node", alias: str) -> str:
        if isinstance(node, Plain):
            return f"({node.sql.format(p=alias)})"
        if isinstance(node, _All):
            return f"({self._joined(node.parts, alias)})"
        if isinstance(node, _Not):
            return self._exists(self._ids(node.node), alias, negated=True)
        if isinstance(node, _Any):
            return self._exists(" UNION ALL ".join(self._ids(part) for part in node.parts), alias)
        if isinstance(node, Row):
            exists = f"EXISTS (SELECT FROM {node.table} WHERE {node.table}.patient_id = {alias}.id AND ({node.sql}))"
            return f"NOT {exists}" if node.negated else exists
        return self._exists(node.sql, alias, negated=node.negated)

    def _exists(self, query: str, alias: str, negated: bool = False) -> str:
        found = self._alias("found")
        exists = f"EXISTS (SELECT FROM ({query}) {found} WHERE {found}.id = {alias}.id)"
        return f"NOT {exists}" if negated else exists

    def _ids(self, node: "_Node") -> str:
        """The node as a query for ids."""
        if isinstance(node, Members) and not node.negated:
            return f"SELECT id FROM ({node.sql}) {self._alias('of')}"
        if isinstance(node, Row) and not node.negated:
            return f"SELECT {node.table}.patient_id AS id FROM {node.table} WHERE {node.sql}"
        alias = self._alias("p")
        return f"SELECT {alias}.id FROM patients_patient {alias} WHERE {self._boolean(node, alias)}"

    def _alias(self, name: str) -> str:
        self.aliases += 1
        return f"{name}{self.aliases}"


class _All(NamedTuple):
    parts: "tuple[_Node, ...]"


class _Any(NamedTuple):
    parts: "tuple[_Node, ...]"


class _Not(NamedTuple):
    node: "_Node"


_Node = Part | _All | _Any | _Not


def _negated(node: _Node) -> _Node:
    if isinstance(node, Plain):
        return Plain(f"NOT ({node.sql})")
    if isinstance(node, Row):
        return Row(node.table, node.sql, not node.negated)
    if isinstance(node, Members):
        return Members(node.sql, not node.negated)
    if isinstance(node, _Not):
        return node.node
    if isinstance(node, _Any):  # none of them: each one is ruled out by itself
        return _All(tuple(_negated(part) for part in node.parts))
    return _Not(node)
