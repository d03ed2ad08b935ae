"""The people a rule has found, page by page, with what became of every message."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from campaigns import reasons as of_messages
from triggers import reasons
from triggers.models import Firing, FiringStep, TriggerRule

PAGE = 50
PERIODS = {"30": 30, "90": 90, "365": 365}
USUAL_PERIOD = "30"
# A ladder may have begun so long before one of its messages.
LADDER = dt.timedelta(days=60)
LOOKING_SECONDS = 5
Key = tuple[dt.datetime, int]


def period_of(query: Mapping[str, str]) -> str:
    period = query.get("period", "")
    return period if period in PERIODS else USUAL_PERIOD


@dataclass(frozen=True)
class FiringFilter:
    """A part of what a rule has found; unknown words of the address mean nothing."""

    state: str = ""
    reason: str = ""
    period: str = USUAL_PERIOD

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "FiringFilter":
        state, reason = query.get("state", ""), query.get("reason", "")
        known = reason in reasons.REASONS or reason in of_messages.REASONS
        return cls(state if state in Firing.State.values else "", reason if known else "", period_of(query))


@dataclass
class FiringPage:
    """`slow`: looking took too long and was given up."""

    rows: list[Firing] = field(default_factory=list)
    after: int | None = None
    before: int | None = None
    slow: bool = False


def found(rule: TriggerRule, asked: FiringFilter, since: dt.datetime) -> QuerySet[Firing]:
    """Firings whose first message (with a reason: the message it stopped) fell due since then."""
    rows = Firing.objects.filter(rule=rule, first_due__gte=since - LADDER if asked.reason else since)
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.reason:
        of_step = Q(reason=asked.reason) & ~Q(state="planned")
        of_message = Q(state="planned", message__reason=asked.reason) & ~Q(message__state="sent")
        stopped = FiringStep.objects.filter(of_step | of_message, firing=OuterRef("pk"), due_at__gte=since)
        rows = rows.filter(Exists(stopped))
    return rows


def page(rows: QuerySet[Firing], after: int | None, before: int | None) -> FiringPage:
    """One page, the latest first: a fixed number of queries, and never longer than a few seconds."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LOOKING_SECONDS * 1000)])
            made = _page(rows, after, before)
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return made
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: the time is over
            raise
        return FiringPage(slow=True)


def _page(rows: QuerySet[Firing], after: int | None, before: int | None) -> FiringPage:
    steps = Prefetch("steps", FiringStep.objects.select_related("step", "message").order_by("due_at", "pk"))
    rows = rows.select_related("patient", "service", "branch").prefetch_related(steps)
    if key := _key(before):
        shown = list(rows.filter(_beyond(key, "gt")).order_by("first_due", "pk")[: PAGE + 1])
        has_previous, has_next = len(shown) > PAGE, True
        shown = shown[:PAGE][::-1]
    else:
        key = _key(after)
        shown = list((rows.filter(_beyond(key, "lt")) if key else rows).order_by("-first_due", "-pk")[: PAGE + 1])
        has_previous, has_next = key is not None, len(shown) > PAGE
        shown = shown[:PAGE]
    if not shown:
        return FiringPage()
    return FiringPage(shown, shown[-1].pk if has_next else None, shown[0].pk if has_previous else None)


def _key(pk: int | None) -> Key | None:
    return Firing.objects.filter(pk=pk).values_list("first_due", "pk").first() if pk else None


def _beyond(key: Key, way: str) -> Q:
    due, pk = key
    return Q(**{f"first_due__{way}": due}) | Q(**{"first_due": due, f"pk__{way}": pk})
