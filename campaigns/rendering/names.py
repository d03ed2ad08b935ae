"""Russian names in their cases, by the rules of the petrovich project (their package carries the data).

The package's own matching leaves out the rules for both sexes as soon as a sex is given (so Никита stays Никита) and
writes a full stop for "unchanged" (Николь.), so the rules are applied here: exceptions first, then endings, those of
the sex and those of both sexes, in the order of the file.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import petrovich.main  # type: ignore[import-untyped]

CASES = ("nominative", "genitive", "dative", "accusative", "instrumental", "prepositional")
RULES: Mapping[str, Any] = json.loads(Path(petrovich.main.DEFAULT_RULES_PATH).read_text(encoding="utf-8"))
FIRST, LAST, MIDDLE, FULL = "firstname", "lastname", "middlename", "full"
# What the endings of the file get wrong: unchanged surnames in -ых/-их, and surnames that keep their -ец.
UNCHANGED_SURNAMES = ("ых", "их", "аго", "яго", "ово")


class Name(str):
    """A name that knows what it is of whom, so that a filter can put it into a case."""

    __slots__ = ("part", "sex")
    part: str
    sex: str

    def __new__(cls, text: str, part: str = FIRST, sex: str = "") -> "Name":
        name = super().__new__(cls, text)
        name.part, name.sex = part, sex
        return name


class FullName(Name):
    """Several names in a row; each is put into the case by itself."""

    __slots__ = ("names",)
    names: tuple[Name, ...]

    @classmethod
    def of(cls, *names: Name) -> "FullName":
        kept = tuple(name for name in names if name)
        full = cls(" ".join(kept), FULL, kept[0].sex if kept else "")
        full.names = kept
        return full


def in_case(name: str, case: str) -> str:
    """Анна → Анне. A plain string is taken for a first name; what has no Cyrillic letter stays as it is."""
    if isinstance(name, FullName):
        return " ".join(in_case(part, case) for part in name.names)
    if isinstance(name, Name):
        return _inflected(str(name), case, name.part, name.sex)
    return _inflected(name, case, FIRST, "")


def sex_of(first_name: str, middle_name: str, last_name: str = "") -> str:
    """The sex told by a patronymic, else by a surname that has two forms; empty when neither tells."""
    middle, last = middle_name.strip().lower(), last_name.strip().lower()
    if middle.endswith(("ич", "оглы")):
        return "male"
    if middle.endswith(("на", "кызы")):
        return "female"
    if last.endswith(("ова", "ева", "ёва", "ина", "ына", "ская", "цкая")):
        return "female"
    if last.endswith(("ов", "ев", "ёв", "ин", "ын", "ский", "цкий")):
        return "male"
    return ""


@lru_cache(maxsize=65_536)
def _inflected(name: str, case: str, part: str, sex: str) -> str:
    index = CASES.index(case) - 1
    if index < 0 or not any("а" <= char <= "я" or char == "ё" for char in name.lower()):
        return name
    words = name.split(" ")
    result = " ".join("-".join(_pieces(word.split("-"), index, part, sex)) for word in words)
    return result.upper() if name.isupper() and len(name) > 1 else result


def _pieces(pieces: list[str], index: int, part: str, sex: str) -> list[str]:
    return [_piece(piece, index, part, sex, len(pieces) > 1 and i == 0) for i, piece in enumerate(pieces)]


def _piece(piece: str, index: int, part: str, sex: str, first_of_several: bool) -> str:
    lower = piece.lower()
    if not lower:
        return piece
    if part == LAST:
        if lower.endswith(UNCHANGED_SURNAMES):
            return piece
        if sex == "male" and lower.endswith("ец") and len(lower) > 3:
            return piece + ("а", "у", "а", "ем", "е")[index]
    if part == FIRST and lower.endswith("ша"):
        sex = "female"  # Саша of either sex: Саши, not Сашы
    sex = sex or _guess(lower, part)
    rule = _rule(lower, part, sex, first_of_several)
    return piece if rule is None else _applied(piece, rule["mods"][index])


def _guess(lower: str, part: str) -> str:
    """Of a name whose bearer's sex is not known, what its ending allows; empty leaves a surname unchanged."""
    if part == MIDDLE:
        return sex_of("", lower)
    if part == LAST:
        return sex_of("", "", lower) or "unknown"
    if lower.endswith(("а", "я")):
        return "female"
    return "unknown" if lower.endswith("ь") else "male"


def _rule(lower: str, part: str, sex: str, first_of_several: bool) -> Any:
    rules = RULES[part]
    for rule in rules.get("exceptions", ()):
        if lower in rule["test"] and _fits(rule, sex, first_of_several):
            return rule
    for rule in rules["suffixes"]:
        if _fits(rule, sex, first_of_several) and lower.endswith(tuple(rule["test"])):
            return rule
    return None


def _fits(rule: Mapping[str, Any], sex: str, first_of_several: bool) -> bool:
    if "first_word" in rule.get("tags", ()) and not first_of_several:
        return False
    return rule["gender"] in (sex, "androgynous")


def _applied(piece: str, change: str) -> str:
    if change == ".":
        return piece
    cut = change.count("-")
    return piece[: len(piece) - cut] + change.replace("-", "")
