"""The grammar of condition trees.

    tree  {"all": [tree…]} | {"any": [tree…]} | {"not": tree} | leaf | {}
    leaf  {"attribute": "age", "is": "between", "value": [25, 55], …}

`{}` and `{"all": []}` mean everybody.
"""

import json
from collections.abc import Iterator
from typing import Any

Tree = dict[str, Any]

DEEPEST = 8
LARGEST = 200  # conditions and groups together
LONGEST_LIST = 1000


def read(text: str) -> Any:
    """What a posted text holds, not checked yet. ValueError: it is no JSON, is nested without end, or holds half a
    letter (a lone surrogate, which no database keeps)."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError from error
    return found


def children(tree: Any) -> list[Tree]:
    for key in ("all", "any"):
        if key in tree:
            return list(tree[key])
    return [tree["not"]] if "not" in tree else []


def leaves(tree: Any) -> Iterator[Tree]:
    """Every condition of a checked tree."""
    if "attribute" in tree:
        yield tree
    for child in children(tree):
        yield from leaves(child)


def is_everybody(tree: Any) -> bool:
    """Whether the tree asks for nothing."""
    return not tree or tree == {"all": []}
