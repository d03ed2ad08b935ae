"""What the data page shows: sources, batches, rejected items, stubs, doubles, doubtful records.

Every list is bounded and paged by key; nothing here counts a large table in full.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Exists, Min, Model, OuterRef, Q, QuerySet

from patients.models import Branch, Doctor, IngestBatch, Integration, Patient, Rejected, Service, Visit
from patients.selectors.contacts import readable_phone

COUNT_LIMIT = 1000
PAGE = 50
DOUBTFUL_SHOWN = 50
OLDEST_AGE = 110

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Bounded:
    """A count that stops: 1000 with `more` reads "1000+"."""

    value: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.value}+" if self.more else str(self.value)

    def __bool__(self) -> bool:
        return self.value > 0


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows and the key from which the next page goes on; empty on the last one."""

    rows: Sequence[Row] = field(default_factory=list)
    next_key: str = ""


def bounded_count(rows: QuerySet[Any]) -> Bounded:
    found = rows.order_by()[: COUNT_LIMIT + 1].count()
    return Bounded(min(found, COUNT_LIMIT), found > COUNT_LIMIT)


def _newest_first(rows: QuerySet[M], before: int | None, size: int = PAGE) -> Page[M]:
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    return Page(found[:size], str(found[size - 1].pk) if len(found) > size else "")


def _oldest_first(rows: QuerySet[M], after: int | None, size: int = PAGE) -> Page[M]:
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows.order_by("pk")[: size + 1])
    return Page(found[:size], str(found[size - 1].pk) if len(found) > size else "")


# --- Sources and batches -------------------------------------------------------------------------------------


def sources() -> list[Integration]:
    return list(Integration.objects.outside().order_by("code"))


def batches(source: int | None = None, resource: str = "", before: int | None = None) -> Page[IngestBatch]:
    rows = IngestBatch.objects.select_related("source")
    if source is not None:
        rows = rows.filter(source=source)
    if resource:
        rows = rows.filter(resource=resource)
    return _newest_first(rows, before)


# --- Rejected items ------------------------------------------------------------------------------------------


def rejected_items(resolution: str = "open", resource: str = "", source: int | None = None) -> QuerySet[Rejected]:
    rows = Rejected.objects.filter(resolution=resolution)
    if resource:
        rows = rows.filter(batch__resource=resource)
    if source is not None:
        rows = rows.filter(batch__source=source)
    return rows


def rejected_page(rows: QuerySet[Rejected], before: int | None) -> Page[Rejected]:
    return _newest_first(rows.select_related("batch__source"), before)


# --- Stubs ---------------------------------------------------------------------------------------------------

STUB_MODELS: dict[str, type[Branch] | type[Doctor] | type[Service] | type[Patient]] = {
    "branches": Branch,
    "doctors": Doctor,
    "services": Service,
    "patients": Patient,
}


def stubs(kind: str) -> QuerySet[Any]:
    """Rows that a fact has named and the source has not described yet."""
    rows: QuerySet[Any] = STUB_MODELS[kind]._default_manager.filter(stub=True)
    return rows.filter(deleted_at__isnull=True, merged_into__isnull=True) if kind == "patients" else rows


def stub_counts() -> dict[str, Bounded]:
    return {kind: bounded_count(stubs(kind)) for kind in STUB_MODELS}


def stub_page(kind: str, after: int | None) -> Page[Any]:
    return _oldest_first(stubs(kind).select_related("source"), after)


# --- Possible doubles ----------------------------------------------------------------------------------------

