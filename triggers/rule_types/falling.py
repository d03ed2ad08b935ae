"""The value of a patient falls: the night expects much less of them than they used to bring, and says why (D8)."""

from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segmentation.kinds import KINDS
from segmentation.models import Membership, Segment
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params
from triggers.rule_types.moves import Moves
from triggers.rule_types.segment_move import STAY_HELP, OfMoves

SEGMENTATION, FALLING = "value_falling", "falling"
KIND = "falling"


class FallingForm(forms.Form):
    least_money = forms.IntegerField(
        label=_("brought a year before, from, ₽"), initial=30_000, min_value=0, max_value=1_000_000_000,
        help_text=_("The money at stake: a call is worth it from here on."),
    )  # fmt: skip
    stay = forms.BooleanField(required=False, initial=True, label=_("only while it is so"), help_text=STAY_HELP)


class Falling(OfMoves):
    """A signal for a manager: its ladder is usually a call. What counts as a fall is set at the segmentation."""

    code = "falling"
    name = _("Falling value")
    description = _(
        "Raises a task for a manager when much less is expected of a patient than they used to bring: fallen silent, "
        "coming rarer, paying less. The usual step is a call."
    )
    icon = "ti-trending-down"
    stage = "lapse"
    cooldown_days = 60
    form_class = FallingForm

    def moves(self, params: Params) -> Moves:
        falling = _falling()
        return Moves(
            falling.segmentation_id if falling else 0, [falling.pk] if falling else [0],
            least_money=int(params["least_money"]), stay=params["stay"], before=True,
        )  # fmt: skip

    def sentence(self, params: Params) -> str:
        if least := int(params["least_money"]):
            return gettext(
                "The value of the patient begins to fall, who used to bring %(amount)s a year or more."
            ) % {"amount": visits.money(least)}  # fmt: skip
        return gettext("The value of the patient begins to fall.")

    def of_held(self, moves: Moves, held: Membership) -> list[Clause]:
        words = {"segment": held.segment, "day": date_format(held.entered_on, "DATE_FORMAT")}
        falls = held.left_on is None and held.segment_id in moves.into
        clauses = [Clause(gettext("In “%(segment)s” since %(day)s") % words, falls)]
        if not falls:
            return clauses
        cause: dict[str, Any] = held.cause or {}
        if why := KINDS[KIND].reason(cause):
            clauses.append(Clause(gettext("Why: %(reason)s") % {"reason": why}, True))
        if moves.least_money:
            told = {"amount": visits.money(cause.get("was") or 0), "least": visits.money(moves.least_money)}
            enough = (cause.get("was") or 0) >= moves.least_money
            clauses.append(Clause(gettext("Brought %(amount)s a year before (at least %(least)s)") % told, enough))
        return clauses

    def needs(self) -> str:
        if Membership.objects.filter(segmentation__code=SEGMENTATION).exists():
            return ""
        return gettext("Nobody's value has been judged yet: it takes a night, a forecast, and patients of some years.")


def _falling() -> Segment | None:
    return Segment.objects.filter(segmentation__code=SEGMENTATION, code=FALLING).first()
