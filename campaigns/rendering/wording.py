"""Words that must not stand where others read them, or not stand in advertising at all: found in any Russian form.

Sources: 38-FZ "On advertising" of 13 March 2006, article 24 (parts 1, 5 and 7: medical services), article 5 (untrue
promises), article 18 (consent and refusal); 323-FZ "On health protection" of 21 November 2011, article 13: that
somebody turned to a doctor at all is a medical secret.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[a-zа-яё]+(?:-[a-zа-яё]+)*", re.IGNORECASE)
_ENDING_LIST = (
    "а я о е и ы у ю ь ой ей ый ий ая яя ое ее ые ие ого его ому ему ым им ых их ую юю ою ею ами ями ам ям ах ях "
    "ов ев ом ем ии ию ия ией иям иями иях ский ского скому ским ском ская скую ские ских"
)
_ENDINGS = tuple(sorted(_ENDING_LIST.split(), key=len, reverse=True))
# Words that tell nothing by themselves.
_COMMON_LIST = (
    "консультац прием врач специалист первичн повторн осмотр лечен диагностик процедур исследован анализ комплексн "
    "услуг сеанс курс один два три женщин мужчин взросл детск ребен пациент программ зона клиник для при или the and "
    "with малог общ"
)
_COMMON = tuple(_COMMON_LIST.split())
# Illnesses and what gives them away; the beginning of a word is enough.
DIAGNOSES = (
    "диагноз", "онколог", "опухол", "метастаз", "злокачеств", "сифилис", "гоноре", "хламиди", "гепатит", "герпес",
    "папиллом", "иппп", "зппп", "вич", "спид", "венеролог", "венерическ", "эректильн", "импотенц", "потенци",
    "простатит", "аденом", "бесплоди", "выкидыш", "аборт", "климакс", "менопауз", "молочниц", "цистит", "недержан",
    "геморро",
    "алкогол", "наркоман", "нарколог", "наркозависим", "депресси", "шизофрен", "психиатр", "психоз", "эпилепси",
    "туберкул", "диабет", "псориаз", "гинеколог", "уролог", "андролог", "проктолог",
    "syphilis", "gonorrh", "chlamydia",
    "herpes", "hepatitis", "cancer", "oncolog", "infertil", "impoten", "erectile", "abortion", "psychiatr",
    "diabetes", "gynecolog", "gynaecolog", "urolog", "proctolog",
)  # fmt: skip
_WHOLE = frozenset(["вич", "спид", "иппп", "зппп"])
PROMISES = re.compile(
    r"\bгаранти\w{0,20}[^.!?\n]{0,60}(?:результат|эффект|излечен|выздоровлен|безопасн|избавлен)"
    r"|\b(?:результат|эффект|излечен|выздоровлен|безопасн)\w{0,20}[^.!?\n]{0,40}гаранти"
    r"|(?:100\s?%|стопроцентн\w{0,20}|абсолютн\w{0,20})\s{0,3}(?:результат|эффект|безопасн|излечен)"
    r"|без\s{1,5}(?:каких[- ]либо\s{1,5})?побочных\s{1,5}(?:эффект|действ)|навсегда\s{1,5}(?:избав|вылеч|забуд)"
    r"|\bguarantee\w{0,20}[^.!?\n]{0,60}(?:result|effect|cure|safe)|\b(?:result|effect|cure)\w{0,20}[^.!?\n]{0,40}guarantee",
    re.IGNORECASE,
)
GUARANTEES = re.compile(r"\b(?:гаранти\w{1,20}|guarantee\w{0,20})", re.IGNORECASE)
HAS_ILLNESS = re.compile(
    r"(?:\bу\s{1,5}вас\s{1,5}(?:\w{1,20}\s{1,5}){0,2}|\bваш[аеу]?\w{0,20}\s{1,5})(?:диагноз|болезн|заболеван|аллерги|артроз|варикоз|диабет|кариес)"
    r"\w{0,20}|\byour\s{1,5}(?:diagnosis|disease|illness)",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"\b(?:спасибо|благодар\w{1,20})\s{1,5}(?:доктор|врач|клиник)\w{0,20}[^.\n]{0,80}(?:вылеч|помог|спас)",
    re.IGNORECASE,
)


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]|(?<=\\w)\\*{1,2}(?=\\w)")
_MIXED = re.compile(r"\b(?=\w*[а-яё])(?=\w*[a-z])\w{2,40}\b", re.IGNORECASE)
_LOOKS_LIKE = str.maketrans("aceopxykmtbhABCEHKMOPTXY", "асеорхукмтвнАВСЕНКМОРТХУ")


def undisguised(text: str) -> str:
    """As it is read: a Latin letter within a Russian word, a soft hyphen or bold in the middle hide no word."""
    return _MIXED.sub(lambda word: word[0].translate(_LOOKS_LIKE), _INVISIBLE.sub("", text))


def folded(text: str) -> str:
    return text.lower().replace("ё", "е")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its ending; at least four letters stay."""
    word = folded(word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def words(text: str) -> Iterator[tuple[str, int]]:
    for match in _WORD.finditer(text):
        yield match[0], match.start()


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A service whose name gives its patient away: one of its `telling` words is enough, else all of them count."""

    name: str
    stems: tuple[str, ...]
    telling: tuple[str, ...]


def sensitive(names: Iterable[str], others: Iterable[str]) -> list[Sensitive]:
    """What to look for. A word that harmless services use too does not tell anything alone."""
    harmless = {stem(word) for name in others for word, _at in words(name)}
    found = []
    for name in names:
        stems = tuple(
            dict.fromkeys(
                stem(word)
                for word, _at in words(name)
                if len(word) > 2 and not stem(word).startswith(_COMMON)
            )
        )  # fmt: skip
        telling = tuple(one for one in stems if len(one) >= 5 and one not in harmless)
        found.append(Sensitive(name, stems, telling))
    return found


def named(text: str, services: Iterable[Sensitive]) -> tuple[str, int] | None:
    """The first sensitive service a text names, in whatever case, and where."""
    there = [(stem(word), at) for word, at in words(text)]
    for service in services:
        for one in service.telling:
            for have, at in there:
                if _alike(have, one):
                    return service.name, at
        if service.stems and not service.telling:
            places = [next((at for have, at in there if _alike(have, one)), None) for one in service.stems]
            if all(place is not None for place in places):
                return service.name, min(place for place in places if place is not None)
    return None


def _alike(have: str, wanted: str) -> bool:
    """гинекологу, гинекологическая ~ гинеколог; уролог ~ урологический."""
    return have.startswith(wanted) or (len(have) >= 6 and wanted.startswith(have))


def diagnosis(text: str) -> tuple[str, int] | None:
    for word, at in words(text):
        low = folded(word)
        if low in _WHOLE or any(low.startswith(one) for one in DIAGNOSES if one not in _WHOLE):
            return word, at
    return None


def shouting(text: str) -> bool:
    """Mostly capitals: mail services take it for spam."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= 8 and sum(char.isupper() for char in letters) / len(letters) > 0.7
