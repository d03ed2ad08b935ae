"""Every variable a text may use, with its explanation and an example; what is not here is unknown.

`optional` ones may be empty for some patients; `private` ones tell what the patient came for or what the offer is
about, so they are looked at where others can read (subject, preheader, SMS).
"""

import datetime as dt
import difflib
import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from campaigns.rendering.days import with_days
from campaigns.rendering.filters import written_date


@dataclass(frozen=True, slots=True)
class Variable:
    path: str
    group: str
    words: Any
    example: str
    optional: bool = False
    private: bool = False

    @property
    def shown(self) -> str:
        """The example as a letter in the reader's language shows it."""
        example = _example(self)
        return written_date(example, get_language() or "ru", "") if isinstance(example, dt.date) else self.example


PATIENT, RECIPIENT, OFFER, VISIT, NEXT, CLINIC, LINKS = (
    "patient", "recipient", "offer", "last_visit", "appointment", "clinic", "links",
)  # fmt: skip
GROUPS = {
    PATIENT: _("Patient"), RECIPIENT: _("Reader"), OFFER: _("Offer"), VISIT: _("Last visit"),
    NEXT: _("Appointment"), CLINIC: _("Clinic"), LINKS: _("Links and legal lines"),
}  # fmt: skip

CATALOGUE = (
    Variable("patient.first_name", PATIENT, _("first name"), "Анна", optional=True),
    Variable("patient.middle_name", PATIENT, _("patronymic"), "Петровна", optional=True),
    Variable("patient.last_name", PATIENT, _("last name"), "Белова", optional=True),
    Variable("patient.name", PATIENT, _("first name and patronymic"), "Анна Петровна", optional=True),
    Variable("patient.full_name", PATIENT, _("full name"), "Белова Анна Петровна", optional=True),
    Variable("patient.age", PATIENT, _("age, full years"), "42", optional=True),
    Variable("patient.birth_date", PATIENT, _("birth date"), "1984-03-05", optional=True),
    Variable("patient.sex", PATIENT, _('sex: "female", "male" or empty'), "female", optional=True),
    Variable("patient.city", PATIENT, _("city"), "Москва", optional=True),
    Variable("patient.is_child", PATIENT, _("yes for those under 18"), "false"),
    Variable("recipient.first_name", RECIPIENT, _("first name of who reads: the guardian of a child, else the patient"),
             "Анна", optional=True),
    Variable("recipient.middle_name", RECIPIENT, _("patronymic of who reads"), "Петровна", optional=True),
    Variable("recipient.last_name", RECIPIENT, _("last name of who reads"), "Белова", optional=True),
    Variable("recipient.name", RECIPIENT, _("first name and patronymic of who reads"), "Анна Петровна", optional=True),
    Variable("recipient.is_guardian", RECIPIENT, _("yes when a guardian reads for the patient"), "false"),
    Variable("offer.name", OFFER, _("name of the offer"), "Коррекция бровей", private=True),
    Variable("offer.terms", OFFER, _("terms in the reader's language"), "−20 % до конца мая", optional=True,
             private=True),
    Variable("offer.benefit", OFFER, _("the price or the discount, with its sign"), "−20 %", optional=True),
    Variable("offer.value", OFFER, _("the price or the discount as a number"), "20", optional=True),
    Variable("offer.service", OFFER, _("service or group of the offer"), "Перманентный макияж", optional=True,
             private=True),
    Variable("offer.promo_code", OFFER, _("promo code"), "BROVI20", optional=True),
    Variable("offer.valid_from", OFFER, _("valid from"), "2026-05-01", optional=True),
    Variable("offer.valid_until", OFFER, _("valid until, inclusive"), "2026-05-31", optional=True),
    Variable("offer.url", OFFER, _("page of the offer"), "https://clinic.example/brows", optional=True),
    Variable("last_visit.date", VISIT, _("day of the last visit"), "2026-03-14", optional=True),
    Variable("last_visit.days_ago", VISIT, _("days since the last visit"), "62", optional=True),
    Variable("last_visit.service", VISIT, _("main service of the last visit"), "Чистка лица", optional=True,
             private=True),
    Variable("last_visit.services", VISIT, _("list of its services"), "Чистка лица, пилинг", optional=True,
             private=True),
    Variable("last_visit.doctor", VISIT, _("doctor of the last visit"), "Орлова Мария Ивановна", optional=True),
    Variable("last_visit.branch", VISIT, _("branch of the last visit"), "Клиника на Арбате", optional=True),
    Variable("doctor.name", VISIT, _("doctor of the last visit"), "Орлова Мария Ивановна", optional=True),
    Variable("doctor.specialty", VISIT, _("specialty of the doctor"), "косметолог", optional=True, private=True),
    Variable("appointment.date", NEXT, _("day of the next appointment"), "2026-06-02", optional=True),
    Variable("appointment.time", NEXT, _("its time at the branch"), "10:30", optional=True),
    Variable("appointment.doctor", NEXT, _("its doctor"), "Орлова Мария Ивановна", optional=True),
    Variable("appointment.branch", NEXT, _("its branch"), "Клиника на Арбате", optional=True),
    Variable("appointment.service", NEXT, _("its main service"), "Консультация", optional=True, private=True),
    Variable("service.name", NEXT, _("the service the message is about: the one that is due"), "Гигиена полости рта",
             optional=True, private=True),
    Variable("clinic.name", CLINIC, _("name of the clinic"), "Клиника «Весна»", optional=True),
    Variable("clinic.details", CLINIC, _("address and licence"), "Москва, Арбат, 1. Лицензия Л041-…", optional=True),
    Variable("branch.name", CLINIC, _("branch of the patient"), "Клиника на Арбате", optional=True),
    Variable("branch.city", CLINIC, _("city of the branch"), "Москва", optional=True),
    Variable("today", CLINIC, _("the day of sending"), "2026-05-15"),
    Variable("language", CLINIC, _("language of the text"), "ru"),
    Variable("warning", LINKS, _("contraindication warning"), "Имеются противопоказания. …"),
    Variable("unsubscribe_url", LINKS, _("unsubscribes with one click"), "https://clinic.example/u/…"),
    Variable("consent_url", LINKS, _("the patient's own settings of messages"), "https://clinic.example/c/…"),
    Variable("appointment_url", LINKS, _("page of the appointment: confirm, move, cancel"), "https://clinic.example/a/…"),
    Variable("confirm_url", LINKS, _("confirms the appointment"), "https://clinic.example/a/…?do=confirm"),
    Variable("move_url", LINKS, _("asks to move the appointment"), "https://clinic.example/a/…?do=move"),
    Variable("cancel_url", LINKS, _("cancels the appointment"), "https://clinic.example/a/…?do=cancel"),
    Variable("score_url", LINKS, _("page for a score from 0 to 10"), "https://clinic.example/s/…"),
    Variable("review_url", LINKS, _("page for public reviews of the branch"), "https://maps.example/clinic",
             optional=True),
)  # fmt: skip

