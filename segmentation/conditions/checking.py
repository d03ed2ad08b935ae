"""What is wrong with a tree, each thing with its place: `where.all[2].value`. Nothing a tree holds is trusted."""

import datetime
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from segmentation.attributes.base import Catalogue, Field, Operator, Words, _
from segmentation.attributes.windows import LONGEST, UNITS
from segmentation.conditions.tree import DEEPEST, LARGEST, LONGEST_LIST

# A text chosen by its reader is a code or a city, not a letter.
LONGEST_TEXT = 200
LARGEST_ID = 2**31 - 1


class Problem(NamedTuple):
    path: str
    message: str


def check(tree: Any, catalogue: Catalogue, path: str = "where") -> list[Problem]:
    """Everything that is wrong with a tree, in the reader's language; an empty list: it can be compiled."""
    checker = _Checker(catalogue)
    problems = list(checker.tree(tree, path, 1))
    return problems or list(checker.strangers(tree, path))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or isfinite(value))
    )


class _Checker:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue, self.words, self.nodes = catalogue, catalogue.words(""), 0

    def tree(self, tree: Any, path: str, depth: int) -> Iterator[Problem]:
        self.nodes += 1
        if self.nodes > LARGEST:
            if self.nodes == LARGEST + 1:
                yield self._problem(path, _("At most %(number)s conditions."), number=LARGEST)
            return
        if not isinstance(tree, dict):
            yield self._problem(path, _("A condition is an object."))
        elif depth > DEEPEST:
            yield self._problem(path, _("At most %(number)s groups inside each other."), number=DEEPEST)
        elif "attribute" in tree:
            yield from self._leaf(tree, path)
        elif tree:
            yield from self._group(tree, path, depth)

    def _group(self, tree: dict[str, Any], path: str, depth: int) -> Iterator[Problem]:
        if len(tree) != 1 or not tree.keys() & {"all", "any", "not"}:
            yield self._problem(path, _("Write one of all, any, not, attribute."))
            return
        key, inner = next(iter(tree.items()))
        if key == "not":
            if not inner:
                yield self._problem(f"{path}.not", _("Say who is to be left out."))
            else:
                yield from self.tree(inner, f"{path}.not", depth + 1)
        elif not isinstance(inner, list):
            yield self._problem(f"{path}.{key}", _("A list of conditions is needed."))
        elif key == "any" and not inner:
            yield self._problem(f"{path}.any", _("Add a condition: nobody is meant by an empty list."))
        else:
            for number, child in enumerate(inner):
                yield from self.tree(child, f"{path}.{key}[{number}]", depth + 1)

    def _leaf(self, leaf: dict[str, Any], path: str) -> Iterator[Problem]:
        code = leaf["attribute"]
        attribute = self.catalogue.attributes.get(code) if isinstance(code, str) else None
        if attribute is None:
            yield self._problem(f"{path}.attribute", _("Unknown attribute: %(code)s"), code=_shown(code))
            return
        operator = attribute.operator(leaf.get("is"))
        if operator is None:
            allowed = ", ".join(one.code for one in attribute.operators)
            yield self._problem(f"{path}.is", _("Choose one of: %(allowed)s"), allowed=allowed)
            return
        yield from self._fields(leaf, operator, path)
        if attribute.one_of and not any(leaf.get(name) for name in attribute.one_of):
            yield self._problem(f"{path}.{attribute.one_of[0]}", _("Choose at least one."))

    def _fields(self, leaf: dict[str, Any], operator: Operator, path: str) -> Iterator[Problem]:
        fields = {field.name: field for field in operator.fields}
        for name in leaf.keys() - fields.keys() - {"attribute", "is"}:
            yield self._problem(f"{path}.{_shown(name)}", _("There is nothing of this name here."))
        for name, field in fields.items():
            value = leaf.get(name)
            if value is None:
                if field.required:
                    yield self._problem(f"{path}.{name}", _("Fill this in."))
                continue
            wrong = _Value(self.words, field).wrong(value)
            if wrong:
                yield Problem(f"{path}.{name}", wrong)

    def strangers(self, tree: Any, path: str) -> Iterator[Problem]:
        """Ids the clinic does not have, looked up all at once."""
        named = list(_named(tree, path, self.catalogue))
        for source in {field.source for _path, field, _ids in named}:
            self.catalogue.learn(source, {one for _path, field, ids in named if field.source == source for one in ids})
        for place, field, ids in named:
            for one in ids:
                if self.catalogue.name(field.source, one) is None:
                    yield self._problem(place, _("There is no longer such a choice: %(id)s"), id=_shown(one))

    def _problem(self, path: str, message: str, **values: Any) -> Problem:
        return Problem(path, self.words.gettext(message) % values)


