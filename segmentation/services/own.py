"""Own segments: made by readers from conditions or lists, kept by the night like all others.

Each is a segmentation with one segment. Its code is chosen by the form that makes it, so that a form sent twice makes
one segment.
"""

import datetime
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from segmentation.conditions import Problem, Tree
from segmentation.kinds import KINDS, MEMBERS, late_kinds, own_kinds
from segmentation.kinds.rule import asked_of
from segmentation.models import ListedPatient, Membership, NightlyRun, Segment, Segmentation
from segmentation.services import audiences, memberships, order, totals
from segmentation.services.night import Night

# After the segmentations of the clinic, in the order of their making.
POSITION = 1000
LOCK_NOT_AVAILABLE = "55P03"


class InUseError(Exception):
    """Other own segments are made of this one."""

    def __init__(self, users: list[Segmentation]) -> None:
        super().__init__(", ".join(str(one) for one in users))
        self.users = users


@dataclass(frozen=True)
class Look:
    """How a segment is called and shown."""

    name: str
    name_en: str = ""
    colour: str = "#4c6ef5"
    texts: dict[str, str] = field(default_factory=dict)  # description, tactic and their English twins


def new_code() -> str:
    return f"own-{uuid.uuid4().hex[:10]}"


def own_segments(*, active: bool = True) -> list[Segmentation]:
    return list(Segmentation.objects.filter(kind__in=own_kinds(), active=active).order_by("position", "id"))


def ring_of(code: str, tree: Tree) -> list[Problem]:
    """A segment must not be made of itself, directly or through others."""
    asked = asked_of(Segmentation(code=code, kind="rule", params={"where": tree}))
    if ring_through(code, *asked):
        return [Problem("where", _("These conditions come back to the segment itself."))]
    return []


def ring_through(code: str, *made_of: str) -> bool:
    """Whether a segmentation made of these would be made of itself."""
    needs = order.needs(Segmentation.objects.filter(kind__in=late_kinds()))
    reached, ahead = set[str](), set(made_of)
    while ahead:
        step = ahead.pop()
        if step == code:
            return True
        if step not in reached:
            reached.add(step)
            ahead |= needs.get(step, set())
    return False


def problems(code: str, tree: Any) -> list[Problem]:
    """What keeps a tree from becoming the conditions of the segment `code`."""
    return audiences.problems(tree) or ring_of(code, tree)


@transaction.atomic
def save_rule(code: str, look: Look, where: Tree) -> Segmentation:
    """Make or change an own segment by conditions. The conditions must have no `problems`."""
    return _save(code, "rule", look, {"where": where})


@transaction.atomic
def save_list(code: str, look: Look, patients: Collection[int], *, replace: bool) -> Segmentation:
    """Make or change an own segment by a list; the patients are added to those who are on it, or take their place."""
    segmentation = _save(code, "listed", look, {})
    Segmentation.objects.select_for_update().get(pk=segmentation.pk)
    if replace:
        ListedPatient.objects.filter(segmentation=segmentation).exclude(patient__in=patients).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO segmentation_listedpatient (segmentation_id, patient_id) "
            "SELECT %s, id FROM patients_patient WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
            [segmentation.pk, list(patients)],
        )
    return segmentation


def _save(code: str, kind: str, look: Look, params: dict[str, Any]) -> Segmentation:
    names = {"name": look.name, "name_en": look.name_en}
    segmentation, _created = Segmentation.objects.update_or_create(
        code=code, defaults={**names, "params": params}, create_defaults={
            **names, "params": params, "kind": kind, "position": POSITION,
        },
    )  # fmt: skip
    Segment.objects.update_or_create(
        segmentation=segmentation, code=MEMBERS, defaults={**names, "colour": look.colour, **look.texts}
    )
    return segmentation


def settle(segmentation: Segmentation) -> bool:
    """Put the members in place at once, as of the last night; False when there is none yet, or one is running.

    Until then the segment is as the last night left it; the next night brings it up to date in any case.
    """
    last = _last_night()
    if last is None:
        return False
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '3s'")
            night = Night(as_of=last, again=True)
            division = night.late(segmentation)
            if division is None:
                return False
            memberships.refresh_one(night, division)
            totals.refresh_one(night, division)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _last_night() -> datetime.date | None:
    done = NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of")
    return done.values_list("as_of", flat=True).first()


def in_words(segmentation: Segmentation) -> dict[str, Any]:
    """What an own segment is made of, for its reader: `sentence`, and `broken` when it no longer holds good."""
    where = segmentation.params.get("where") or {}
    wrong = audiences.problems(where) if segmentation.kind == "rule" else []
    if wrong:
        return {"sentence": " ".join(problem.message for problem in wrong), "broken": True}
    return {"sentence": KINDS[segmentation.kind].describe(segmentation.params), "broken": False}


def users_of(segmentation: Segmentation) -> list[Segmentation]:
    """Active own segments whose conditions ask for this one."""
    rules = Segmentation.objects.filter(kind="rule", active=True).exclude(pk=segmentation.pk)
    return [rule for rule in rules if segmentation.code in asked_of(rule)]


@transaction.atomic
def archive(segmentation: Segmentation) -> None:
    """Take the segment out of the night and of every choice; its history stays. Nobody is in it any more.

    Raises InUseError while other own segments are made of it. Safe to call twice.
    """
    users = users_of(segmentation)
    if users:
        raise InUseError(users)
    Segmentation.objects.filter(pk=segmentation.pk).update(active=False)
    last = _last_night()
    if last:
        open_ones = Membership.objects.filter(segmentation=segmentation, left_on__isnull=True)
        open_ones.filter(entered_on__gte=last).delete()
        open_ones.update(left_on=last)


def restore(segmentation: Segmentation) -> None:
    """Bring an archived segment back, with the members it has today."""
    Segmentation.objects.filter(pk=segmentation.pk).update(active=True)
    segmentation.active = True
    settle(segmentation)
