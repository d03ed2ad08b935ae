"""Moves between segments, as memberships tell them: which of them a rule is about, in SQL.

The night that notices a move runs after its day is over, so a move is acted upon from the next morning on: that is the
anchor. Three kinds of rows of one segmentation:

    move       a membership opened on the day another one was closed
    arrival    one opened from nowhere: a newcomer, or an own segment, which has no other side. The first night of a
               segmentation puts everybody somewhere and is no arrival
    leaving    one closed without another: of an own segment or a list

Better and worse are by the position of the segment. There is no better and worse between the unknown and the known,
nor among those who have only begun (lead, new, active).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from segmentation.models import Segment, Segmentation
from triggers.rule_types import visits
from triggers.rule_types.base import Span

_BEGINNING = ("lead", "new", "active")
_UNKNOWN = "unknown"


class Direction(models.TextChoices):
    ANY = "any", pgettext_lazy("direction", "any")
    BETTER = "better", _("to a better one")
    WORSE = "worse", _("to a worse one")


@dataclass(frozen=True)
class Moves:
    """Which moves: into one of `into`, out of one of `out_of` (empty: any), in a direction, with money at stake.

    `before`: the money at stake is what the patient brought a year before the fall, as the cause has it, and not what
    was paid in the last year, in which they may have been silent.
    """

    segmentation: int
    into: Sequence[int] = ()
    out_of: Sequence[int] = ()
    direction: str = Direction.ANY
    levels: int = 1
    least_money: int = 0
    stay: bool = True
    before: bool = False

    @property
    def arrivals(self) -> bool:
        """Of who comes from nowhere only a cause can say what is at stake."""
        told = self.before or not self.least_money
        return bool(self.into) and not self.out_of and self.direction == Direction.ANY and told

    @property
    def leavings(self) -> bool:
        return bool(self.out_of) and not self.into and self.direction == Direction.ANY and not self.least_money

    def pairs(self) -> list[tuple[int, int]]:
        """(from, to) of every move that counts."""
        ranks = ranks_of(self.segmentation)
        return [
            (here, there)
            for here in ranks
            for there in ranks
            if here != there
            and (not self.out_of or here in self.out_of)
            and (not self.into or there in self.into)
            and self._directed(ranks[here], ranks[there])
        ]

    def _directed(self, here: int | None, there: int | None) -> bool:
        if self.direction == Direction.ANY:
            return True
        if here is None or there is None:
            return False
        fall = there - here if self.direction == Direction.WORSE else here - there
        return fall >= max(self.levels, 1)

    def sql(self, span: Span) -> str:
        """SELECT patient_id, occasion, day (the day of the move), branch_id. Parameters: o_first, o_last."""
        parts = [self._moved(span)]
        if self.arrivals:
            parts.append(self._arrived(span))
        if self.leavings:
            parts.append(self._left(span))
        return f"""SELECT a.patient_id, a.occasion, a.day, p.branch_id
            FROM ({" UNION ALL ".join(parts)}) a JOIN patients_patient p ON p.id = a.patient_id"""

    def _moved(self, span: Span) -> str:
        pairs = ", ".join(f"({here}, {there})" for here, there in self.pairs()) or "(0, 0)"
        return f"""
            SELECT m.patient_id, {_occasion("m")} AS occasion, m.entered_on AS day FROM segmentation_membership m
            WHERE m.segmentation_id = {int(self.segmentation)} AND {_on_days("m.entered_on")}
                AND m.came_from_id IS NOT NULL AND (m.came_from_id, m.segment_id) IN ({pairs}) {self._at_stake()}
                {self._still_there("m", span)} {span.only("m.patient_id")}
        """

    def _arrived(self, span: Span) -> str:
        """The nights of a segmentation have left totals since the first of them."""
        first_night = f"""coalesce((SELECT min(t.as_of) FROM segmentation_segmenttotal t
            WHERE t.segment_id IN (SELECT s.id FROM segmentation_segment s
                WHERE s.segmentation_id = {int(self.segmentation)})), '-infinity')"""
        return f"""
            SELECT m.patient_id, {_occasion("m")}, m.entered_on FROM segmentation_membership m
            WHERE m.segment_id IN ({visits.listed(self.into)}) AND {_on_days("m.entered_on")}
                AND m.came_from_id IS NULL AND m.entered_on > {first_night} {self._at_stake()}
                {self._still_there("m", span)} {span.only("m.patient_id")}
        """

    def _at_stake(self) -> str:
        stake = "(m.cause ->> 'was')::numeric" if self.before else "m.money"
        return f"AND {stake} >= {int(self.least_money)}" if self.least_money else ""

    def _left(self, span: Span) -> str:
        back = ""
        if self.stay:
            back = f"""AND NOT EXISTS (SELECT FROM segmentation_membership n
                WHERE n.patient_id = m.patient_id AND n.segment_id = m.segment_id
                    AND n.entered_on > m.left_on AND n.entered_on < {span.known_by(_morning("m.left_on"))})"""
        return f"""
            SELECT m.patient_id, 'left:' || m.segment_id || ':' || to_char(m.left_on, 'YYYY-MM-DD'), m.left_on
            FROM segmentation_membership m
            WHERE m.segment_id IN ({visits.listed(self.out_of)}) AND m.left_on IS NOT NULL AND {_on_days("m.left_on")}
                AND NOT EXISTS (SELECT FROM segmentation_membership n WHERE n.patient_id = m.patient_id
                    AND n.segmentation_id = m.segmentation_id AND n.entered_on = m.left_on)
                {back} {span.only("m.patient_id")}
        """

    def _still_there(self, m: str, span: Span) -> str:
        """Not moved on by the nights before the first message: what the night after it found was not known then."""
        if not self.stay:
            return ""
        return f"AND ({m}.left_on IS NULL OR {m}.left_on >= {span.known_by(_morning(f'{m}.entered_on'))})"

    def withdrawn(self) -> str:
        """The night was run again and the move taken back; with `stay` also: the patient has moved on, or is back."""
        open_only = "AND m.left_on IS NULL" if self.stay else ""
        back = f"""EXISTS (SELECT FROM segmentation_membership m WHERE m.patient_id = f.patient_id
            AND m.segmentation_id = {int(self.segmentation)} AND m.left_on IS NULL
            AND m.segment_id::text = split_part(f.occasion, ':', 2))"""
        return f"""CASE WHEN starts_with(f.occasion, 'left:') THEN {back if self.stay else "false"}
            ELSE NOT EXISTS (SELECT FROM segmentation_membership m WHERE m.patient_id = f.patient_id
                AND m.segmentation_id = {int(self.segmentation)} AND {_occasion("m")} = f.occasion {open_only}) END"""


def since(day: str, branch: str) -> str:
    """SQL of the moment from which an appointment meets the goal: the morning after the move."""
    return visits.midnight(_morning(day), branch)


def ranks_of(segmentation: int) -> dict[int, int | None]:
    """The rank of each segment, smaller is better; None: neither better nor worse than any."""
    kind = Segmentation.objects.filter(pk=segmentation).values_list("kind", flat=True).first()
    segments = list(Segment.objects.filter(segmentation=segmentation).values_list("pk", "code"))
    ranks: dict[int, int | None] = {}
    rank = 0
    for pk, code in segments:
        if code == _UNKNOWN:
            ranks[pk] = None
            continue
        if not (kind == "lifecycle" and code in _BEGINNING and ranks):
            rank += 1
        ranks[pk] = rank
    return ranks


def _occasion(m: str) -> str:
    return f"{m}.segment_id || ':' || to_char({m}.entered_on, 'YYYY-MM-DD')"


def _morning(day: str) -> str:
    return f"({day} + 1)"


def _on_days(day: str) -> str:
    """The morning after lies on the days asked for."""
    return f"{day} BETWEEN %(o_first)s::date - 1 AND %(o_last)s::date - 1"
