"""Who is in a segment: the list a marketer reads, filters, sorts and takes away. Paged by key.

The key in an address is the id of the last patient shown and nothing else: names get into no log.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import Exists, F, OrderBy, OuterRef, Q, QuerySet

from patients.models import Branch, Consent
from patients.models.catalogue import Sex
from segmentation.models import Membership, Metrics, Score, Segment

PAGE = 50
# A filtered list is counted up to here; beyond it the page says "more than".
COUNT_LIMIT = 10_000

# Name in the address -> fields of Metrics it sorts by, and whether the largest stand first.
SORTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "money": (("money",), True),
    "money_365": (("money_365",), True),
    "last_visit": (("last_visit_on",), True),
    "ltv": (("patient__score__ltv",), True),
    "name": (("patient__last_name", "patient__first_name"), False),
}
AGES: dict[str, tuple[int, int]] = {
    "0-17": (0, 17), "18-24": (18, 24), "25-34": (25, 34), "35-44": (35, 44), "45-54": (45, 54), "55-64": (55, 64),
    "65-120": (65, 120),
}  # fmt: skip
CONTACTS = ("phone", "email", "marketing")


def years_before(day: dt.date, years: int) -> dt.date:
    """The same day so many years before; 29 February becomes 28 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


@dataclass(frozen=True)
class MemberFilter:
    """What a reader asks of a list; words of an address that mean nothing are left out."""

    branch: int | None = None
    sex: str = ""
    age: str = ""
    contact: str = ""
    sort: str = "money_365"
    reverse: bool = False
    after: int | None = None
    before: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "MemberFilter":
        sort = query.get("sort", "")
        name = sort.removeprefix("-")
        known = name in SORTS
        return cls(
            branch=_id(query.get("branch"), 2**31),
            sex=query.get("sex", "") if query.get("sex") in Sex.values else "",
            age=query.get("age", "") if query.get("age") in AGES else "",
            contact=query.get("contact", "") if query.get("contact") in CONTACTS else "",
            sort=name if known else "money_365",
            reverse=known and sort.startswith("-"),
            after=_id(query.get("after"), 2**63),
            before=_id(query.get("before"), 2**63),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.branch or self.sex or self.age or self.contact)

    @property
    def descending(self) -> bool:
        return SORTS[self.sort][1] != self.reverse

    def chosen(self) -> dict[str, str]:
        """What narrows the list, for the log of exports."""
        named = {"branch": str(self.branch or ""), "sex": self.sex, "age": self.age, "contact": self.contact}
        return {name: value for name, value in named.items() if value}


@dataclass
class MemberPage:
    """One page of a list; `after` and `before` are the keys of its neighbours."""

    members: list[Metrics] = field(default_factory=list)
    after: int | None = None
    before: int | None = None


def _id(text: str | None, limit: int) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 and int(text) < limit else None


def in_segment(segment: Segment) -> QuerySet[Metrics]:
    """Patients who are in the segment now."""
    opened = Membership.objects.filter(segment=segment, left_on__isnull=True, patient=OuterRef("pk"))
    return Metrics.objects.filter(Exists(opened))


def in_rfm_cell(recency: int, frequency: int, money: int | None = None) -> QuerySet[Metrics]:
    """Patients with these scores now; any money score when none is asked for."""
    scores = Score.objects.filter(patient=OuterRef("pk"), r=recency, f=frequency)
    return Metrics.objects.filter(Exists(scores.filter(m=money) if money else scores))


def narrowed(members: QuerySet[Metrics], asked: MemberFilter, today: dt.date) -> QuerySet[Metrics]:
    """The list as filtered by its reader; ages are full years on `today`."""
    if asked.branch:
        members = members.filter(
            Q(last_branch=asked.branch) | Q(last_branch__isnull=True, patient__branch=asked.branch)
        )
    if asked.sex:
        members = members.filter(patient__sex=asked.sex)
    if asked.age:
        youngest, oldest = AGES[asked.age]
        members = members.filter(
            patient__birth_date__gt=years_before(today, oldest + 1),
            patient__birth_date__lte=years_before(today, youngest),
        )
    if asked.contact in ("phone", "email"):
        members = members.exclude(**{f"patient__{asked.contact}": ""})
    elif asked.contact == "marketing":
        members = members.filter(
            Exists(
                Consent.objects.filter(
                    patient=OuterRef("pk"), purpose=Consent.Purpose.MARKETING, granted=True, until__isnull=True
                )
            )
        )
    return members


