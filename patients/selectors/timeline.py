"""Everything that happened to one patient, newest first, in pages by key."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from patients.models import Consent, Feedback, Payment, Visit, VisitItem

PAGE = 20
KINDS = ("visit", "payment", "feedback", "consent")
"""Of two facts at the same moment the earlier in this list is shown above."""


@dataclass(frozen=True)
class Key:
    """The place of a fact in the timeline; in an address `1709370000000000-1-55`: microseconds, kind, row."""

    at: dt.datetime
    kind: int
    pk: int

    def __str__(self) -> str:
        since_epoch = self.at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return f"{since_epoch // dt.timedelta(microseconds=1)}-{self.kind}-{self.pk}"

    @classmethod
    def parse(cls, text: str) -> "Key | None":
        """The key in an address; nothing when somebody has changed the address by hand."""
        try:
            micros, kind, pk = (int(part) for part in text.rsplit("-", 2))
            at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
        except (ValueError, OverflowError):
            return None
        return cls(at, kind, pk) if 0 <= kind < len(KINDS) and 0 <= pk < 2**63 else None


@dataclass(frozen=True)
class Entry:
    key: Key
    fact: Any

    @property
    def kind(self) -> str:
        return KINDS[self.key.kind]

    @property
    def at(self) -> dt.datetime:
        return self.key.at

    @property
    def local(self) -> dt.datetime:
        """The clock on the wall: of the branch for a visit, of the clinic for everything else (without a zone)."""
        branch = self.fact.branch if self.kind == "visit" else None
        zone = zoneinfo.ZoneInfo(branch.timezone) if branch else None
        return timezone.make_naive(self.at, zone)


@dataclass(frozen=True)
class Page:
    entries: list[Entry]
    next_key: str


def _sources(patient_id: int) -> list[tuple[str, QuerySet[Any]]]:
    """Per kind the time it is ordered by and its rows; withdrawn facts are left out."""
    own: dict[str, Any] = {"patient": patient_id}
    kept = {**own, "deleted_at__isnull": True}
    items = Prefetch("items", VisitItem.objects.select_related("service").order_by("id"))
    visits = Visit.objects.filter(**kept).select_related("branch", "doctor").prefetch_related(items)
    return [
        ("starts_at", visits),
        ("paid_at", Payment.objects.filter(**kept).select_related("visit")),
        ("given_at", Feedback.objects.filter(**own).select_related("visit__doctor")),
        ("at", Consent.objects.filter(**own)),
    ]


def _older(field: str, kind: int, key: Key) -> Q:
    """Rows of one kind that stand below the key."""
    older = Q(**{f"{field}__lt": key.at})
    if kind > key.kind:
        return older | Q(**{field: key.at})
    if kind == key.kind:
        return older | Q(**{field: key.at, "pk__lt": key.pk})
    return older


def timeline(patient_id: int, after: Key | None = None, size: int = PAGE) -> Page:
    """One page: five queries at most, whatever the length of the history."""
    entries: list[Entry] = []
    for kind, (field, rows) in enumerate(_sources(patient_id)):
        if after:
            rows = rows.filter(_older(field, kind, after))
        found = rows.order_by(f"-{field}", "-pk")[: size + 1]
        entries += [Entry(Key(getattr(fact, field), kind, fact.pk), fact) for fact in found]
    entries.sort(key=lambda entry: (entry.key.at, -entry.key.kind, entry.key.pk), reverse=True)
    shown = entries[:size]
    return Page(shown, str(shown[-1].key) if len(entries) > size else "")
