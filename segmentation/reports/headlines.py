"""The one sentence on top of a page: what its numbers mean today."""

import datetime as dt

from django.utils.translation import gettext as _

from patients import wording
from segmentation.models import BaseTotal, Segment
from segmentation.selectors.overview import Division, Part

# Up to this share of lost patients is normal; clinics find 30–80 %.
LOST_NORM = 0.30
# A reach between these shares of the base is good.
GOOD_REACH = (0.30, 0.60)
# In a base with a shorter history nobody can have stayed away long enough to be lost.
SHORTEST_HISTORY = 365
# A score from fewer answers than this says so.
FEW_ANSWERS = 30


def too_young(total: BaseTotal, first_visit: dt.date | None) -> bool:
    """Whether the visits cover less than a year: then the share of the lost says nothing."""
    return first_visit is not None and (total.as_of - first_visit).days < SHORTEST_HISTORY


def of_base(total: BaseTotal, first_visit: dt.date | None = None) -> str:
    """How much of the base is lost, against the norm."""
    lost = total.lost_share
    if lost is None:
        return _("No patient of the base has a completed visit yet.")
    if first_visit and too_young(total, first_visit):
        return _("The visits cover %(days)s: too few to say who is lost.") % {
            "days": wording.days((total.as_of - first_visit).days + 1)
        }
    words = {"share": wording.share(lost), "norm": wording.share(LOST_NORM)}
    over = round(lost * 100) - round(LOST_NORM * 100)
    if over == 0:
        return _("%(share)s of the patients with a visit are lost, exactly the %(norm)s norm.") % words
    words["points"] = wording.percentage_points(abs(over))
    if over > 0:
        return _("%(share)s of the patients with a visit are lost, %(points)s above the %(norm)s norm.") % words
    return _("%(share)s of the patients with a visit are lost, %(points)s below the %(norm)s norm.") % words


def of_overview(divisions: list[Division]) -> str:
    """Where the money is: the segment that pays most per head of the value tiers, or the largest money of RFM."""
    for code in ("value", "rfm"):
        division = next((d for d in divisions if d.segmentation.code == code), None)
        if division and division.money_365 > 0:
            best = max(division.parts, key=lambda part: part.money_365)
            return _("%(segment)s are %(share)s of the patients and bring %(money)s of the income of the year.") % {
                "segment": _quoted(best.segment),
                "share": wording.share(best.share),
                "money": wording.share(best.money_share),
            }
    return ""


def of_segment(part: Part, base: int, came: int, went: int, days: int) -> str:
    """Size, share of money, and whether the segment fills or empties."""
    if not part.patients:
        said = _("Nobody is in this segment.")
        return f"{said} {_moved(came, went, days)}" if came or went else said
    said = _("%(patients)s, %(share)s of the base, %(money)s of the income of the year.") % {
        "patients": wording.patients_count(part.patients),
        "share": wording.share(part.patients / base if base else None),
        "money": wording.share(part.money_share),
    }
    return f"{said} {_moved(came, went, days)}"


def _moved(came: int, went: int, days: int) -> str:
    return _("%(came)s came in and %(went)s left within %(days)s.") % {
        "came": wording.number(came),
        "went": wording.number(went),
        "days": wording.days(days),
    }


def of_division(division: Division, moves: int, days: int) -> str:
    """How lively a segmentation is."""
    return _("%(moves)s between segments within %(days)s; %(patients)s in all.") % {
        "moves": wording.moves_count(moves),
        "days": wording.days(days),
        "patients": wording.patients_count(division.patients),
    }


def _quoted(segment: Segment) -> str:
    return f"«{segment}»"