def _can_be_kept(text: str) -> bool:
    """The database takes neither NUL nor half a letter."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(value: Any) -> str:
    """A stranger's text in a message: short."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _named(tree: Any, path: str, catalogue: Catalogue) -> Iterator[tuple[str, Field, list[Any]]]:
    if "attribute" in tree:
        operator = catalogue.attributes[tree["attribute"]].operator(tree["is"])
        for field in operator.fields if operator else ():
            if field.kind == "ids" and tree.get(field.name):
                yield f"{path}.{field.name}", field, tree[field.name]
    elif "not" in tree:
        yield from _named(tree["not"], f"{path}.not", catalogue)
    else:
        for key in tree.keys() & {"all", "any"}:
            for number, child in enumerate(tree[key]):
                yield from _named(child, f"{path}.{key}[{number}]", catalogue)


class _Value:
    """The value of one field."""

    def __init__(self, words: Words, field: Field) -> None:
        self.words, self.field = words, field

    def wrong(self, value: Any) -> str:
        """What is wrong with it; empty when nothing is."""
        found: str = getattr(self, f"_{self.field.kind}")(value)
        return found

    def _say(self, message: str, **values: Any) -> str:
        return self.words.gettext(message) % values

    def _number(self, value: Any) -> str:
        if not _is_number(value):
            return self._say(_("A number is needed."))
        if self.field.whole and value != int(value):
            return self._say(_("A whole number is needed."))
        if not self.field.least <= value <= self.field.most:
            borders = {"least": self.words.number(self.field.least), "most": self.words.number(self.field.most)}
            return self._say(_("A number from %(least)s to %(most)s is needed."), **borders)
        return ""

    def _range(self, value: Any) -> str:
        if not isinstance(value, list) or len(value) != 2:
            return self._say(_("Two numbers are needed."))
        wrong = self._number(value[0]) or self._number(value[1])
        return wrong or (self._say(_("The first number must not be greater.")) if value[0] > value[1] else "")

    def _date(self, value: Any) -> str:
        try:
            day = datetime.date.fromisoformat(value)
        except (TypeError, ValueError):
            return self._say(_("A date is needed."))
        return "" if 1900 <= day.year <= 2200 else self._say(_("A date from 1900 to 2200 is needed."))

    def _days(self, value: Any) -> str:
        if not isinstance(value, dict) or value.keys() - {"from", "to", "unit"}:
            return self._say(_("A window is needed: from, to, unit."))
        unit = value.get("unit")
        if unit not in UNITS:
            return self._say(_("Choose days, weeks, months or years."))
        start, end = value.get("from"), value.get("to")
        if start is None and end is None:
            return self._say(_("Fill in at least one border."))
        borders = [border for border in (start, end) if border is not None]
        if not all(_is_number(border) and border == int(border) for border in borders):
            return self._say(_("Whole numbers are needed."))
        if not all(0 <= border <= LONGEST[unit] for border in borders):
            return self._say(_("Numbers from 0 to %(most)s are needed."), most=LONGEST[unit])
        if end is not None and end <= (start or 0):
            return self._say(_("The window is empty: the second number must be greater."))
        return ""

    def _count(self, value: Any) -> str:
        if not isinstance(value, dict) or value.keys() - {"at_least", "at_most"}:
            return self._say(_("Say how many times: at_least, at_most."))
        borders = [value[key] for key in ("at_least", "at_most") if value.get(key) is not None]
        if not borders:
            return self._say(_("Fill in at least one border."))
        wrong = next(filter(None, map(self._number, borders)), "")
        if wrong:
            return wrong
        if len(borders) == 2 and borders[0] > borders[1]:
            return self._say(_("The first number must not be greater."))
        if value.get("at_least") == 0 and value.get("at_most") is None:
            return self._say(_("Nobody is left out by this: write 1 or more."))
        return ""

    def _choice(self, value: Any) -> str:
        allowed = [code for code, _label in self.field.choices]
        return "" if isinstance(value, str) and value in allowed else self._one_of(allowed)

    def _choices(self, value: Any) -> str:
        allowed = [code for code, _label in self.field.choices]
        wrong = self._list(value)
        return wrong or ("" if all(isinstance(one, str) and one in allowed for one in value) else self._one_of(allowed))

    def _one_of(self, allowed: list[str]) -> str:
        return self._say(_("Choose one of: %(allowed)s"), allowed=", ".join(allowed))

    def _texts(self, value: Any) -> str:
        wrong = self._list(value)
        if wrong:
            return wrong
        fits = all(isinstance(one, str) and len(one.strip()) > 0 and len(one) <= LONGEST_TEXT and _can_be_kept(one)
                   for one in value)  # fmt: skip
        return "" if fits else self._say(_("Texts of up to %(most)s letters are needed."), most=LONGEST_TEXT)

    def _ids(self, value: Any) -> str:
        wrong = self._list(value)
        if wrong:
            return wrong
        if self.field.source == "segment":
            return self._texts(value)
        fits = all(isinstance(one, int) and not isinstance(one, bool) and 0 < one <= LARGEST_ID for one in value)
        return "" if fits else self._say(_("Numbers of existing choices are needed."))

    def _list(self, value: Any) -> str:
        if not isinstance(value, list):
            return self._say(_("A list is needed."))
        if not value:
            return self._say(_("Choose at least one."))
        if len(value) > LONGEST_LIST:
            return self._say(_("At most %(number)s choices."), number=LONGEST_LIST)
        return ""
