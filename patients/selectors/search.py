"""Finding patients by what a person types: part of a name, a phone in any formatting, an e-mail, the source's id.

Every word must be found somewhere in `search_text` (lower case, ё written as е), so the trigram index answers; a
trigram index needs three characters, so a query of two letters asks only for last names that begin so. Words are
literal: `%`, `_` and quotes mean themselves.
"""

import re
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from patients.models import Patient

SHOWN = 50
# A word that half the base matches is not ranked over all its matches: so many are looked at.
POOL = 500
TRIGRAM = 3
MAX_WORDS = 8
MAX_LENGTH = 120
_PHONE_PART = re.compile(r"^[+(]?[\d()\-.]*\d[\d()\-.]*$")
_NOT_DIGIT = re.compile(r"\D")

Word = tuple[str, ...]
"""Alternatives of one typed word, any of which will do."""


@dataclass(frozen=True)
class Found:
    """Patients in the order to show; `more` says that the query should be refined, `too_short` that none was made."""

    patients: list[Patient] = field(default_factory=list)
    more: bool = False
    too_short: bool = False


def listed() -> QuerySet[Patient]:
    """Patients that lists show: neither merged into another card nor deleted."""
    return Patient.objects.filter(merged_into__isnull=True, deleted_at__isnull=True)


def normalised(text: str) -> str:
    return " ".join(text.replace("\x00", " ")[:MAX_LENGTH].lower().replace("ё", "е").split())


def words(text: str) -> list[Word]:
    """What was typed as words with their alternatives; neighbouring pieces of a phone number become one word.

    `8 (916) 12` is looked for as `891612` and as `+791612`, because sources keep phones with +7.
    """
    found: list[Word] = []
    digits: list[str] = []
    for token in [*normalised(text).split(), ""]:
        if _PHONE_PART.match(token):
            digits.append(token)
            continue
        if digits:
            found.append(_phone(digits))
            digits = []
        if token:
            found.append((token,))
    return list(dict.fromkeys(found))[:MAX_WORDS]


def _phone(pieces: list[str]) -> Word:
    number = _NOT_DIGIT.sub("", "".join(pieces))
    alternatives = [number]
    if number.startswith("8") and len(number) > TRIGRAM:
        alternatives.append(f"+7{number[1:]}")
    if len(pieces) == 1:
        alternatives.append(pieces[0])  # an id of the source may contain hyphens and dots
    return tuple(dict.fromkeys(alternatives))


def _containing(typed: list[Word]) -> Q:
    condition = Q()
    for alternatives in typed:
        either = Q()
        for word in alternatives:
            either |= Q(search_text__contains=word)
        condition &= either
    return condition


def search(text: str, within: QuerySet[Patient] | None = None, limit: int = SHOWN) -> Found:
    """The patients that contain every word, those whose last name begins with a typed word first. At most 2 queries."""
    patients = listed() if within is None else within
    typed = words(text)
    if not typed:
        return Found()
    if all(len(word) < TRIGRAM for alternatives in typed for word in alternatives):
        return _short(typed, patients, limit)
    matching = patients.filter(_containing(typed))
    pool = list(matching.order_by()[: max(POOL, limit + 1)])
    if len(pool) > POOL:
        pool = [*_by_name_index(typed, matching, limit), *pool]
    ranked = sorted({patient.pk: patient for patient in pool}.values(), key=lambda patient: _rank(patient, typed))
    return Found(ranked[:limit], more=len(ranked) > limit)


def _short(typed: list[Word], patients: QuerySet[Patient], limit: int) -> Found:
    """One or two letters: last names beginning with them, in the order of the name index."""
    first = typed[0][0]
    if len(first) < 2 or not first.isalpha():
        return Found(too_short=True)
    matching = patients.filter(_containing(typed[1:]), last_name__startswith=first.capitalize())
    shown = list(matching.order_by("last_name", "first_name", "id")[: limit + 1])
    return Found(shown[:limit], more=len(shown) > limit)


def _by_name_index(typed: list[Word], matching: QuerySet[Patient], limit: int) -> list[Patient]:
    """Too many matches to rank: take those whose last name begins with the first word from the name index."""
    name = next((alternatives[0] for alternatives in typed if alternatives[0].isalpha()), "")
    if not name:
        return []
    in_order = matching.filter(last_name__startswith=name.capitalize()).order_by("last_name", "first_name", "id")
    return list(in_order[: limit + 1])


def _rank(patient: Patient, typed: list[Word]) -> tuple[int, str, str, int]:
    name = patient.last_name.lower().replace("ё", "е")
    flat = [word for alternatives in typed for word in alternatives]
    if name in flat:
        place = 0
    elif any(name.startswith(word) for word in flat):
        place = 1
    else:
        place = 2
    return place, name, patient.first_name, patient.pk


def found_ids(text: str, limit: int = 200) -> list[int]:
    """Keys of the patients found, merged and deleted ones included: for the lists of facts in the admin."""
    return [
        patient.pk for patient in search(text, Patient.objects.only("id", "last_name", "first_name"), limit).patients
    ]