def bounded_count(members: QuerySet[Metrics]) -> int:
    """How many there are, at most one more than `COUNT_LIMIT`."""
    return members.order_by()[: COUNT_LIMIT + 1].count()


def _order(asked: MemberFilter, backwards: bool = False) -> list[OrderBy]:
    descending = asked.descending != backwards
    order = []
    for name in SORTS[asked.sort][0]:
        # Patients without the figure stand last, in whichever direction it is sorted.
        ends = {"nulls_first": True} if backwards else {"nulls_last": True}
        order.append(F(name).desc(**ends) if descending else F(name).asc(**ends))
    order.append(F("pk").desc() if backwards else F("pk").asc())
    return order


def _beyond(asked: MemberFilter, key: int, backwards: bool) -> Q | None:
    """Rows that stand after (or before) the patient `key` in the order asked for."""
    names = SORTS[asked.sort][0]
    values = Metrics.objects.filter(pk=key).values_list(*names).first()
    if values is None:
        return None
    step = "lt" if asked.descending != backwards else "gt"
    tail = Q(pk__lt=key) if backwards else Q(pk__gt=key)
    if values[0] is None:
        missing = Q(**{f"{names[0]}__isnull": True})
        return (~missing | (missing & tail)) if backwards else missing & tail
    found = tail
    for name, value in reversed(list(zip(names, values, strict=True))):
        found = Q(**{f"{name}__{step}": value}) | (Q(**{name: value}) & found)
    # Says again what follows from the rest, so that an index can start at the right place.
    bound = Q(**{f"{names[0]}__{step}e": values[0]})
    if names[0] in ("last_visit_on", "patient__score__ltv") and not backwards:
        return (bound & found) | Q(**{f"{names[0]}__isnull": True})
    return bound & found


def page(members: QuerySet[Metrics], asked: MemberFilter) -> MemberPage:
    """One page: at most three queries, however long the list is."""
    key = asked.after if asked.after is not None else asked.before
    beyond = _beyond(asked, key, asked.after is None) if key is not None else None
    backwards = beyond is not None and asked.after is None
    wanted = members if beyond is None else members.filter(beyond)
    ids = list(wanted.order_by(*_order(asked, backwards)).values_list("pk", flat=True)[: PAGE + 1])
    more = len(ids) > PAGE
    ids = ids[:PAGE]
    if backwards:
        ids.reverse()
    if not ids:
        return MemberPage()
    has_next, has_previous = (True, more) if backwards else (more, beyond is not None)
    return MemberPage(_described(ids), ids[-1] if has_next else None, ids[0] if has_previous else None)


def _described(ids: list[int]) -> list[Metrics]:
    rows = (
        Metrics.objects.filter(pk__in=ids, patient__deleted_at__isnull=True, patient__merged_into__isnull=True)
        .select_related("patient__branch", "patient__score", "last_branch", "main_service")
        .in_bulk()
    )
    # A card deleted since the last night is still a member until the next one; it is not shown.
    return [rows[pk] for pk in ids if pk in rows]


def all_rows(members: QuerySet[Metrics], asked: MemberFilter) -> Iterator[Metrics]:
    """The whole filtered list in its order, read from the database in portions."""
    return (
        members.filter(patient__deleted_at__isnull=True, patient__merged_into__isnull=True)
        .select_related("patient__branch", "patient__channel", "patient__score", "last_branch", "main_service")
        .order_by(*_order(asked))
        .iterator(chunk_size=2000)
    )


def branches() -> list[Branch]:
    return list(Branch.objects.only("pk", "name", "city"))
