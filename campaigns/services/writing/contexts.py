"""What a text may know about a patient: looked up for a whole batch in a fixed number of queries.

Only what the texts of the batch ask for is read: a birthday greeting never sees a visit. Values that are missing are
None, so that `{% if patient.middle_name %}` and `default` work the way one expects.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from campaigns import links, rendering
from campaigns.models import Message, Offer, Policy
from campaigns.rendering.days import with_days
from campaigns.rendering.names import LAST, MIDDLE, FullName, Name, sex_of
from campaigns.rendering.variables import LINK
from campaigns.selectors import facts
from patients.models import Branch, Patient

NBSP, THIN, MINUS = "\u00a0", "\u202f", "\u2212"
ADULT = 18
Person = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One text for one patient."""

    key: int
    text: Any
    language: str
    patient_id: int
    recipient_id: int | None = None
    offer_id: int | None = None
    branch_id: int | None = None
    offer: Offer | None = None
    visit_id: int | None = None
    service_id: int | None = None


@dataclass(slots=True)
class Facts:
    """What was read for a batch."""

    policy: Policy
    people: Mapping[int, Person]
    offers: Mapping[int, Offer] = field(default_factory=dict)
    branches: Mapping[int, Branch] = field(default_factory=dict)
    last: Mapping[int, facts.Coming] = field(default_factory=dict)
    next: Mapping[int, facts.Coming] = field(default_factory=dict)
    about: Mapping[int, facts.Coming] = field(default_factory=dict)
    services: Mapping[int, str] = field(default_factory=dict)


def contexts(messages: Sequence[Message], now: dt.datetime) -> dict[int, dict[str, Any]]:
    """The values for each message, by its id. A patient who is gone has none."""
    asked = [
        Asked(message.pk, message.text, message.text.language, message.patient_id, message.recipient_id,
              message.offer_id, message.branch_id, None, message.visit_id, message.service_id)
        for message in messages
        if message.text is not None
    ]  # fmt: skip
    if not asked:
        return {message.pk: {} for message in messages}
    base = links.base_url()
    filled = fill(asked, now, lambda key, wanted: _links(base, key, wanted))
    return {message.pk: {} for message in messages if message.text is None} | filled


