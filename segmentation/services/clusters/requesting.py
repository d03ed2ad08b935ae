"""Clusterings made, changed and archived by readers; searches asked for; personas written.

A clustering is a segmentation of the kind `clusters`; its code is chosen by the form that makes it, so that a form
sent twice makes one. Changing what is looked for changes nothing about the clusters in force until a new search.
"""

import datetime as dt
import logging
import re
import uuid
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from segmentation.kinds import KINDS
from segmentation.kinds.clusters import METHODS
from segmentation.kinds.features import DEFAULT, FEATURES
from segmentation.models import ClusterFit, NightlyRun, Segment, Segmentation
from segmentation.selectors.clusters import KIND, base_of
from segmentation.services import own

log = logging.getLogger(__name__)
TASK = "segmentation.tasks.search_clusters"
# After the own segments, in the order of their making.
POSITION = 2000
# A search writes a sign of life at least every few seconds; after so long without one its worker is gone.
LOST = dt.timedelta(seconds=60)
# The English name a cluster is made with.
NUMBERED = re.compile(r"Cluster \d+")
State = ClusterFit.State
UNDER_WAY = (State.WAITING, State.RUNNING)


class NotPossibleError(ValueError):
    """Says in words why a search cannot be asked for now."""


@dataclass(frozen=True)
class Wish:
    """What is looked for. `base`: "rfm:lost", "" for everybody who has come at least once; `k`: 0 for any number."""

    base: str = ""
    features: tuple[str, ...] = DEFAULT
    method: str = METHODS[0]
    k: int = 0

    @classmethod
    def of(cls, segmentation: Segmentation) -> "Wish":
        params = segmentation.params
        return cls(
            params.get("base", ""), tuple(params.get("features", DEFAULT)), params.get("method", METHODS[0]),
            params.get("k") or 0,
        )  # fmt: skip

    def as_params(self) -> dict[str, Any]:
        ordered = [code for code in FEATURES if code in self.features]
        return {"base": self.base, "features": ordered, "method": self.method, "k": self.k}


@dataclass(frozen=True)
class Persona:
    """What the marketer writes about a cluster; `tactic` is what to do with it. An empty name keeps the old one."""

    name: str
    name_en: str = ""
    problem: str = ""
    need: str = ""
    fears: str = ""
    offer: str = ""
    tactic: str = ""
    tactic_en: str = ""


def new_code() -> str:
    return f"cl-{uuid.uuid4().hex[:10]}"


def free_name(code: str, name: str) -> str:
    """The name, with a number when other clusters are called so: two searches in one segment are told apart."""
    others = set(Segmentation.objects.filter(kind=KIND).exclude(code=code).values_list("name", flat=True))
    numbered = (f"{name[:110]} · {number}" for number in range(2, len(others) + 3))
    return name if name not in others else next(one for one in numbered if one not in others)


def problems(code: str, wish: Wish) -> dict[str, str]:
    """What keeps a wish from being saved, in words, by the name of its field; empty when all is well."""
    found: dict[str, str] = {}
    unknown = [feature for feature in wish.features if feature not in FEATURES]
    if not wish.features:
        found["features"] = _("Choose at least one feature.")
    elif unknown:
        found["features"] = _("Unknown features: %(codes)s.") % {"codes": ", ".join(unknown)}
    try:
        KINDS[KIND].clean(wish.as_params())
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            found.setdefault(name, " ".join(messages))
    if wish.base:
        base = base_of(wish.base)
        if base is None or not (base.active and base.segmentation.active):
            found["base"] = _("There is no such segment, or it has been archived.")
        elif own.ring_through(code, base.segmentation.code):
            found["base"] = _("This segment is made of these very clusters.")
    return found


@transaction.atomic
def create(code: str, name: str, name_en: str, wish: Wish) -> Segmentation:
    """Make a clustering; the wish must have no `problems`. Sent twice it is made once. No search is asked for yet."""
    segmentation, _created = Segmentation.objects.get_or_create(
        code=code,
        defaults={"kind": KIND, "name": name, "name_en": name_en, "params": wish.as_params(), "position": POSITION},
    )
    return segmentation


