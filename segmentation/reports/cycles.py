"""Return cycles in words and pictures."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients import wording
from patients.models.catalogue import Sex
from segmentation.models import LearnedCycle
from segmentation.reports.pictures import Picture
from segmentation.selectors.cycle_pages import Row
from segmentation.selectors.cycles import Point

# No interval is set by hand, and the learned one is not used either.
UNUSED = {
    "seldom": gettext_lazy("only %(share)s come again: the learned interval is not used, nobody becomes due"),
    "any_time": gettext_lazy(
        "they come again at no particular time: the learned interval is not used, nobody becomes due"
    ),
    "course": gettext_lazy(
        "they come again as soon as in a course of treatment: the learned interval is not used, nobody becomes due"
    ),
}
# One is set by hand, and makes people due all the same.
UNFOUNDED = {
    "seldom": gettext_lazy("set by hand to %(days)s, so people count as due, though only %(share)s come again"),
    "any_time": gettext_lazy(
        "set by hand to %(days)s, so people count as due, though they come again at no particular time"
    ),
    "course": gettext_lazy(
        "set by hand to %(days)s, so people count as due, though they come again as soon as in a course of treatment"
    ),
}


def whom(sex: str, age_from: int | None, age_to: int | None) -> str:
    """Those an interval is for: "women 30–44"; "all patients" when it is for everybody."""
    words = {Sex.FEMALE.value: _("women %(ages)s"), Sex.MALE.value: _("men %(ages)s")}
    if age_from is None:
        return _("all patients")
    ages = f"{age_from}+" if age_to is None else f"{age_from}–{age_to}"
    return words.get(sex, _("patients %(ages)s")) % {"ages": ages}


def verdict(row: Row) -> str:
    """The interval set beside the one learned, in words: which due dates follow, and whether patients come by it."""
    learned, difference = row.learned, row.difference
    if learned is None:
        return _("set; too few have come again to learn one")
    figures = {"days": wording.days(row.by_hand), "share": wording.share(learned.returning)}
    if row.unfounded:
        return str(UNFOUNDED[row.unused]) % figures + _how_far(row)
    if row.service.recall_days == 0:
        return _("set to 0: the service does not repeat, nobody becomes due")
    if row.unused:
        return str(UNUSED[row.unused]) % figures
    if row.counts:
        return _("none is set: due dates follow the learned one")
    if difference is None:
        return _("not used: learning is switched off")
    if not row.differs:
        return _("as set")
    if difference > 0:
        return _("most come later than set, by %(days)s") % {"days": wording.days(difference)}
    return _("most come sooner than set, by %(days)s") % {"days": wording.days(-difference)}


def _how_far(row: Row) -> str:
    """Behind a warning: on which side of the interval set most of those who do come again come."""
    if not row.differs or row.difference is None:
        return ""
    return _("; most returns are later") if row.difference > 0 else _("; most returns are sooner")


def advice(row: Row) -> str:
    """What to do where what is set is not what patients do; empty where there is nothing to do."""
    if row.unfounded and row.unused != "any_time":
        return _("If no doctor asks for this interval, clear it: then nobody becomes due by it.")
    if row.unfounded and row.differs and row.learned:
        near = {"days": wording.days(row.learned.days)}
        return _("Set another interval, near %(days)s, or clear it: then nobody becomes due by it.") % near
    if row.differs and row.learned:
        return _("Take the learned interval, unless a doctor asks for the one set.")
    return ""


def headline(rows: Sequence[Row]) -> str:
    """What the list says today."""
    if not any(row.learned for row in rows):
        return _("Nothing has been learned yet: the intervals are those set by hand.")
    differing, counting = sum(row.differs for row in rows), sum(row.counts for row in rows)
    mostly_gone = sum(row.mostly_gone for row in rows)
    said = [
        ngettext("%(n)s service has a return interval.", "%(n)s services have a return interval.", len(rows))
        % {"n": len(rows)}
    ]
    if differing:
        words = ngettext(
            "In %(n)s most of those who come again do so sooner or later than is set.",
            "In %(n)s of them most of those who come again do so sooner or later than is set.",
            differing,
        )
        said.append(words % {"n": differing})
    elif not mostly_gone:
        said.append(_("What is set agrees with how patients come."))
    if mostly_gone:
        words = ngettext(
            "For %(n)s an interval set by hand makes people due, though fewer than half come again.",
            "For %(n)s an interval set by hand makes people due, though fewer than half come again.",
            mostly_gone,
        )
        said.append(words % {"n": mostly_gone})
    if counting:
        words = ngettext(
            "For %(n)s none is set, and due dates follow the learned one.",
            "For %(n)s none is set, and due dates follow the learned one.",
            counting,
        )
        said.append(words % {"n": counting})
    return " ".join(said)


def table(rows: Sequence[Row]) -> Picture:
    """All services as a file."""
    return Picture(
        key="cycles",
        title=_("Return cycles"),
        columns=[
            (_("Service"), "text"), (_("Group"), "text"), (_("Set, days"), "number"), (_("Learned, days"), "number"),
            (_("A quarter come sooner than, days"), "number"), (_("A quarter come later than, days"), "number"),
            (_("Median from, days"), "number"), (_("Median to, days"), "number"), (_("Come again"), "share"),
            (_("Uses"), "number"), (_("Returns"), "number"), (_("In words"), "text"), (_("What to do"), "text"),
        ],
        rows=[[row.service.name, str(row.service.group or ""), row.by_hand, *_figures(row.learned), verdict(row),
               advice(row)]
              for row in rows],
    )  # fmt: skip


def _figures(row: LearnedCycle | None) -> list[Any]:
    if row is None:
        return [None] * 8
    return [
        row.days, row.days_from, row.days_to, row.error_from, row.error_to, row.returning, row.uses, row.returns
    ]  # fmt: skip


# So far beyond the third quartile, or beyond what is set, the picture goes: after that the curve is level.
BEYOND = 2.2


def until(points: Sequence[Point], row: LearnedCycle | None, by_hand: int | None) -> int:
    """The last day of the picture; everything that was watched is in the table."""
    if not points or row is None:
        return points[-1].days if points else 0
    return min(points[-1].days, round(max(row.days_to * BEYOND, (by_hand or 0) * 1.3)))


def curve(points: Sequence[Point], row: LearnedCycle | None, by_hand: int | None) -> Picture:
    """How the patients come again, with the band in which the truth lies 95 times in 100."""
    marks = []
    if row:
        marks.append({"value": row.days, "name": _("learned: %(days)s") % {"days": wording.days(row.days)}})
    if by_hand and points and by_hand <= points[-1].days:
        marks.append({"value": by_hand, "name": _("set: %(days)s") % {"days": wording.days(by_hand)}, "second": True})
    return Picture(
        key="return",
        title=_("How patients come again"),
        note=_("Share of the uses after which the patient has come for the service again, by days since"),
        meaning=_(
            "Kaplan-Meier: those who have not come yet count as long as they could be waited for. The band holds the "
            "true share 95 times in 100."
        ),
        columns=[(_("Days"), "number"), (_("Come again"), "share"), (_("At least"), "share"), (_("At most"), "share")],
        rows=[list(point) for point in points],
        config={
            "kind": "curve", "axis": _("days since the last time"), "name": _("Come again"), "band": _("95 % band"),
            "points": [list(point) for point in points], "marks": marks, "until": until(points, row, by_hand),
        },
        empty=_("The curve appears when enough patients have come again."),
        height=340,
    )  # fmt: skip
