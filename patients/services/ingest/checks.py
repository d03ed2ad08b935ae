"""What a type cannot say: rules between fields, contacts, circles, time stamps, the same identifier twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import connection
from django.utils import timezone

from patients.models import Integration
from patients.models.intake import Resource
from patients.services.ingest.contacts import e164, email_address
from patients.services.ingest.messages import say
from patients.services.ingest.report import Errors
from patients.services.ingest.validation import Checked, Values

CLOCK_SKEW = timedelta(days=2)
IMPLIED_PREFIX = "visit:"
WEB = URLValidator(schemes=["http", "https"])
LOCK = 0x63697263  # "circ"; with the id of the source a key of advisory locks


def stamp(checked: Checked, arrived: datetime) -> None:
    """Give every item the moment its content is from; without one from the source, that is its arrival."""
    latest = (arrived + CLOCK_SKEW).date().isoformat()
    here = timezone.get_default_timezone()
    wrong: dict[int, Errors] = {}
    for value in checked.values:
        sent = value["updated_at"]
        value["stamped"] = sent is not None
        if sent is None:
            value["updated_at"] = arrived
        elif sent.tzinfo is None:
            value["updated_at"] = sent.replace(tzinfo=here)
    for position, value in enumerate(checked.values):
        value["sent_at"] = text = value["updated_at"].isoformat()
        if text > latest:
            wrong[position] = {"updated_at": [say("future")]}
    checked.reject(wrong)


def keep_last(checked: Checked) -> None:
    """Of items with the same identifier the newest stays, of equally new ones the last; the others are superseded."""
    values = checked.values
    if len({value["external_id"] for value in values}) == len(values):
        return
    winners: dict[str, int] = {}
    for position, value in enumerate(values):
        before = winners.get(value["external_id"])
        if before is None or values[before]["updated_at"] <= value["updated_at"]:
            winners[value["external_id"]] = position
    keep = sorted(winners.values())
    checked.superseded = len(values) - len(keep)
    checked.values = [values[position] for position in keep]
    checked.index = [checked.index[position] for position in keep]


def branches(checked: Checked, source: Integration) -> None:
    known = timezones()
    wrong: dict[int, Errors] = {}
    for position, value in enumerate(checked.values):
        if value["timezone"] and value["timezone"] not in known:
            wrong.setdefault(position, {})["timezone"] = [say("timezone")]
        if value["review_url"] and not _web_address(value["review_url"]):
            wrong.setdefault(position, {})["review_url"] = [say("address")]
    checked.reject(wrong)


def _web_address(text: str) -> bool:
    """It will be a link in messages: nothing but http and https."""
    try:
        WEB(text)
    except ValidationError:
        return False
    return True


@lru_cache
def timezones() -> frozenset[str]:
    """Names that both Python and PostgreSQL know."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()


def services(checked: Checked, source: Integration) -> None:
    checked.reject(
        {
            position: {"min_age": [say("ages")]}
            for position, value in enumerate(checked.values)
            if value["min_age"] is not None and value["max_age"] is not None and value["min_age"] > value["max_age"]
        }
    )


def packages(checked: Checked, source: Integration) -> None:
    checked.reject(
        {
            position: {"expires_on": [say("package_days")]}
            for position, value in enumerate(checked.values)
            if value["expires_on"] is not None and value["expires_on"] < value["bought_on"]
        }
    )


def slots(checked: Checked, source: Integration) -> None:
    checked.reject(
        {
            position: {"free": [say("more_free")]}
            for position, value in enumerate(checked.values)
            if value["total"] is not None and value["free"] > value["total"]
        }
    )


def payments(checked: Checked, source: Integration) -> None:
    if source.implied_payments:
        checked.reject(
            {
                position: {"external_id": [say("reserved")]}
                for position, value in enumerate(checked.values)
                if value["external_id"].startswith(IMPLIED_PREFIX)
            }
        )


def patients(checked: Checked, source: Integration) -> None:
    wrong: dict[int, Errors] = {}
    for position, value in enumerate(checked.values):
        for field in ("guardian", "referred_by"):
            if value[field] and value[field] == value["external_id"]:
                wrong.setdefault(position, {})[field] = [say("itself")]
    checked.reject(wrong)
    if any(value["guardian"] or value["referred_by"] for value in checked.values):
        # Two requests at once, each with one half of a circle, would not see each other.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, source.pk])
    for field in ("guardian", "referred_by"):
        circles = _circles({v["external_id"]: v[field] for v in checked.values if v[field]}, field, source)
        checked.reject(
            {
                position: {field: [say("circle")]}
                for position, value in enumerate(checked.values)
                if value["external_id"] in circles
            }
        )
    for position, value in enumerate(checked.values):
        _read_contacts(checked, position, value)


def _read_contacts(checked: Checked, position: int, value: Values) -> None:
    """A phone nobody can call must not lose the patient: taken without it, and the item is kept aside as posted."""
    unread: Errors = {}
    if value["phone"]:
        number = e164(value["phone"])
        if number is None:
            unread["phone"] = [say("phone")]
        value["phone"] = number
    if value["email"]:
        address = email_address(value["email"])
        if address is None:
            unread["email"] = [say("email")]
        value["email"] = address
    if unread:
        checked.warn(position, unread)


def _circles(posted: dict[str, str], field: str, source: Integration) -> set[str]:
    """Posted patients whose chain of guardians (or referrers) leads back to themselves, stored links included."""
    if not posted:
        return set()
    links = {**_stored_links(set(posted.values()), field, source), **posted}
    found = set()
    for start in posted:
        seen, at = {start}, links.get(start)
        while at is not None and at not in seen:
            seen.add(at)
            at = links.get(at)
        if at == start:
            found.add(start)
    return found


def _stored_links(starts: Iterable[str], field: str, source: Integration) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE chain AS (
                SELECT p.id, p.external_id, p.{field}_id AS next_id FROM patients_patient p
                WHERE p.source_id = %s AND p.external_id = ANY(%s)
                UNION
                SELECT p.id, p.external_id, p.{field}_id FROM chain c JOIN patients_patient p ON p.id = c.next_id
            )
            SELECT c.external_id, n.external_id FROM chain c JOIN chain n ON n.id = c.next_id
            """,
            [source.pk, list(starts)],
        )
        return dict(cursor.fetchall())


RULES = {
    Resource.BRANCHES: branches,
    Resource.SERVICES: services,
    Resource.PAYMENTS: payments,
    Resource.PATIENTS: patients,
    Resource.PACKAGES: packages,
    Resource.SLOTS: slots,
}


def consent_moments(checked: Checked) -> None:
    """Consents carry no branch: a time without an offset is the clinic's own."""
    here = timezone.get_default_timezone()
    for value in checked.values:
        if value["at"].tzinfo is None:
            value["at"] = value["at"].replace(tzinfo=here)