def fill(
    asked: Sequence[Asked], now: dt.datetime, addresses: Callable[[int, Iterable[str]], dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """The values for texts and patients, in a ledger or not: a preview asks here too."""
    wanted = {one.key: rendering.wants(one.text) for one in asked}
    read = _read(asked, frozenset().union(*wanted.values()), now)
    today = timezone.localdate(now)
    return {
        one.key: {**_values(one, wanted[one.key], read, today), **addresses(one.key, wanted[one.key])}
        for one in asked
        if one.patient_id in read.people
    }


def _read(asked: Sequence[Asked], wanted: frozenset[str], now: dt.datetime) -> Facts:
    roots = {path.split(".")[0] for path in wanted}
    patients = {one.patient_id for one in asked}
    people = patients | {one.recipient_id for one in asked if one.recipient_id}
    read = Facts(Policy.load(), facts.people(people))
    if "offer" in roots:
        read.offers = Offer.objects.select_related("service", "group").in_bulk(
            {one.offer_id for one in asked if one.offer_id and one.offer is None}
        )
    if roots & {"branch", "last_visit", "appointment", "review_url"}:
        read.branches = facts.branches()
    visits = {one.visit_id for one in asked if one.visit_id} if roots & {"last_visit", "doctor", "appointment"} else ()
    if visits:
        read.about = facts.visits(visits, services=bool(_stems(wanted) & {"last_visit.service", "appointment.service"}))
    services = {one.service_id for one in asked if one.service_id} if "service" in roots else ()
    if services:
        read.services = facts.service_names(services)
    if roots & {"last_visit", "doctor"}:
        read.last = facts.last_visits(patients, now, services="last_visit.service" in _stems(wanted))
    if "appointment" in roots:
        read.next = facts.next_appointments(patients, now, services="appointment.service" in wanted)
    return read


def _stems(wanted: Iterable[str]) -> set[str]:
    return {".".join(path.split(".")[:2]).removesuffix("s") for path in wanted}


def _links(base: str, message_id: int, wanted: Iterable[str]) -> dict[str, Any]:
    """The patient's own addresses. The one for unsubscribing is always there: the header of a mail needs it."""
    made: dict[str, Any] = {"unsubscribe_url": links.unsubscribe_url(base, message_id)}
    for path in wanted:
        if path in links.PERSONAL:
            made[path] = links.PERSONAL[path](base, message_id)
        elif LINK.fullmatch(path):
            made[path] = links.link_url(base, message_id, int(path[5:]))
    return made


def _values(one: Asked, wanted: frozenset[str], read: Facts, today: dt.date) -> dict[str, Any]:
    roots = {path.split(".")[0] for path in wanted}
    person = read.people[one.patient_id]
    reader = read.people.get(one.recipient_id or one.patient_id, person)
    values: dict[str, Any] = {"language": one.language, "today": today}
    if "patient" in roots:
        values["patient"] = _patient(person, today)
    if "recipient" in roots:
        values["recipient"] = {**_names(reader), "is_guardian": reader["id"] != person["id"]}
    if "offer" in roots:
        offer = one.offer or (read.offers.get(one.offer_id) if one.offer_id else None)
        values["offer"] = offer_values(offer, one.language)
    if "clinic" in roots:
        values["clinic"] = {"name": read.policy.clinic_name or None, "details": read.policy.clinic_details or None}
    if "warning" in roots:
        values["warning"] = read.policy.warning if one.language == "ru" else read.policy.warning_en
    if "branch" in roots:
        values["branch"] = _branch(read.branches.get(one.branch_id or person["branch_id"] or 0))
    if "review_url" in roots:
        branch = read.branches.get(one.branch_id or person["branch_id"] or 0)
        values["review_url"] = (branch.review_url or None) if branch else None
    if "service" in roots:
        values["service"] = {"name": read.services.get(one.service_id or 0)}
    values.update(_visits(one, roots, read, today))
    return with_days(values, one.language)


def _names(person: Person) -> dict[str, Any]:
    first, middle, last = (person[key].strip() for key in ("first_name", "middle_name", "last_name"))
    sex = person["sex"] or sex_of(first, middle, last)
    names = Name(first, sex=sex), Name(middle, MIDDLE, sex), Name(last, LAST, sex)
    return {
        "first_name": names[0] or None,
        "middle_name": names[1] or None,
        "last_name": names[2] or None,
        "name": FullName.of(names[0], names[1]) or None,
        "full_name": FullName.of(names[2], names[0], names[1]) or None,
    }


def _patient(person: Person, today: dt.date) -> dict[str, Any]:
    born = person["birth_date"]
    age = None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return {
        **_names(person),
        "sex": person["sex"] or None,
        "birth_date": born,
        "age": age,
        "city": person["city"] or None,
        "is_child": age is not None and age < ADULT,
    }


def offer_values(offer: Offer | None, language: str) -> dict[str, Any]:
    """An offer as texts see it; without an offer every value is missing."""
    if offer is None:
        return dict.fromkeys(
            ("name", "terms", "benefit", "value", "service", "promo_code", "valid_from", "valid_until", "url")
        )
    about = offer.service or offer.group
    return {
        "name": offer.name,
        "terms": (offer.terms if language == "ru" else offer.terms_en or offer.terms) or None,
        "benefit": benefit(offer),
        "value": offer.value,
        "service": about.name if about else None,
        "promo_code": offer.promo_code or None,
        "valid_from": offer.valid_from,
        "valid_until": offer.valid_until,
        "url": offer.url or None,
    }


def benefit(offer: Offer) -> str | None:
    """«1 500 ₽», «−20 %», «−1 000 ₽»; nothing for terms in words."""
    if offer.value is None or offer.kind == Offer.Kind.TERMS:
        return None
    number = f"{offer.value.normalize():,f}".replace(",", THIN).replace(".", ",")
    if offer.kind == Offer.Kind.PERCENT:
        return f"{MINUS}{number}{NBSP}%"
    return f"{'' if offer.kind == Offer.Kind.PRICE else MINUS}{number}{NBSP}₽"


def _branch(branch: Branch | None) -> dict[str, Any]:
    return {"name": branch.name if branch else None, "city": (branch.city or None) if branch else None}


def _visits(one: Asked, roots: set[str], read: Facts, today: dt.date) -> dict[str, Any]:
    values: dict[str, Any] = {}
    last, coming = read.last.get(one.patient_id), read.next.get(one.patient_id)
    about = read.about.get(one.visit_id or 0)
    if about is not None:  # the message is about this one, whatever else the patient has booked
        last, coming = (about, coming) if about.rendered else (last, about)
    if "last_visit" in roots:
        branch = read.branches.get(last.branch_id or 0) if last else None
        values["last_visit"] = {
            "date": last.day if last else None,
            "days_ago": (today - last.day).days if last else None,
            "service": last.services[0] if last and last.services else None,
            "services": list(last.services) if last else [],
            "doctor": (last.doctor or None) if last else None,
            "branch": branch.name if branch else None,
        }
    if "doctor" in roots:
        values["doctor"] = {
            "name": (last.doctor or None) if last else None,
            "specialty": (last.specialty or None) if last else None,
        }
    if "appointment" in roots:
        branch = read.branches.get(coming.branch_id or 0) if coming else None
        zone = ZoneInfo(branch.timezone) if branch else timezone.get_default_timezone()
        values["appointment"] = {
            "date": coming.day if coming else None,
            "time": f"{coming.starts_at.astimezone(zone):%H:%M}" if coming else None,
            "doctor": (coming.doctor or None) if coming else None,
            "branch": branch.name if branch else None,
            "service": coming.services[0] if coming and coming.services else None,
        }
    return values


def reader_of(patient: Patient, today: dt.date) -> int | None:
    """The guardian who reads for a child, as the planning decides it; None when the patient reads."""
    if patient.guardian_id is None or patient.birth_date is None:
        return None
    born = patient.birth_date
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return patient.guardian_id if age < ADULT else None
