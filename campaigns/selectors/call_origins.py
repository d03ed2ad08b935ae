"""Where a call comes from, in the reader's words: a campaign, a score, a wish about an appointment, or whatever an app
above this one knows."""

import datetime as dt
import zoneinfo
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import CallTask, Message, VisitRequest
from campaigns.reports import calls as words
from patients.models import PORTAL, Branch, Feedback, Visit

_SCORE, _WISH = "score:", "visit-request:"


@dataclass(frozen=True)
class Origin:
    """`kind`: what sort of thing asked for the call; `title`: the call in a line; `sentence`: what the rule looks for;
    `facts`: what it is about, with labels; `about`: the same in a word or two; `quote`: the patient's own words;
    `visit_id`: the appointment it is about."""

    kind: str
    name: str
    title: str
    icon: str = "ti-phone"
    url: str = ""
    permission: str = ""
    sentence: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    about: str = ""
    quote: str = ""
    visit_id: int | None = None


# Of messages of no campaign: where they come from.
Told = Callable[[Sequence[int]], dict[int, Origin]]
_told: list[Told] = []


def also_tell(origins: Told) -> Told:
    """An app above this one knows where its messages come from. Told twice, it is asked once."""
    if origins not in _told:
        _told.append(origins)
    return origins


def score_key(message_id: int) -> str:
    """CallTask.key of the call to whoever gave a low score on the page of this message."""
    return f"{_SCORE}{message_id}"


def wish_key(request_id: int) -> str:
    """CallTask.key of a wish about an appointment."""
    return f"{_WISH}{request_id}"


def origins(tasks: Sequence[CallTask]) -> dict[int, Origin]:
    """By task; one made by hand has none. A handful of queries however many tasks."""
    by_message = of_messages([task.message_id for task in tasks if task.message_id])
    keys = [task.key for task in tasks if task.key]
    by_key = {**_scores([key for key in keys if key.startswith(_SCORE)]), **_wishes(keys)}
    found = {}
    for task in tasks:
        origin = by_message.get(task.message_id) if task.message_id else by_key.get(task.key or "")
        if origin is not None:
            found[task.pk] = origin
    return found


def of_messages(message_ids: Sequence[int]) -> dict[int, Origin]:
    """By message: the campaign, or what those above say."""
    of_campaigns = Message.objects.filter(pk__in=message_ids, campaign__isnull=False).select_related("campaign")
    found = {message.pk: _of_campaign(message) for message in of_campaigns} if message_ids else {}
    rest = [pk for pk in message_ids if pk not in found]
    for tell in _told if rest else []:
        found.update(tell(rest))
    return found


def _of_campaign(message: Message) -> Origin:
    name = str(message.campaign)
    url = reverse("campaign", args=[message.campaign_id])
    return Origin(_("Campaign"), name, name, "ti-speakerphone", url, "campaigns.view_campaign")


def _scores(keys: Iterable[str]) -> dict[str, Origin]:
    wanted = list(keys)
    if not wanted:
        return {}
    rows = Feedback.objects.filter(source__code=PORTAL, external_id__in=wanted)
    return {row.external_id: _of_score(row) for row in rows.select_related("visit__branch", "visit__doctor")}


def _of_score(given: Feedback) -> Origin:
    score = _("%(score)s of 10") % {"score": given.score}
    zone = zone_of(given.visit.branch if given.visit else None)
    facts = [(_("Score"), score), (_("Given"), words.moment(given.given_at, zone))]
    if given.visit:
        facts.append((_("Visit"), visit_words(given.visit)))
    about = words.moment(given.visit.starts_at, zone) if given.visit else ""
    return Origin(
        _("Score of a visit"), score, score, "ti-mood-sad", facts=tuple(facts), about=about, quote=given.comment
    )


def _wishes(keys: Iterable[str]) -> dict[str, Origin]:
    numbers = [key.removeprefix(_WISH) for key in keys if key.startswith(_WISH)]
    if not numbers:
        return {}
    rows = VisitRequest.objects.filter(pk__in=[int(number) for number in numbers if number.isdigit()])
    return {wish_key(row.pk): _of_wish(row) for row in rows.select_related("visit__branch", "visit__doctor")}


def _of_wish(wish: VisitRequest) -> Origin:
    zone = zone_of(wish.visit.branch)
    facts = [
        (_("Appointment"), visit_words(wish.visit, wish.starts_at)),
        (_("Asked at"), words.moment(wish.at, zone)),
        (_("Answer"), _answer(wish, zone)),
    ]
    if wish.note:
        facts.append((_("The MIS says"), wish.note))
    kind = _("Wish about an appointment")
    name = str(wish.get_kind_display())
    return Origin(
        kind,
        name,
        name,
        "ti-calendar-question",
        facts=tuple(facts),
        about=words.moment(wish.starts_at, zone),
        quote=wish.wish,
        visit_id=wish.visit_id,
    )


def _answer(wish: VisitRequest, zone: zoneinfo.ZoneInfo) -> str:
    state = VisitRequest.State(wish.state)
    if state == VisitRequest.State.NEW:
        return _("not read by the MIS yet")
    if state == VisitRequest.State.OUTDATED or wish.answered_at is None:
        return str(state.label)
    return f"{state.label}, {words.moment(wish.answered_at, zone)}"


def visit_words(visit: Visit, starts_at: dt.datetime | None = None) -> str:
    """«30.05.2026, 10:30, Клиника на Арбате, Петрова А. И.»"""
    said = [words.moment(starts_at or visit.starts_at, zone_of(visit.branch)), visit.branch, visit.doctor]
    return ", ".join(str(part) for part in said if part)


def zone_of(branch: Branch | None) -> zoneinfo.ZoneInfo:
    """Of a branch, or of the clinic."""
    return zoneinfo.ZoneInfo(branch.timezone if branch else "Europe/Moscow")
