"""A patient entered, left or moved between segments of any segmentation; and one who falls, with money at stake."""

import datetime
from abc import abstractmethod
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from segmentation.models import Membership, Segment, Segmentation
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span, Stage
from triggers.rule_types.moves import Direction, Moves, ranks_of, since

_STAY_HELP = _("Whoever has moved on before a message is due is not written to about the old move.")


class SegmentChoiceField(forms.ModelMultipleChoiceField):
    """Segments by the names of their segmentations: two of them may have a segment of the same name."""

    def label_from_instance(self, obj: Segment) -> str:
        return f"{obj.segmentation}: {obj}"


def _segments(label: Any, help_text: Any) -> SegmentChoiceField:
    return SegmentChoiceField(
        Segment.objects.select_related("segmentation"), required=False, label=label, help_text=help_text
    )


class InOneSegmentation(forms.Form):
    """Segments that are named must be those of the segmentation chosen."""

    segmentation = forms.ModelChoiceField(
        Segmentation.objects.all(), label=_("segmentation"), help_text=_("Any division of the base, or an own segment.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen: Any = cleaned.get("segmentation")
        for name in ("out_of", "into") if chosen else ():
            own = set(Segment.objects.filter(segmentation=chosen).values_list("pk", flat=True))
            strangers = [segment for segment in cleaned.get(name) or () if segment.pk not in own]
            if strangers:
                message = _("%(segment)s is not a segment of %(segmentation)s.")
                self.add_error(name, ValidationError(message, params={"segment": strangers[0], "segmentation": chosen}))
        return cleaned


class SegmentMoveForm(InOneSegmentation):
    out_of = _segments(pgettext_lazy("segment", "from"), _("Segments the patient leaves. Empty: any."))
    into = _segments(pgettext_lazy("segment", "to"), _("Segments the patient enters. Empty: any."))
    direction = forms.ChoiceField(
        choices=Direction.choices, initial=Direction.WORSE, label=_("direction"),
        help_text=_("Better and worse by the order in which the segments stand in their segmentation."),
    )  # fmt: skip
    least_money = forms.IntegerField(
        label=_("paid in the year before, from, ₽"), initial=0, min_value=0, max_value=1_000_000_000,
        help_text=_("The money at stake. 0: whatever it is."),
    )  # fmt: skip
    stay = forms.BooleanField(required=False, initial=True, label=_("only while it is so"), help_text=_STAY_HELP)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors or cleaned["out_of"] or cleaned["into"] or cleaned["direction"] != Direction.ANY:
            return cleaned
        raise ValidationError(_("Choose a segment or a direction: every move of everybody would be an occasion."))


class _OfMoves(RuleType):
    """What both types share: the moves are asked for, said to be withdrawn and explained in one way."""

    anchored = "day"
    anchor_words = _("the morning after the move")
    goals = (Goal.VISIT, Goal.GROUP, Goal.NONE)

    @abstractmethod
    def moves(self, params: Params) -> Moves:
        """The moves these settings ask for."""

    def defaults(self) -> Params:
        rfm = Segmentation.objects.filter(code="rfm").values_list("pk", flat=True).first()
        return {**super().defaults(), "segmentation": rfm}

    def stored(self, cleaned: dict[str, Any]) -> Params:
        return visits.as_json(cleaned)

    def occasions(self, params: Params, span: Span) -> Query:
        sql = f"""
            SELECT o.patient_id, o.occasion, o.day + 1 AS anchor, {since("o.day", "o.branch_id")} AS since,
                NULL::int AS service_id, NULL::bigint AS visit_id, NULL::int AS branch_id
            FROM ({self.moves(params).sql(span)}) o
        """
        return Query(sql, visits.days(span))

    def withdrawn(self, params: Params) -> str:
        return self.moves(params).withdrawn()

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        moves = self.moves(params)
        held = (
            Membership.objects.filter(patient__in=visits.cards(patient_id), segmentation=moves.segmentation)
            .filter(entered_on__lte=timezone.localdate(now))
            .select_related("segment", "came_from")
            .order_by("-entered_on", "-pk")
            .first()
        )
        if held is None:
            return [
                Clause(gettext("Is in a segment of %(segmentation)s") % {"segmentation": self._named(params)}, False)
            ]
        return self._of_held(moves, held)

    def _of_held(self, moves: Moves, held: Membership) -> list[Clause]:
        if held.left_on:
            left = moves.leavings and held.segment_id in moves.out_of
            told = {"segment": held.segment, "day": date_format(held.left_on, "DATE_FORMAT")}
            return [Clause(gettext("Left “%(segment)s” on %(day)s") % told, left)]
        told = {
            "segment": held.segment, "from": held.came_from, "day": date_format(held.entered_on, "DATE_FORMAT")
        }  # fmt: skip
        if held.came_from_id is None:
            fits = moves.arrivals and held.segment_id in moves.into
            return [Clause(gettext("In “%(segment)s” since %(day)s, from nowhere") % told, fits)]
        fits = (held.came_from_id, held.segment_id) in moves.pairs()
        clauses = [Clause(gettext("Moved from “%(from)s” to “%(segment)s” on %(day)s") % told, fits)]
        if moves.least_money:
            told = {"amount": visits.money(float(held.money or 0)), "least": visits.money(moves.least_money)}
            clauses.append(
                Clause(gettext("Paid %(amount)s in the year before (at least %(least)s)") % told,
                       (held.money or 0) >= moves.least_money)
            )  # fmt: skip
        return clauses

    @staticmethod
    def _named(params: Params) -> str:
        return str(Segmentation.objects.filter(pk=params["segmentation"]).first() or "?")

    def needs(self) -> str:
        return "" if Membership.objects.exists() else gettext("The base has not been segmented yet: no night has run.")


def _names(segments: list[int]) -> str:
    return visits.in_words(list(Segment.objects.filter(pk__in=segments)))


class SegmentMove(_OfMoves):
    code = "segment_move"
    name = _("Move between segments")
    description = _(
        "Reacts when a patient enters a segment, leaves it, or moves to a better or worse one: by RFM, value, "
        "satisfaction, lifecycle, clusters, or an own segment."
    )
    icon = "ti-arrows-exchange"
    stage = "return"
    cooldown_days = 30
    form_class = SegmentMoveForm

    def stage_for(self, params: Params) -> Stage:
        """A move down is of those who stop coming, one up of those whose last visit has brought them there."""
        if params["direction"] == Direction.WORSE:
            return "lapse"
        if params["direction"] == Direction.BETTER:
            return "after"
        known = {pk: rank for pk, rank in ranks_of(params["segmentation"]).items() if rank is not None}
        into = [known[pk] for pk in visits.ids(params, "into") if pk in known]
        if not into:
            return self.stage
        middle = (min(known.values()) + max(known.values())) / 2
        if min(into) > middle:
            return "lapse"
        return "after" if max(into) < middle else self.stage

    def moves(self, params: Params) -> Moves:
        return Moves(
            params["segmentation"], visits.ids(params, "into"), visits.ids(params, "out_of"), params["direction"],
            least_money=int(params["least_money"]), stay=params["stay"],
        )  # fmt: skip

    def sentence(self, params: Params) -> str:
        told = {
            "segmentation": self._named(params), "from": _names(visits.ids(params, "out_of")),
            "to": _names(visits.ids(params, "into")),
        }  # fmt: skip
        if told["from"] and told["to"]:
            words = gettext("In %(segmentation)s the patient moves from %(from)s to %(to)s")
        elif told["to"]:
            words = gettext("In %(segmentation)s the patient enters %(to)s")
        elif told["from"]:
            words = gettext("In %(segmentation)s the patient leaves %(from)s")
        else:
            words = gettext("In %(segmentation)s the patient moves")
        sentence = words % told
        if params["direction"] == Direction.BETTER:
            sentence = gettext("%(move)s, to a better segment") % {"move": sentence}
        elif params["direction"] == Direction.WORSE:
            sentence = gettext("%(move)s, to a worse segment") % {"move": sentence}
        return _with_money(sentence, int(params["least_money"]))


def _with_money(sentence: str, least: int) -> str:
    if not least:
        return f"{sentence}."
    return gettext("%(move)s, and has paid %(amount)s or more in the year before.") % {
        "move": sentence, "amount": visits.money(least)
    }  # fmt: skip


class FallingForm(InOneSegmentation):
    into = _segments(_("only to"), _("Segments that are bad enough. Empty: any that is worse."))
    levels = forms.IntegerField(
        label=_("falls by at least, segments"), initial=2, min_value=1, max_value=50,
        help_text=_("Counted in the order in which the segments stand in their segmentation."),
    )  # fmt: skip
    least_money = forms.IntegerField(
        label=_("paid in the year before, from, ₽"), initial=30_000, min_value=0, max_value=1_000_000_000,
        help_text=_("The money at stake: a call is worth it from here on."),
    )  # fmt: skip
    stay = forms.BooleanField(required=False, initial=True, label=_("only while it is so"), help_text=_STAY_HELP)


class Falling(_OfMoves):
    """A signal for a manager: its ladder is usually a call (D8)."""

    code = "falling"
    name = _("Falling rhythm or value")
    description = _(
        "Raises a task for a manager when a good patient comes less often or brings less: the move down in a "
        "segmentation, with the money at stake. The usual step is a call."
    )
    icon = "ti-trending-down"
    stage = "lapse"
    cooldown_days = 60
    form_class = FallingForm

    def moves(self, params: Params) -> Moves:
        return Moves(
            params["segmentation"], visits.ids(params, "into"), (), Direction.WORSE, int(params["levels"]),
            int(params["least_money"]), params["stay"],
        )  # fmt: skip

    def sentence(self, params: Params) -> str:
        levels = int(params["levels"])
        words = ngettext(
            "In %(segmentation)s the patient falls by at least %(n)s segment",
            "In %(segmentation)s the patient falls by at least %(n)s segments",
            levels,
        )
        sentence = words % {"segmentation": self._named(params), "n": levels}
        if into := visits.ids(params, "into"):
            sentence = gettext("%(move)s, to %(to)s") % {"move": sentence, "to": _names(into)}
        return _with_money(sentence, int(params["least_money"]))
