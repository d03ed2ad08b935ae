"""A patient entered, left or moved between segments of any segmentation."""

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

STAY_HELP = _("Whoever has moved on before a message is due is not written to about the old move.")


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
    levels = forms.IntegerField(
        label=_("by at least, segments"), initial=1, min_value=1, max_value=50,
        help_text=_("Of a move to a better or a worse one, counted in the order in which the segments stand."),
    )  # fmt: skip
    least_money = forms.IntegerField(
        label=_("paid in the year before, from, ₽"), initial=0, min_value=0, max_value=1_000_000_000,
        help_text=_("The money at stake. 0: whatever it is."),
    )  # fmt: skip
    stay = forms.BooleanField(required=False, initial=True, label=_("only while it is so"), help_text=STAY_HELP)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors or cleaned["out_of"] or cleaned["into"] or cleaned["direction"] != Direction.ANY:
            return cleaned
        raise ValidationError(_("Choose a segment or a direction: every move of everybody would be an occasion."))


class OfMoves(RuleType):
    """What both types about moves share: they are asked for, said to be withdrawn and explained in one way."""

    anchored = "day"
    anchor_words = _("the morning after the move")
    goals = (Goal.VISIT, Goal.GROUP, Goal.NONE)

    @abstractmethod
    def moves(self, params: Params) -> Moves:
        """The moves these settings ask for."""

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
            named = {"segmentation": _named(moves.segmentation)}
            return [Clause(gettext("Is in a segment of %(segmentation)s") % named, False)]
        return self.of_held(moves, held)

    def of_held(self, moves: Moves, held: Membership) -> list[Clause]:
        """The last membership of the patient in words."""
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

    def needs(self) -> str:
        return "" if Membership.objects.exists() else gettext("The base has not been segmented yet: no night has run.")


def _named(segmentation: int) -> str:
    return str(Segmentation.objects.filter(pk=segmentation).first() or "?")


def _names(segments: list[int]) -> str:
    return visits.in_words(list(Segment.objects.filter(pk__in=segments)))


class SegmentMove(OfMoves):
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

    def defaults(self) -> Params:
        rfm = Segmentation.objects.filter(code="rfm").values_list("pk", flat=True).first()
        return {**super().defaults(), "segmentation": rfm}

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
            levels=_levels(params), least_money=int(params["least_money"]), stay=params["stay"],
        )  # fmt: skip

    def sentence(self, params: Params) -> str:
        told = {
            "segmentation": _named(params["segmentation"]), "from": _names(visits.ids(params, "out_of")),
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
        if (levels := _levels(params)) > 1:
            by = ngettext("%(move)s, by at least %(n)s segment", "%(move)s, by at least %(n)s segments", levels)
            sentence = by % {"move": sentence, "n": levels}
        return with_money(sentence, int(params["least_money"]))


def _levels(params: Params) -> int:
    """Rules made before it could be said have none."""
    return 1 if params["direction"] == Direction.ANY else int(params.get("levels") or 1)


def with_money(sentence: str, least: int) -> str:
    if not least:
        return f"{sentence}."
    return gettext("%(move)s, and has paid %(amount)s or more in the year before.") % {
        "move": sentence, "amount": visits.money(least)
    }  # fmt: skip
