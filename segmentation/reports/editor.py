"""The catalogue of attributes as the editor of conditions draws it: labels in the reader's language, no SQL."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from segmentation import conditions
from segmentation.attributes import ATTRIBUTES, GROUPS, Field
from segmentation.reports.recipes import recipes
from segmentation.selectors.directory import ClinicDirectory

# Fields whose choices are named by the directory, beside those that must be asked for by typing.
SEARCHED = ("branch", "doctor", "service", "group", "channel", "segment")

# What is nested deeper was not made with the editor, and could not even be written into the page.
DEEPEST_SHOWN = 50


def editor_data(tree: Any) -> dict[str, Any]:
    """Everything the script needs: attributes, recipes, words, the tree, and the names of what it mentions."""
    known = as_tree(tree)
    ready = recipes()
    return {
        "groups": [{"code": code, "label": _(label)} for code, label in GROUPS.items()],
        "attributes": [_attribute(code) for code in ATTRIBUTES],
        "recipes": ready,
        "tree": known,
        "names": names_in([known, *(recipe["tree"] for recipe in ready)]),
        "words": words(),
        "urls": {"count": reverse("audience_count"), "options": reverse("audience_options")},
    }


def as_tree(tree: Any) -> Any:
    """A tree, or the text of one as a form has posted it; what is neither is an empty tree."""
    if isinstance(tree, str):
        try:
            tree = conditions.read(tree)
        except ValueError:
            return {}
    return tree if isinstance(tree, dict) and not _deeper(tree, DEEPEST_SHOWN) else {}


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in each other more often than that."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_deeper(one, levels - 1) for one in inner))


def _attribute(code: str) -> dict[str, Any]:
    attribute = ATTRIBUTES[code]
    help_text = _(attribute.help) if attribute.help else ""
    return {
        "code": code, "group": attribute.group, "label": _(attribute.label), "help": help_text,
        "nightly": attribute.nightly, "one_of": list(attribute.one_of),
        "operators": [
            {"code": one.code, "label": _(one.label), "fields": [_field(field) for field in one.fields]}
            for one in attribute.operators
        ],
    }  # fmt: skip


def _field(field: Field) -> dict[str, Any]:
    units = {"years": _("years"), "₽": "₽", "%": "%"}
    source = field.source or ("city" if field.kind == "texts" and field.name == "value" else "")
    return {
        "name": field.name, "kind": field.kind, "label": _(field.label), "source": source,
        "choices": [[code, _(label)] for code, label in field.choices], "least": field.least, "most": field.most,
        "whole": field.whole, "unit": units.get(field.unit, ""), "ahead": field.ahead, "required": field.required,
    }  # fmt: skip


def names_in(trees: list[Any]) -> dict[str, dict[str, str]]:
    """Names by directory and id of everything trees mention; trees may be malformed."""
    wanted: dict[str, set[Any]] = {}
    for tree in trees:
        _collect(tree, wanted, 0)
    directory = ClinicDirectory()
    return {
        source: {str(one): name for one, name in directory.names(source, ids).items()} for source, ids in wanted.items()
    }


def _collect(tree: Any, wanted: dict[str, set[Any]], depth: int) -> None:
    if depth > 20:
        return
    if isinstance(tree, list):
        for child in tree:
            _collect(child, wanted, depth + 1)
    elif isinstance(tree, dict):
        code = tree.get("attribute")
        attribute = ATTRIBUTES.get(code) if isinstance(code, str) else None
        for field in [field for one in attribute.operators for field in one.fields] if attribute else ():
            ids = tree.get(field.name)
            if field.kind == "ids" and isinstance(ids, list):
                wanted.setdefault(field.source, set()).update(one for one in ids if _is_id(one, field.source))
        for key in ("all", "any", "not"):
            _collect(tree.get(key), wanted, depth + 1)


def _is_id(one: Any, source: str) -> bool:
    if source == "segment":
        return isinstance(one, str) and "\0" not in one
    return isinstance(one, int) and not isinstance(one, bool) and 0 < one < 2**31


def words() -> dict[str, str]:
    """What the script itself says."""
    return {
        "all": _("all of these are true"), "any": _("at least one of these is true"),
        "none": _("none of these is true"), "not_all": _("not all of these are true"),
        "is": _("yes"), "is_not": _("NOT"), "condition": _("Condition"), "operator": _("Comparison"),
        "add": _("Add a condition"), "add_group": _("Add a group"), "duplicate": _("Duplicate"), "remove": _("Remove"),
        "group": _("Group of conditions"), "which": _("Patients for whom"), "choose": _("choose…"),
        "search": _("type to search"), "nothing": _("nothing found"), "take_away": _("Take away"),
        "from": _("from"), "to": _("to"), "unit": _("unit"), "shape": _("window"),
        "days": _("days"), "weeks": _("weeks"), "months": _("months"), "years": _("years"),
        "last": _("within the last"), "next": _("within the next"),
        "between_ago": pgettext("window", "between"), "between_ahead": pgettext("window ahead", "in"),
        "earlier": pgettext("window", "at least"), "later": _("not sooner than in"), "ago": _("ago"),
        "at_least": _("at least"), "at_most": _("at most"), "between": _("from … to"), "never": _("not once"),
        "times": _("times"), "more": _("Narrow down:"),
        "nightly": _("as of the last night"), "counting": _("Counting…"), "empty": _("No conditions: all patients."),
        "failed": _("The count did not come. The conditions are kept; they are counted again after the next change."),
        "recipes": _("Ready conditions"),
    }  # fmt: skip