BY_PATH = {variable.path: variable for variable in CATALOGUE}
ROOTS = {path.split(".")[0] for path in BY_PATH}
LINK = re.compile(r"link_\d{1,4}")
# Addresses that may stand in a link as a whole.
ADDRESSES = (
    "offer.url", "unsubscribe_url", "consent_url", "appointment_url", "confirm_url", "move_url", "cancel_url",
    "score_url", "review_url",
)  # fmt: skip
LISTS = ("last_visit.services",)


def known(path: str) -> bool:
    """Whether a dotted path is a variable; a list may be asked for its size, first and last item."""
    if path in BY_PATH or LINK.fullmatch(path):
        return True
    head, _dot, tail = path.rpartition(".")
    return head in LISTS and tail in ("size", "first", "last")


def nearest(path: str) -> str:
    """The variable most likely meant, or ""."""
    lower = path.lower()
    for one in BY_PATH:
        if one.split(".")[-1] == lower.split(".")[-1] and lower.split(".")[0] in ("", "client", "user", "contact"):
            return one
    found = difflib.get_close_matches(lower, BY_PATH, n=1, cutoff=0.6)
    if found:
        return found[0]
    tails: dict[str, str] = {}
    for one in BY_PATH:
        tails.setdefault(one.split(".")[-1], one)
    found = difflib.get_close_matches(lower.split(".")[-1], tails, n=1, cutoff=0.75)
    return tails[found[0]] if found else ""


def sample(language: str = "ru", full: bool = True) -> dict[str, Any]:
    """The values of the examples, or (not `full`) of a patient of whom nothing is known that may be missing."""
    values: dict[str, Any] = {f"link_{number}": "https://clinic.example/l/…" for number in range(1, 100)}
    for variable in CATALOGUE:
        root, _dot, leaf = variable.path.partition(".")
        value = _example(variable) if full or not variable.optional else None
        if leaf:
            values.setdefault(root, {})[leaf] = value
        else:
            values[root] = value
    values["last_visit"]["services"] = ["Чистка лица", "Пилинг"] if full else []
    return {**with_days(values, language), "language": language}


def _example(variable: Variable) -> Any:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", variable.example):
        return dt.date.fromisoformat(variable.example)
    if variable.example.isdecimal():
        return int(variable.example)
    return False if variable.example == "false" else variable.example