_DOUBLES = """
    SELECT a.phone, a.id, b.id, a.birth_date = b.birth_date AS same_birth
    FROM patients_patient a
    JOIN patients_patient b ON b.phone = a.phone AND b.phone <> '' AND b.id > a.id
    WHERE a.phone <> '' AND (a.phone, a.id) > (%(phone)s, %(id)s)
      AND a.merged_into_id IS NULL AND a.deleted_at IS NULL AND b.merged_into_id IS NULL AND b.deleted_at IS NULL
      AND (
        (a.birth_date = b.birth_date AND (a.sex = b.sex OR a.sex = '' OR b.sex = '')
         AND (lower(a.first_name) = lower(b.first_name) OR a.first_name = '' OR b.first_name = ''))
        OR (a.last_name <> '' AND lower(a.last_name) = lower(b.last_name)
            AND lower(a.first_name) = lower(b.first_name)
            AND (a.birth_date IS NULL OR b.birth_date IS NULL OR a.birth_date = b.birth_date))
      )
    ORDER BY a.phone, a.id, b.id
    LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Double:
    """Two cards that look like one person, and by what."""

    one: Patient
    other: Patient
    same_birth: bool

    @property
    def cards(self) -> tuple[Patient, Patient]:
        return self.one, self.other

    @property
    def phone(self) -> str:
        return readable_phone(self.one.phone)


def doubles(after_id: int | None = None, size: int = PAGE) -> Page[Double]:
    """Pairs on one phone that also share the birth date, or the last and first name, and contradict in neither.

    Twins share a phone and a birth date, a mother and a daughter may share a name: so first names and birth dates
    that are both known and differ keep a pair out. The key of a page is the id of its last first patient; the phone
    that goes with it is looked up, so that no phone gets into an address.
    """
    start = Patient.objects.filter(pk=after_id).values_list("phone", "pk").first() if after_id else None
    phone, first = start or ("", 0)
    with connection.cursor() as cursor:
        cursor.execute(_DOUBLES, {"phone": phone, "id": first, "limit": size + 1})
        found = cursor.fetchall()
    more = len(found) > size
    if more:  # a page ends between two first patients, never inside one, because the key names the first patient
        cut = [row for row in found[:size] if row[1] != found[size][1]]
        found = cut or found[:size]
    cards = Patient.objects.select_related("source").in_bulk({pk for row in found for pk in row[1:3]})
    pairs = [
        Double(cards[one], cards[other], bool(same)) for _phone, one, other, same in found if {one, other} <= set(cards)
    ]
    return Page(pairs, str(found[-1][1]) if more else "")


# --- Doubtful records ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Doubt:
    """One kind of doubtful record with the first of them; `more` when there are others."""

    code: str
    patients: Sequence[Patient] = ()
    visits: Sequence[Visit] = ()
    more: bool = False

    @property
    def shown(self) -> int:
        return len(self.patients) or len(self.visits)


def doubts(today: dt.date) -> list[Doubt]:
    people = Patient.objects.filter(deleted_at__isnull=True, merged_into__isnull=True).select_related("source")
    visits = Visit.objects.filter(deleted_at__isnull=True).select_related("patient", "source")
    oldest = today.replace(year=today.year - OLDEST_AGE, day=min(today.day, 28))
    return [
        _doubtful_people("born_in_future", people.filter(birth_date__gt=today).order_by("-birth_date", "pk")),
        _doubtful_people("too_old", people.filter(birth_date__lt=oldest).order_by("birth_date", "pk")),
        _doubtful_people("visited_before_birth", _visited_before_birth(people)),
        _doubtful_visits(
            "done_in_future",
            visits.filter(starts_on__gt=today, status=Visit.Status.COMPLETED).order_by("-starts_on", "pk"),
        ),
        _doubtful_visits("negative_total", visits.filter(amount__lt=0).order_by("-pk")),
    ]


def _visited_before_birth(people: QuerySet[Patient]) -> QuerySet[Patient]:
    """Only those born after the very first visit can be meant: a small part of the base, found by an index."""
    first = Visit.objects.aggregate(day=Min("starts_on"))["day"]
    if first is None:
        return people.none()
    earlier = Visit.objects.filter(
        patient=OuterRef("pk"), starts_on__lt=OuterRef("birth_date"), deleted_at__isnull=True
    )
    return people.filter(Q(birth_date__gt=first), Exists(earlier)).order_by("-birth_date", "pk")


def _doubtful_people(code: str, rows: QuerySet[Patient]) -> Doubt:
    found = list(rows[: DOUBTFUL_SHOWN + 1])
    return Doubt(code, patients=found[:DOUBTFUL_SHOWN], more=len(found) > DOUBTFUL_SHOWN)


def _doubtful_visits(code: str, rows: QuerySet[Visit]) -> Doubt:
    found = list(rows[: DOUBTFUL_SHOWN + 1])
    return Doubt(code, visits=found[:DOUBTFUL_SHOWN], more=len(found) > DOUBTFUL_SHOWN)