@transaction.atomic
def edit(segmentation: Segmentation, name: str, name_en: str, wish: Wish) -> Segmentation:
    """Change the name or what the next search looks for; the wish must have no `problems`."""
    locked = Segmentation.objects.select_for_update().get(pk=segmentation.pk, kind=KIND)
    locked.name, locked.name_en, locked.params = name, name_en, wish.as_params()
    locked.save(update_fields=["name", "name_en", "params", "updated_at"])
    return locked


def request(segmentation: Segmentation, user: Any = None) -> ClusterFit:
    """A search as things are now, handed to a worker when this transaction ends; while one is under way, that one.

    NotPossibleError says in words why there is nothing to search.
    """
    segmentation = Segmentation.objects.get(pk=segmentation.pk)
    under_way = latest(segmentation, State.WAITING, State.RUNNING)
    if under_way is not None:
        wake(under_way, timezone.now())
        return under_way
    if not segmentation.active:
        raise NotPossibleError(_("These clusters have been archived."))
    wrong = problems(segmentation.code, Wish.of(segmentation))
    if wrong:
        raise NotPossibleError(" ".join(wrong.values()))
    if not NightlyRun.objects.filter(state=NightlyRun.State.DONE).exists():
        raise NotPossibleError(_("No night has been finished yet: there are no figures to look for clusters in."))
    try:
        with transaction.atomic():
            made = ClusterFit.objects.create(
                segmentation=segmentation, asked=Wish.of(segmentation).as_params(), requested_by=user
            )
    except IntegrityError:  # somebody else has just asked: one answer serves both
        found = latest(segmentation, State.WAITING, State.RUNNING)
        if found is None:
            raise
        return found
    transaction.on_commit(lambda: _send(made.pk))
    return made


def latest(segmentation: Segmentation, *states: str) -> ClusterFit | None:
    """The last search in one of these states; without any, the last of all."""
    fits = ClusterFit.objects.filter(segmentation=segmentation)
    return (fits.filter(state__in=states) if states else fits).first()


def status(segmentation: Segmentation) -> ClusterFit | None:
    """The last search, for the page that waits; one whose worker is gone is handed over again."""
    found = latest(segmentation)
    if found is not None:
        wake(found, timezone.now())
    return found


def wake(fit: ClusterFit, now: dt.datetime) -> bool:
    """Send the message again when nobody has been at a search for a while."""
    seen = fit.heartbeat_at or fit.created_at
    if fit.state not in UNDER_WAY or now - seen <= LOST:
        return False
    # Of several pages that wait, one sends: the sign of life has moved for the others.
    mine = ClusterFit.objects.filter(pk=fit.pk, state__in=UNDER_WAY, heartbeat_at=fit.heartbeat_at)
    if not mine.update(heartbeat_at=now):
        return False
    transaction.on_commit(lambda: _send(fit.pk))
    return True


def pick_up(now: dt.datetime) -> int:
    """The periodic check: searches left by dead workers or lost messages."""
    return sum(wake(fit, now) for fit in ClusterFit.objects.filter(state__in=UNDER_WAY))


def save_persona(segment: Segment, persona: Persona) -> Segment:
    """Keep what the marketer wrote about a cluster. The texts stay with the cluster through every fit."""
    renamed = bool(persona.name.strip()) and persona.name.strip() != segment.name
    segment.name = persona.name.strip() or segment.name
    for name in ("name_en", "problem", "need", "fears", "offer", "tactic", "tactic_en"):
        setattr(segment, name, getattr(persona, name).strip())
    if renamed and NUMBERED.fullmatch(segment.name_en):
        segment.name_en = ""  # readers in English see the new name, not a number
    segment.save(update_fields=["name", "name_en", "problem", "need", "fears", "offer", "tactic", "tactic_en"])
    return segment


def archive(segmentation: Segmentation) -> None:
    """Out of the night and of every choice; history and texts stay. Raises own.InUseError while own segments are made
    of these clusters. A search under way ends without a result. Safe to call twice."""
    own.archive(segmentation)


def restore(segmentation: Segmentation) -> None:
    """Bring archived clusters back; patients are in them again from the next night on, or at once when it can be."""
    own.restore(segmentation)


def _send(fit_id: int) -> None:
    try:
        current_app.send_task(TASK, [fit_id], ignore_result=True)
    except Exception as error:  # whatever the broker's client raises: the periodic check hands it over
        log.warning("search for clusters %s was not handed over: %s", fit_id, type(error).__name__)
