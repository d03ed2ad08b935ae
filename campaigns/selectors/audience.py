"""The people behind a number of a campaign, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from campaigns.models import Campaign, Message
from campaigns.reasons import REASONS
from patients.models import Patient

PAGE = 50


@dataclass(frozen=True)
class PeopleFilter:
    """A part of the ledger; unknown words of the address are left out."""

    state: str = ""
    reason: str = ""

    @classmethod
    def parse(cls, state: str, reason: str) -> "PeopleFilter":
        known = state if state in Message.State.values else ""
        return cls(known, reason if reason in REASONS else "")


@dataclass
class PeoplePage:
    rows: list[Message] = field(default_factory=list)
    after: int | None = None
    before: int | None = None


def ledger(campaign: Campaign, asked: PeopleFilter) -> QuerySet[Message]:
    rows = Message.objects.filter(campaign=campaign)
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.reason:
        rows = rows.filter(reason=asked.reason)
    return rows


def page(rows: QuerySet[Message], after: int | None, before: int | None) -> PeoplePage:
    """One page in the order of the ledger: two queries, however long it is."""
    if before:
        ids = list(rows.filter(pk__lt=before).order_by("-pk").values_list("pk", flat=True)[: PAGE + 1])
        has_previous, has_next = len(ids) > PAGE, True
        ids = ids[:PAGE][::-1]
    else:
        start = rows.filter(pk__gt=after) if after else rows
        ids = list(start.order_by("pk").values_list("pk", flat=True)[: PAGE + 1])
        has_previous, has_next = bool(after), len(ids) > PAGE
        ids = ids[:PAGE]
    if not ids:
        return PeoplePage()
    found = Message.objects.select_related("patient__branch", "recipient", "branch", "variant").in_bulk(ids)
    shown = [found[pk] for pk in ids if pk in found]
    return PeoplePage(shown, ids[-1] if has_next else None, ids[0] if has_previous else None)


def patients(ids: Sequence[int]) -> list[Patient]:
    """Patients in the order of their ids."""
    found = Patient.objects.select_related("branch").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def everybody(rows: QuerySet[Message]) -> Iterator[Message]:
    """The whole list for a file, read in portions."""
    return rows.select_related("patient", "branch", "variant").order_by("pk").iterator(chunk_size=2000)
